"""COBA-HH on brainsim and its peers: one process, one simulator, one JSON line.

    python benchmarks/coba_hh.py --simulator brainsim --scale 10 --duration 1 --json
    python benchmarks/coba_hh.py --simulator all --repeat 5

Traub-Miles Hodgkin-Huxley neurons with conductance synapses (R. Brette et al., J. Comput. Neurosci. 23:349, 2007,
benchmark 3), 80 % excitatory: C 200 pF, g_L 10 nS, g_Na 20 uS, g_K 6 uS, E_L -60, E_Na 50, E_K -90, V_T -63 mV;
g_E jumps by 6 nS and decays in 5 ms (0 mV), g_I by 67 nS and 10 ms (-80 mV). Start: V N(-65, 5) mV, gates 0,
g_E 10 N(4, 1.5) nS, g_I 10 N(20, 12) nS. A spike is V > -20 mV, at most one in 3 ms. Any pair is connected with
probability 0.02 / scale, so every scale has 80 synapses per neuron with the same weights. Exponential Euler with
dt 0.1 ms (NEST: adaptive Runge-Kutta); the spikes of all neurons are recorded. Expected rate: 31 to 42 Hz.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _report

if __name__ == "__main__":
    _report.main("coba_hh", __doc__.splitlines()[0])
