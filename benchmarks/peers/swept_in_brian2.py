"""Brian2: C++ standalone, compiled once; a pool of processes runs the program with other drives.

As "Running multiple simulations" in Brian2's documentation has it: `run_args` set the drive, and each run has a folder of
results of its own.
"""

import multiprocessing
import shutil
import tempfile
from pathlib import Path

import numpy as np

from ._report import DT_MS, Stopwatch
from ._sweep import Sweep
from .in_brian2 import COBA_LIF, FLAGS, coba_network


def run(sweep: Sweep) -> dict:
    watch = Stopwatch()
    import brian2 as b2

    directory = Path(tempfile.mkdtemp(prefix="sweep_brian2_"))
    try:
        with watch("build"):
            b2.set_device("cpp_standalone", build_on_run=False)
            b2.prefs.core.default_float_dtype = np.float32
            b2.prefs.codegen.cpp.extra_compile_args_gcc = FLAGS
            b2.defaultclock.dt = DT_MS * b2.ms
            b2.seed(sweep.task.seed)
            equations, group, initial = COBA_LIF
            equations += "drive : volt (constant, shared)\n"
            built, monitor, synapses = coba_network(b2, sweep.task, equations, group, initial, varied=("drive",))
            built.run(sweep.task.duration_s * b2.second)
        with watch("compile"):
            b2.device.build(directory=str(directory), compile=True, run=False)
        _built.update(monitor=monitor, directory=directory, duration_s=sweep.task.duration_s)
        with watch("run"), multiprocessing.get_context("fork").Pool(sweep.processes) as pool:
            rates = pool.map(_rate, enumerate(sweep.drives_mv), chunksize=1)
            pool.close()
            pool.join()  # or the children's time would not be counted
    finally:
        shutil.rmtree(directory)
    return {
        "version": b2.__version__,
        "setting": f"C++ standalone, {group['method']}, float32, {sweep.processes} processes",
        "build_s": watch.wall["build"],
        "compile_s": watch.wall["compile"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rates": rates,
    }


_built: dict = {}  # what a forked process finds: sent to it, Brian2's objects would be copies that were never run


def _rate(run):
    import brian2 as b2

    number, drive_mv = run
    monitor, directory = _built["monitor"], _built["directory"]
    neurons = monitor.source
    where = f"results_{number}"  # within the directory
    drive = [f"{neurons.name}.drive={drive_mv * 1e-3}"]
    b2.device.run(directory=str(directory), results_directory=where, with_output=False, run_args=drive)
    rate = len(monitor.t_) / len(neurons) / _built["duration_s"]
    shutil.rmtree(Path(directory, where))
    return rate
