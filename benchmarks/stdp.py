"""STDP on brainsim and its peers: one process, one simulator, one JSON line.

    python benchmarks/stdp.py --simulator brainsim --json
    python benchmarks/stdp.py --simulator all --repeat 3

1,000 Poisson neurons of 10 Hz are connected to 1,000 leaky integrate-and-fire neurons with probability 0.1 by additive
STDP of all pairs (S. Song, K. D. Miller, L. F. Abbott, Nat. Neurosci. 3:919, 2000): tau 20 ms on both sides, A_+ 0.01,
A_- 0.0105, weights from 0.5 within [0, 1] (pA into 100 MOhm: they hardly move the cells). A Poisson teacher of 10 Hz of
its own throws each cell over its threshold, so that all simulators learn from the same statistics. dt 0.1 ms, 10 s;
spikes of the postsynaptic cells are recorded. Expected: 10 Hz, and a mean weight that agrees between simulators within
0.01.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _report

if __name__ == "__main__":
    _report.main("stdp", __doc__.splitlines()[0], ("brainsim", "brian2", "nest"), scale=0.25, duration=10.0)
