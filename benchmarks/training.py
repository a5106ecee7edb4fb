"""A training step of a spiking network in brainsim and its peers: one process, one framework, one JSON line.

    python benchmarks/training.py --task ff --framework brainsim --json
    python benchmarks/training.py --task rec --framework all --python snntorch=/path/to/python,norse=/path/to/python

Leaky integrate-and-fire neurons with a hard reset, v <- beta v + x, s = [v > 1], v <- (1 - s) v, beta = 0.9, the surrogate
gradient 1 / (1 + |v - 1|)^2 (SuperSpike), a leaky integrator as readout, and cross-entropy of its mean over time; Adam; random
input. ff: 700-256-256-20, batch 128, 100 steps, 3 % of the inputs at a time. rec: 700-512-20 with recurrent weights, batch
128, 250 steps. conv: two 3x3 convolutions (32 and 64 channels, the second with strides of 2) of 28 x 28, batch 64, 8 steps, 20 %.
delays: 140-256-256-20, batch 32, 100 steps, 5 %, with a delay of 1 to 25 steps for each synapse that is learned as DCLS has it, at a
width of two steps; for brainsim, floor and torch (a convolution over time, whose kernel is made of Gaussians).

The gradients of the first step are compared with those of a NumPy program (`reference_error`, relative, L2). Then CPU time per
training step on one core, the least and the median, and the peak memory of the process. `floor` is hand-written dense JAX.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from peers import _training

if __name__ == "__main__":
    _training.main(__doc__.splitlines()[0])
