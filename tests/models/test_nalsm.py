import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from models.nalsm import network
from models.nalsm.plasticity import TRACE_DECAY

SIZE, INPUTS, STEPS = (5, 5, 4), 30, 80
DT = 1.0 * u.ms


def reference(net, events, *, gamma, w_astro, depression="astro"):
    """The published order of operations, on dense matrices: spikes, V, A and weights after every step.

    V. A. Ivanov, K. P. Michmizos (2021), with the source that they published.
    """
    n, n_in = len(net.liquid), len(net.pixels)
    total = n + n_in  # liquid, then input
    W, mask = np.zeros((total, total)), np.zeros((total, total), bool)  # [post, pre]
    for name, offset in (("E->E", 0), ("E->I", 0), ("I->E", 0), ("I->I", 0), ("pixels->liquid", n)):
        pre, post = net[name].indices_of_synapses()
        W[post, pre + offset], mask[post, pre + offset] = net[name].weight.mantissa, True
    E = round(0.8 * n)
    inhibitory = np.zeros(total, bool)
    inhibitory[E:n] = True
    low, high = np.full(total, -3.0), np.full(total, 3.0)  # by presynaptic neuron
    low[:E], high[E:n] = 0.0, 0.0
    V, TR, age, x = np.zeros(total), np.zeros(total), np.full(total, 20.0), np.zeros(total)
    A_plus, A = 0.15, 0.15
    w, b = w_astro, 0.15
    out = []
    for step in range(len(events)):
        S = (V >= 20) & (TR <= 0)
        V = np.where(S, 0.0, V)
        age[S] = 0
        I = np.zeros(total)
        I[n:] = 100.0 * events[step]
        V = V + W @ np.exp(-age) + I - V / 64
        age = np.minimum(age + 1, 100)
        TR = np.where(S, 2, TR - 1)
        minus = A if depression == "astro" else A_plus
        dW = A_plus * np.outer(S, x) - minus * np.outer(x, S)
        dW[:, inhibitory] = (-minus * np.outer(S, x) + A_plus * np.outer(x, S))[:, inhibitory]
        W = np.where(mask, np.clip(W + dW, low, high), 0.0)
        x = TRACE_DECAY * (x + 0.1 * S)
        A = A + (w * (S[:n].sum() - S[n:].sum()) + b - A) / 100
        A_plus, A, w, b = A_plus * gamma, A, w * gamma, b * gamma
        out.append((S.copy(), V.copy(), A, W.copy()))
    return out, mask


@pytest.fixture(scope="module")
def events():
    return (np.random.default_rng(1).random((STEPS, INPUTS)) < 0.25).astype(float)


@pytest.mark.parametrize("learning, gamma", [("astrocyte", 0.99), ("stdp", 1.0)])
def test_every_step_is_that_of_the_published_order(events, learning, gamma):
    net = network.build(3, size=SIZE, inputs=INPUTS, learning=learning, w_astro=0.05)
    expected, mask = reference(net, events, gamma=gamma, w_astro=0.05, depression="astro" if learning == "astrocyte" else "plus")
    net.annealing.factor = gamma
    watched = {"liquid.spikes", "liquid.V", "pixels.V", "pixels.spikes"}
    if learning == "astrocyte":
        net.astro.annealing = gamma
        watched.add("astro.A")
    names = ["E->E", "E->I", "I->E", "I->I", "pixels->liquid"]
    record = [*watched, *(f"{name}.weight" for name in names)]
    run = bs.function(net, STEPS * DT, dt=DT, record=record, remat=False)
    _, rec = run({}, {}, inputs={"pixels.events.p": jnp.asarray(events)})
    n = len(net.liquid)
    spikes = np.concatenate([rec["liquid.spikes"], rec["pixels.spikes"]], 1)
    V = np.concatenate([rec["liquid.V"], rec["pixels.V"]], 1)
    assert spikes[:, :n].sum() > 100  # the liquid is active, and inhibition is too
    assert spikes[:, round(0.8 * n) : n].sum() > 20
    for t in range(STEPS):
        S, before, A, W = expected[t]
        if t > 0:
            np.testing.assert_array_equal(spikes[t - 1], S)
        fires = spikes[t]  # the runtime resets at the end of a step, the paper at the beginning of the next
        np.testing.assert_allclose(V[t], np.where(fires, 0.0, before), atol=1e-4)
        if "astro.A" in rec:
            np.testing.assert_allclose(rec["astro.A"][t], A, rtol=1e-12)
        for name, offset in zip(names, (0, 0, 0, 0, n)):
            pre, post = net[name].indices_of_synapses()
            np.testing.assert_allclose(rec[f"{name}.weight"][t], W[post, pre + offset], atol=1e-12)
    assert np.abs(expected[-1][3] - expected[0][3])[mask].max() > 0.05
