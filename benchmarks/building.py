"""How long common networks take to build, on brainsim, Brian2 and NEST: one JSON line each, every one in a process of its own.

    python benchmarks/building.py
    python benchmarks/building.py --python brian2=/path/to/python,nest=/path/to/python --threads 1

- ``coba``: 40,000 neurons, any pair connected with probability 0.002 (3.2 million synapses), one weight.
- ``brunel``: 12,500 neurons with 1,000 excitatory and 250 inhibitory inputs each (15.6 million), one weight and delay.
- ``drawn``: 12,500 neurons, any pair with probability 0.1 (15.6 million), normal weights and delays of single synapses.
- ``spatial``: 10,000 neurons at random places of 1 mm x 1 mm, pairs with probability 0.5 exp(-d^2 / 2 (0.1 mm)^2) (2.65 million).

Populations and synapses are made; nothing is simulated. `import_s` stands apart. brainsim and Brian2 load what they have compiled
before: the first row of each process pair warms it, the second is what counts.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _report

NETWORKS = ("coba", "brunel", "drawn", "spatial")
SIMULATORS = ("brainsim", "brian2", "nest")


def brainsim(network: str, clock: _report.Stopwatch, threads: int) -> tuple[str, int]:
    """Version and number of synapses of what was built."""
    with clock("import"):
        import brainunit as u
        import numpy as np

        import brainsim as bs
    with clock("build"):
        net = bs.Network(seed=1)
        size = {"coba": 40_000, "spatial": 10_000}.get(network, 12_500)
        places = np.random.default_rng(1).uniform(0, 1, (size, 2)) * u.mm if network == "spatial" else None
        net.E = bs.neurons.LIF(size, positions=places)
        net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
        if network == "coba":
            net.connect(net.E, net.E, bs.FixedProbability(0.002), receptor="syn", weight=6 * u.pA)
        elif network == "brunel":
            inputs = ((net.E[:10_000], 1000, 20 * u.pA), (net.E[10_000:], 250, -100 * u.pA))
            for pre, k, weight in inputs:
                rule = bs.FixedInDegree(k, multiple=True)
                net.connect(pre, net.E, rule, receptor="syn", weight=weight, delay=1.5 * u.ms)
        elif network == "drawn":
            delay = bs.Normal(1.5 * u.ms, 0.75 * u.ms).truncate(low=0.1 * u.ms)
            weight = bs.Normal(20 * u.pA, 2 * u.pA)
            net.connect(net.E, net.E, bs.FixedProbability(0.1), receptor="syn", weight=weight, delay=delay)
        else:
            rule = bs.DistanceDependent(bs.connectivity.Gaussian(0.1 * u.mm), p_max=0.5)
            net.connect(net.E, net.E, rule, receptor="syn", weight=20 * u.pA)
    return bs.__version__, sum(p.n_synapses for p in net.projections.values())


def brian2(network: str, clock: _report.Stopwatch, threads: int) -> tuple[str, int]:
    """As :func:`brainsim`."""
    with clock("import"):
        import brian2 as b
    with clock("build"):
        b.seed(1)
        size = {"coba": 40_000, "spatial": 10_000}.get(network, 12_500)
        cells = b.NeuronGroup(size, "dv/dt = -v / (20*ms) : 1\nx : 1\ny : 1", threshold="v > 1", method="exact")
        if network == "coba":
            made = [b.Synapses(cells, cells, on_pre="v += 0.1")]
            made[0].connect(p=0.002)
        elif network == "brunel":
            made = []
            for part, k in ((cells[:10_000], 1000), (cells[10_000:], 250)):
                made.append(b.Synapses(part, cells, on_pre="v += 0.1", delay=1.5 * b.ms))
                sources = b.np.random.randint(0, len(part), size * k)
                made[-1].connect(i=sources, j=b.np.repeat(b.np.arange(size), k))
        elif network == "drawn":
            made = [b.Synapses(cells, cells, "w : 1", on_pre="v += w")]
            made[0].connect(p=0.1)
            made[0].w = "0.1 + 0.01 * randn()"
            made[0].delay = "clip(1.5 + 0.75 * randn(), 0.1, 100) * ms"
        else:
            cells.x, cells.y = b.np.random.default_rng(1).uniform(0, 1, (2, size))
            made = [b.Synapses(cells, cells, on_pre="v += 0.1")]
            made[0].connect(p="0.5 * exp(-((x_pre - x_post)**2 + (y_pre - y_post)**2) / 0.02)")
    return b.__version__, sum(len(s) for s in made)


def nest(network: str, clock: _report.Stopwatch, threads: int) -> tuple[str, int]:
    """As :func:`brainsim`."""
    with clock("import"):
        import nest as n
    with clock("build"):
        n.set_verbosity("M_ERROR")
        n.ResetKernel()
        n.local_num_threads = threads
        size = {"coba": 40_000, "spatial": 10_000}.get(network, 12_500)
        if network == "spatial":
            places = n.spatial.free(n.random.uniform(0, 1), num_dimensions=2)
            cells = n.Create("iaf_psc_exp", size, positions=places)
            probability = 0.5 * n.spatial_distributions.gaussian(n.spatial.distance, std=0.1)
            n.Connect(cells, cells, {"rule": "pairwise_bernoulli", "p": probability}, {"weight": 20.0})
        else:
            cells = n.Create("iaf_psc_exp", size)
        if network == "coba":
            n.Connect(cells, cells, {"rule": "pairwise_bernoulli", "p": 0.002}, {"weight": 6.0})
        elif network == "brunel":
            for part, k, weight in ((cells[:10_000], 1000, 20.0), (cells[10_000:], 250, -100.0)):
                n.Connect(part, cells, {"rule": "fixed_indegree", "indegree": k}, {"weight": weight, "delay": 1.5})
        elif network == "drawn":
            delay = n.math.redraw(n.random.normal(1.5, 0.75), min=0.1, max=100.0)
            drawn = {"weight": n.random.normal(20.0, 2.0), "delay": delay}
            n.Connect(cells, cells, {"rule": "pairwise_bernoulli", "p": 0.1}, drawn)
    return n.__version__, n.num_connections


def measure(network: str, simulator: str, threads: int) -> dict:
    """One row."""
    clock = _report.Stopwatch()
    version, synapses = globals()[simulator](network, clock, threads)
    row = {"benchmark": "building", "network": network, "simulator": simulator, "version": version, "threads": threads}
    row |= {"synapses": synapses, "import_s": clock.wall["import"], "build_s": clock.wall["build"]}
    row |= {"build_cpu_s": clock.cpu["build"], "peak_rss_mb": _report.peak_rss_mb()}
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}


def main() -> None:
    """Print a line for every network and simulator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--simulator", choices=SIMULATORS, action="append")
    parser.add_argument("--threads", type=int, default=1)
    _report.add_python(parser)
    parser.add_argument("--here", action="store_true", help="in this process: one network, one simulator")
    options = parser.parse_args()
    networks, simulators = options.network or NETWORKS, options.simulator or SIMULATORS
    if options.here:
        print(json.dumps(measure(networks[0], simulators[0], options.threads)), flush=True)
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    for network in networks:
        for simulator in simulators:
            command = [
                options.python.get(simulator, sys.executable),
                __file__,
                "--here",
                f"--threads={options.threads}",
            ]
            command += [f"--network={network}", f"--simulator={simulator}"]
            for _ in range(2):  # what is compiled once is kept by the first
                done = subprocess.run(command, capture_output=True, text=True, env=environment)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            reason = (done.stderr.strip().splitlines() or ["no result"])[-1]
            failed = {"benchmark": "building", "network": network, "simulator": simulator, "error": reason}
            print(lines[-1] if lines else json.dumps(failed), flush=True)


if __name__ == "__main__":
    main()
