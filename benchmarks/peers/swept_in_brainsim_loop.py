"""brainsim without a sweep: one `bs.simulate` after the other, each from the beginning with another drive."""

from ._report import DT_MS, Stopwatch
from ._sweep import Sweep
from .in_brainsim import build_coba_lif


def run(sweep: Sweep) -> dict:
    watch = Stopwatch()
    import brainunit as u

    import brainsim as bs

    with watch("build"):
        net = build_coba_lif(scale=sweep.task.scale, seed=sweep.task.seed)

    def rate(drive_mv, duration):
        net.cells.drive.amplitude = drive_mv * 10 * u.pA  # R = 100 MOhm
        rec = bs.simulate(net, duration, dt=DT_MS * u.ms, record="cells.spikes", progress=False)
        net.reset()
        return rec.spikes["cells"].rate().to_decimal(u.Hz)

    with watch("compile"):
        rate(sweep.drives_mv[0], DT_MS * u.ms)
    with watch("run"):
        rates = [rate(drive, sweep.task.duration_s * u.second) for drive in sweep.drives_mv]
    return {
        "version": bs.__version__,
        "setting": "bs.simulate in a loop, float32",
        "build_s": watch.wall["build"],
        "compile_s": watch.wall["compile"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rates": rates,
    }
