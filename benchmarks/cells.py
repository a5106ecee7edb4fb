"""Cells of many compartments in brainsim and its peers: one process, one simulator, one JSON line.

    python benchmarks/cells.py --simulator brainsim --system cable_1000 --json
    python benchmarks/cells.py --simulator all --system all --python neuron=/path/to/python,arbor=/path/to/python

Hodgkin and Huxley's channels of 1952 at 6.3 degrees in every compartment, R_a 100 ohm cm, C 1 uF/cm2, dt 0.025 ms, a constant current
into the first compartment of each cell from the beginning on. hh_1000: 1,000 cells of one compartment; cable_1000: a cable of
1 mm and 1 um in 1,000 compartments; cable_10000: one of 10 mm in 10,000; tree_1023: a binary tree of 1,023 branches with a
compartment each, and 511 branch points;
forest_100x100 and forest_1000x20: as many cables of 1 mm in as many compartments, each an own cell. brainsim takes Crank-Nicolson,
as NEURON with secondorder = 2 and its table of rates off; Arbor and Jaxley take what they have by default. One thread.

Nothing is timed before the spikes are right: those of 50 ms at the first and the last compartment of the first cell, which NEURON 9
has at dt 0.001 ms (`error_ms`: the largest difference). Then the CPU time that `--duration` ms more take, in nanoseconds per
compartment and step (the least of `--repeat` runs of that and of twice that, their difference), what a call takes whatever its
length (`call_s`), and wall time to build and, with the first call, to compile. `--gradient`: CPU time of the gradient by one
conductance for each compartment of a cable of 100 compartments, 1,000 steps, over that of the run (brainsim, jaxley).
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _cells

if __name__ == "__main__":
    _cells.main(__doc__.splitlines()[0])
