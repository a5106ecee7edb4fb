"""brainsim: COBA-HH as in `models/`, COBA-LIF in one population or as in `models/`, STDP as `stdp.py` describes it.

One population with views for its excitatory and inhibitory neurons is how Brian2's scripts are written too. With
`--populations 2` it is the network of `models/coba_lif.py`: two populations and four projections.

`compile_s` is the wall time of a first call of one step, after which the network is reset; `run_s` is the second call.
"""

import importlib

from ._microcircuit import of_populations
from ._report import DT_MS, Stopwatch, Task, mean_rate, restrict_cpus


def coba_lif(task: Task) -> dict:
    if task.populations == 2:
        return _simulate(task, _model("coba_lif"), ["E.spikes", "I.spikes"])
    return _simulate(task, build_coba_lif, ["cells.spikes"])


def coba_hh(task: Task) -> dict:
    return _simulate(task, _model("coba_hh"), ["E.spikes", "I.spikes"])


def _model(name):
    def build(scale, seed):
        return importlib.import_module(f"models.{name}").build(scale=scale, seed=seed)

    return build


def build_coba_lif(scale, seed):
    import brainunit as u

    import brainsim as bs

    net = bs.Network(seed=seed)
    net.cells = bs.neurons.LIF(
        round(4000 * scale),
        method="euler",  # as Brian2's fastest setting
        tau=20 * u.ms,
        R=100 * u.Mohm,
        refractory=5 * u.ms,
        V=bs.Normal(-55 * u.mV, 5 * u.mV),
    )
    net.cells.add_receptors(
        ampa=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV),
        gaba=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV),
    )
    net.cells.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    wiring, n_E = bs.FixedProbability(0.02 / scale), round(3200 * scale)
    net.connect(net.cells[:n_E], net.cells, wiring, receptor="ampa", weight=6 * u.nS)
    net.connect(net.cells[n_E:], net.cells, wiring, receptor="gaba", weight=67 * u.nS)
    return net


def pd14(task: Task) -> dict:
    def more(net, recording):
        return {"neurons": sum(p.count for p in net.populations.values())} | of_populations(recording.spikes, task)

    from models import pd14 as model

    return _simulate(task, _model("pd14"), model.RECORD, more)


def stdp(task: Task) -> dict:
    return _simulate(
        task, build_stdp, ["post.spikes"], lambda net, _: {"weight": float(net["pre->post"].plain("weight").mean())}
    )


def build_stdp(scale, seed):
    import brainunit as u

    import brainsim as bs

    n = round(4000 * scale)
    net = bs.Network(seed=seed)
    net.pre, net.teacher = (bs.sources.PoissonGroup(n, rate=10 * u.Hz) for _ in range(2))
    net.post = bs.neurons.LIF(n, method="euler", tau=20 * u.ms, R=100 * u.Mohm)
    net.post.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(net.teacher, net.post, bs.OneToOne(), receptor="kick", weight=30 * u.mV)
    rule = bs.plasticity.PairSTDP(A_plus=0.01 * u.pA, A_minus=0.0105 * u.pA, w_max=1 * u.pA)
    net.connect(net.pre, net.post, bs.FixedProbability(0.1), receptor="syn", weight=0.5 * u.pA, plasticity=rule)
    return net


def _simulate(task: Task, build, record, more=lambda net, recording: {}) -> dict:
    restrict_cpus(task.threads)
    watch = Stopwatch()
    with watch("import"):
        import brainunit as u
        import jax
        import numpy as np

        import brainsim as bs

    def simulate(duration):
        return bs.simulate(net, duration, dt=DT_MS * u.ms, record=record, progress=False)

    with watch("build"):
        net = build(scale=task.scale, seed=task.seed)
    with watch("compile"):
        simulate(DT_MS * u.ms)
    net.reset()
    with watch("run"):
        recording = simulate(task.duration_s * u.second)
    times_s = np.concatenate([np.asarray(train.times / u.second) for train in recording.spikes.values()])
    return {
        "version": getattr(bs, "__version__", "unknown"),
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",
        "setting": f"{jax.default_backend()}, {next(iter(net.populations.values())).method.name}",
        "synapses": sum(projection.n_synapses for projection in net.projections.values()),
        "import_s": watch.wall["import"],
        "build_s": watch.wall["build"],
        "build_cpu_s": watch.cpu["build"],
        "compile_s": watch.wall["compile"],
        "compile_cpu_s": watch.cpu["compile"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rate_hz": mean_rate(times_s, task),
    } | more(net, recording)
