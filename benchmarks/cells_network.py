"""A network of cells with shapes in brainsim and its peers: one process, one simulator, one JSON line.

    python benchmarks/cells_network.py --simulator brainsim --json
    python benchmarks/cells_network.py --simulator all --python neuron=/path/to/python,arbor=/path/to/python

1,000 cells of 21 to 191 compartments, no two drawn alike: a soma of 20 um and 2 to 19 dendrites of ten compartments, each of which
grows from the soma's end or from that of another; Hodgkin and Huxley's channels of 1952 in every compartment, R_a 100 ohm cm,
C 1 uF/cm2, 6.3 degrees. A constant current into each soma makes nine tenths of the cells fire at rates of their own. 100,000 synapses,
exponential conductances of 2 ms, join random cells to random compartments with delays of 1 to 10 ms, a tenth of them inhibitory.
dt 0.025 ms. brainsim and NEURON step by backward Euler (NEURON's table of rates off), Arbor by what it has; one thread.

`build_s`, `compile_s` and `run_s` are wall times, `build_cpu_s` and `run_cpu_s` CPU times, the least of `--repeat` runs of `--duration` ms;
`spikes` are those of a run, `ns` nanoseconds of CPU for each compartment and step.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _cells_network

if __name__ == "__main__":
    _cells_network.main(__doc__.splitlines()[0])
