"""COBA-LIF on brainsim and its peers: one process, one simulator, one JSON line.

    python benchmarks/coba_lif.py --simulator brainsim --scale 10 --duration 1 --json
    python benchmarks/coba_lif.py --simulator all --repeat 5

Leaky integrate-and-fire neurons with conductance synapses (R. Brette et al., J. Comput. Neurosci. 23:349, 2007,
benchmark 1), 80 % excitatory: tau 20 ms, E_L -60, threshold -50, reset -60 mV, refractory 5 ms; g_E jumps by 6 nS
and decays in 5 ms (0 mV), g_I by 67 nS and 10 ms (-80 mV), in units where the leak is 10 nS; a constant drive of
20 mV; V starts at N(-55, 5) mV. Any pair is connected with probability 0.02 / scale, so every scale has 80 synapses
per neuron with the same weights. dt 0.1 ms; the spikes of all neurons are recorded. Expected rate: 22 +/- 2 Hz.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _report

if __name__ == "__main__":
    _report.main("coba_lif", __doc__.splitlines()[0])
