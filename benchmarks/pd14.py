"""The cortical microcircuit on brainsim and NEST: one process, one simulator, one JSON line.

    python benchmarks/pd14.py --simulator all --scale 0.1 --duration 1 --json
    python benchmarks/pd14.py --simulator brainsim --scale 1 --duration 1 --json

T. C. Potjans, M. Diesmann, Cereb. Cortex 24:785 (2014), as in `models/pd14.py`: at scale 1, 77,169 neurons and 299
million synapses with weights and delays of their own, Poisson background; dt 0.1 ms; the spikes of all neurons are
recorded. Smaller scales have fewer neurons and fewer inputs of each. Expected rates at scale 1: 0.90, 2.97, 4.41, 5.88,
7.57, 8.63, 1.11 and 7.83 Hz, from L2/3E to L6I. At scale 1 brainsim takes 3 to 4 GB of memory, NEST 15.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _report

if __name__ == "__main__":
    _report.main("pd14", __doc__.splitlines()[0], ("brainsim", "nest"), scale=0.1)
