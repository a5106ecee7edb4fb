"""BrainPy 2.6 or earlier: one program for all runs, by `jax.vmap` of a run over the drive, as `jax_vectorize_map` does.

Later versions refuse a network within `jax.vmap`. Synapses are an event-driven product where that can be batched.
"""

import numpy as np

from ._report import DT_MS, Stopwatch
from ._sweep import Sweep
from .in_brainpy import coba_lif_neurons, network


def run(sweep: Sweep) -> dict:
    watch = Stopwatch()
    import brainpy as bp
    import brainpy.math as bm
    import jax

    with watch("build"):
        bm.set_dt(DT_MS)
        bm.random.seed(sweep.task.seed)
        net = network(bp, bm, sweep.task, coba_lif_neurons(sweep.task, bp), 0.0, (0.6, 6.7))
        start = {name: variable.value for name, variable in net.vars().items()}
        steps = bm.asarray(np.arange(sweep.steps))

    def rate(drive):
        for name, variable in net.vars().items():
            variable.value = start[name]
        net.drive = drive
        spikes = bm.for_loop(lambda i: bm.sum(net.step_run(i)), steps, progress_bar=False)
        return bm.as_jax(bm.sum(spikes)) / sweep.task.neurons / sweep.task.duration_s

    batched = jax.jit(jax.vmap(rate))
    drives = np.asarray(sweep.drives_mv, np.float32)
    with watch("first"):
        jax.block_until_ready(batched(drives))
    with watch("run"):
        rates = jax.block_until_ready(batched(drives))
    return {
        "version": bp.__version__,
        "setting": f"jax.vmap of bm.for_loop, float32, {jax.default_backend()}",
        "build_s": watch.wall["build"],
        "compile_s": watch.wall["first"] - watch.wall["run"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rates": rates,
    }
