"""Rules of rates against their equations, step by step in plain NumPy."""

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim.testing.plasticity import Clamped

N, STEPS, DT = 3, 60, 1.0
SECOND = u.second
WEIGHTS = np.random.default_rng(1).uniform(0.3, 0.7, (N, N))


def found(pre, post):
    """The weights of each rule after ``STEPS`` steps, in pA, (n_pre, n_post)."""
    p = bs.plasticity
    rules = dict(
        bcm=p.BCM(eta=3e-8 * u.pA / SECOND, y_0=8.0, tau_theta=30 * u.ms, tau_x=20 * u.ms, tau_y=40 * u.ms),
        oja=p.Oja(eta=1e-4 * u.Hz, w_1=1.2 * u.pA, tau_x=20 * u.ms, tau_y=40 * u.ms),
        hebb=p.Hebb(eta=1e-4 * u.pA / SECOND, x_0=50.0, y_0=30.0, decay=2 * u.Hz, tau_x=20 * u.ms, tau_y=40 * u.ms),
        scaling=p.HomeostaticScaling(target_rate=80 * u.Hz, beta=0.02, tau=40 * u.ms),
    )
    net = bs.Network()
    net.pre, net.post = Clamped(N), Clamped(N)
    for name, rule in rules.items():
        weight = WEIGHTS * u.pA
        net.connect(net.pre, net.post, bs.AllToAll(), receptor=None, weight=weight, plasticity=rule, name=name)
    bs.simulate(net, STEPS * DT * u.ms, dt=DT * u.ms, inputs={"pre.given": pre, "post.given": post})
    return {name: np.asarray(net[name].plain("weight")).reshape(N, N) for name in rules}


def expected(pre, post):
    """Traces decay, the threshold follows, weights move, and then spikes count."""
    w = {name: WEIGHTS.copy() for name in ("bcm", "oja", "hebb", "scaling")}
    x, y, theta, dt = np.zeros(N), np.zeros(N), np.zeros(N), 1e-3 * DT
    for k in range(STEPS):
        x, y = x * np.exp(-DT / 20), y * np.exp(-DT / 40)
        X, Y = x[:, None] / 0.02, y / 0.04  # Hz
        theta = Y**2 / 8 + (theta - Y**2 / 8) * np.exp(-DT / 30)
        w["bcm"] += 3e-8 * dt * X * Y * (Y - theta)
        w["oja"] += 1e-4 * dt * Y * (1.2 * X - Y * w["oja"])
        w["hebb"] += 1e-4 * dt * (X - 50) * (Y - 30)
        w["hebb"] -= 2 * dt * w["hebb"]
        w["scaling"] += 0.02 * dt * w["scaling"] * (80 - Y)
        x, y = x + pre[k], y + post[k]
    return w


def test_rules_of_rates_are_their_equations():
    pre, post = (np.random.default_rng(2).random((2, STEPS, N)) < 0.2).astype(float)
    weights, right = found(pre, post), expected(pre, post)
    for name, value in right.items():
        assert np.abs(value - WEIGHTS).max() > 0.01
        np.testing.assert_allclose(weights[name] - WEIGHTS, value - WEIGHTS, rtol=1e-9, err_msg=name)
