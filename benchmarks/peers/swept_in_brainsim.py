"""brainsim: `bs.sweep` over the amplitude of the drive, which keeps the rate of each run."""

from ._report import DT_MS, Stopwatch
from ._sweep import Sweep
from .in_brainsim import build_coba_lif


def run(sweep: Sweep) -> dict:
    watch = Stopwatch()
    import brainunit as u

    import brainsim as bs

    with watch("build"):
        net = build_coba_lif(scale=sweep.task.scale, seed=sweep.task.seed)
    amplitudes = sweep.drives_mv * 10 * u.pA  # R = 100 MOhm

    def rates(duration):
        return bs.sweep(
            net,
            {"cells.drive.amplitude": amplitudes},
            duration,
            dt=DT_MS * u.ms,
            record="cells.spikes",
            reduce=lambda rec: {"rate": rec.spikes["cells"].rate()},
            progress=False,
        )["rate"]

    with watch("compile"):
        rates(DT_MS * u.ms)
    with watch("run"):
        found = rates(sweep.task.duration_s * u.second)
    return {
        "version": bs.__version__,
        "setting": "bs.sweep, float32",
        "build_s": watch.wall["build"],
        "compile_s": watch.wall["compile"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rates": found.to_decimal(u.Hz),
    }
