"""brainsim: the circuits in `models/`, as they are.

`compile_s` is the wall time of a first call of one step, after which the network is reset; `run_s` is the second call.
"""

from ._report import DT_MS, Stopwatch, Task, mean_rate, restrict_cpus


def coba_lif(task: Task) -> dict:
    return _simulate(task, "coba_lif")


def coba_hh(task: Task) -> dict:
    return _simulate(task, "coba_hh")


def _simulate(task: Task, name: str) -> dict:
    restrict_cpus(task.threads)
    watch = Stopwatch()
    with watch("import"):
        import importlib

        import brainunit as u
        import jax
        import numpy as np

        import brainsim as bs

        model = importlib.import_module(f"models.{name}")

    def simulate(duration):
        return bs.simulate(net, duration, dt=DT_MS * u.ms, record=["E.spikes", "I.spikes"], progress=False)

    with watch("build"):
        net = model.build(scale=task.scale, seed=task.seed)
    with watch("compile"):
        simulate(DT_MS * u.ms)
    net.reset()
    with watch("run"):
        recording = simulate(task.duration_s * u.second)
    times_s = np.concatenate([np.asarray(recording.spikes[pop].times / u.second) for pop in ("E", "I")])
    return {
        "version": getattr(bs, "__version__", "unknown"),
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",
        "setting": f"{jax.default_backend()}, {net.E.method.name}",
        "synapses": sum(projection.n_synapses for projection in net.projections.values()),
        "import_s": watch.wall["import"],
        "build_s": watch.wall["build"],
        "compile_s": watch.wall["compile"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rate_hz": mean_rate(times_s, task),
    }
