"""Regular, random and bursting trains.

Intervals of gamma processes of three orders, and their coefficients of variation: one over the square root of the order. D. R. Cox, Renewal
Theory (1962).
"""

import brainunit as u
import numpy as np

import brainsim as bs

ORDERS = (1, 4, 16)


def run(n=200, rate=20 * u.Hz, duration=10 * u.second):
    net = bs.Network(seed=0)
    for order in ORDERS:
        setattr(net, f"order{order}", bs.sources.GammaGroup(n, rate=rate, order=order))
    rec = bs.simulate(net, duration, dt=1 * u.ms, record=[f"order{order}.spikes" for order in ORDERS])
    return {order: rec.spikes[f"order{order}"] for order in ORDERS}


def draw(trains, ax):
    for train in trains.values():
        ax.hist(train.isi() / u.ms, np.arange(0, 200, 4), histtype="step", density=True, label=f"CV {train.cv():.2f}")
    ax.set(xlabel="interval (ms)", ylabel="density")
    ax.legend()
