"""A sweep of COBA-LIF over its drive in brainsim and its peers: one process, one way to do it, one JSON line.

    python benchmarks/sweep.py --way brainsim --values 64 --duration 0.5 --json
    python benchmarks/sweep.py --way all --values 16 --python brian2=/path/to/python,brainpy=/path/to/python

The network of `coba_lif.py`, run once for each of so many values of the drive from 16 to 24 mV; of every run the rate of
its neurons is kept. `brainsim` is `bs.sweep`, `loop` is one `bs.simulate` after the other, `brian2` is one C++ standalone
program that a pool of processes runs with other parameters (as Brian2's documentation has it), `brainpy` is
`bm.vmap`. What is compared is `throughput`: networks times biological seconds per second of wall time, without what
is done once (`build_s`, and `compile_s`: a first sweep of one step, the compiler, or the first call). `cpu_throughput` is per
second of CPU time.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _sweep

if __name__ == "__main__":
    _sweep.main(__doc__.splitlines()[0])
