"""A neuron that finds the principal component.

Oja's rule turns the weights of a linear neuron towards the direction in which its inputs vary most. E. Oja, J. Math. Biol. 15:267 (1982).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def run(n=8, steps=20000, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n, n)) * np.geomspace(2, 0.2, n)[:, None]
    x = np.repeat(rng.normal(size=(steps // 20, n)) @ mixing, 20, 0)  # each for 20 ms
    net = bs.Network(seed=seed)
    net.x = bs.masses.Linear(n)
    net.y = bs.masses.Linear(1)
    net.y.add_receptors(sum=bs.receptors.Graded())
    rule = bs.plasticity.Oja(eta=0.1 * u.Hz, w_1=1.0, pre_variable="x", post_variable="x", w_min=-9.0, w_max=9.0)
    net.connect(net.x, net.y, bs.AllToAll(), receptor="sum", signal="x", weight=bs.Normal(0.0, 0.3), plasticity=rule)
    rec = bs.simulate(net, steps * u.ms, dt=1 * u.ms, record={"x->y.weight": 20 * u.ms}, inputs={"x.x": x})
    w = np.asarray(rec["x->y.weight"]).reshape(-1, n)
    direction = np.linalg.eigh(np.cov(x.T))[1][:, -1]
    return np.asarray(rec.times / u.second), w, np.abs(w @ direction) / np.linalg.norm(w, axis=1)


def draw(result, ax):
    times, w, cosine = result
    ax.plot(times, w, lw=0.7)
    ax.plot(times, cosine, "k", lw=2, label="cosine with the component")
    ax.set(xlabel="s", ylabel="weights")
    ax.legend()
