"""What XLA makes of a run for a GPU, on a machine without one: how many kernels a block of steps is, and what waits for the host.

    pip install "jax[cuda13]"    # into an environment of its own; 4 GB
    JAX_SKIP_CUDA_CONSTRAINTS_CHECK=1 JAX_PLATFORMS=cpu python benchmarks/gpu_program.py coba_lif --scale 1

The program is compiled in earnest, for an H100 that is described in words; it is not run. Thunks are what the runtime goes
through: what is indented under a command buffer is captured once and launched as one graph.
"""

import argparse
import collections
import os
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

DUMP = tempfile.mkdtemp()
OPTIONS = f"--xla_dump_to={DUMP} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*chunk.*"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {OPTIONS}"

H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 } core_count: 132 fpus_per_core: 128 clock_rate_ghz: 1.98 threads_per_warp: 32
  threads_per_block_limit: 1024 threads_per_core_limit: 2048 registers_per_core_limit: 65536 registers_per_block_limit: 65536
  shared_memory_per_block: 49152 shared_memory_per_core: 233472 shared_memory_per_block_optin: 232448
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
  memory_bandwidth: 3352320000000 device_memory_size: 84942979072 l2_cache_size: 52428800
  device_vendor: "NVIDIA Corporation" name: "NVIDIA H100 80GB HBM3" device_address_bits: 64
  driver_version: "13.0.0" runtime_version: "13.0.0" compile_time_toolkit_version: "13.0.0" dnn_version: "9.10.0"
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 patch: 0 } device_description_str: "NVIDIA H100 80GB HBM3"
"""  # command buffers hold our calls from version 12.3 of driver and runtime on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "network", choices=("cells", "stdp", "coba_lif", "coba_hh", "pd14"), help="cells: as benchmarks/gpu.py"
    )
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--whole", action="store_true", help="print all thunks")
    options = parser.parse_args()

    import brainunit as u
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.experimental import topologies
    from jax.sharding import SingleDeviceSharding

    from brainsim._core import step_length
    from brainsim.simulation import blocks, door, engine, loop

    there = topologies.get_topology_desc("h100", "cuda", topology="1x1x1", target_config=H100)
    place = SingleDeviceSharding(there.devices[0])
    net = network(options.network, options.scale)
    record = [f"{name}.spikes" for name in net.populations]
    entry = door.enter(net, 1 * u.ms, dt=0.1 * u.ms, record=record).prepared()
    blocks.default_platform = lambda: "cuda"
    plan = loop.plan_of(net, entry.requests)
    trees = entry.parameters, entry.fixed, entry.state, step_length(0.1), {}, np.int32(10)

    def chunk(*trees):
        return engine._run_chunk(plan, entry.structure, "cuda", *trees)

    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.asarray(x).dtype, sharding=place), trees)
    started = time.process_time()
    lowered = jax.jit(chunk, keep_unused=True).trace(*shapes).lower(lowering_platforms=("cuda",))
    traced = time.process_time()
    lowered.compile()
    print(
        f"traced in {traced - started:.1f} s of CPU, compiled in {time.process_time() - traced:.1f} s, without our kernels"
    )
    (path,) = Path(DUMP).glob("*chunk*thunk_sequence_after_thunk_passes.txt")
    thunks = path.read_text().splitlines()
    if options.whole:
        print("\n".join(thunks))
    for depth, kinds in counted(thunks):
        print(f"{'  ' * depth}{', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}")


def network(name: str, scale: float):
    from peers.in_brainsim import build_coba_lif, build_stdp

    if name in ("cells", "stdp"):
        return {"cells": build_coba_lif, "stdp": build_stdp}[name](scale, 0)
    return __import__(f"models.{name}", fromlist=[name]).build(scale=scale, seed=0)


def counted(thunks: list[str]):
    """How many thunks of each kind there are in each sequence of them, with how deep it stands."""
    found: list[tuple[int, collections.Counter]] = []
    for line in thunks:
        match = re.match(r"( *)\d+: k(\w+)", line)
        if match is None:
            continue
        depth = len(match[1]) // 2
        if not found or found[-1][0] != depth:
            found.append((depth, collections.Counter()))
        found[-1][1][match[2]] += 1
    return found


if __name__ == "__main__":
    main()
