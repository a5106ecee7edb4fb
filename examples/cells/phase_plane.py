"""A phase plane.

FitzHugh's cell without and with a current: nullclines from the model's own vector field, and what it does. R. FitzHugh, Biophys. J.
1:445 (1961).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def run(current=0.5):
    net = bs.Network()
    net.cell = bs.neurons.FitzHughNagumo(1)
    net.cell.add_stimuli(drive=bs.stimuli.Constant(current))
    rec = bs.simulate(net, 200 * u.ms, record=["cell.V", "cell.w"])
    V, w = np.meshgrid(np.linspace(-2.5, 2.5, 81), np.linspace(-1, 2, 61))
    flat = bs.Network()
    flat.cells = bs.neurons.FitzHughNagumo(V.size)
    field = flat.cells.vector_field({}, {"I": np.full(V.size, current)})
    slopes = field(0.0, {"V": V.ravel(), "w": w.ravel()})
    return V, w, [np.reshape(slopes[name], V.shape) for name in ("V", "w")], rec["cell.V"][:, 0], rec["cell.w"][:, 0]


def draw(result, ax):
    V, w, (dV, dw), path_V, path_w = result
    ax.streamplot(V, w, dV, dw, color="#bbbbbb", linewidth=0.5, arrowsize=0.6)
    ax.contour(V, w, dV, [0], colors="C0")
    ax.contour(V, w, dw, [0], colors="C2")
    ax.plot(path_V, path_w, "C3")
    ax.set(xlabel="V", ylabel="w")
