"""Graded signals, gates before them, diffusion and holds in steps of their own length, against solutions in closed form."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.linalg import expm

import brainsim as bs
from brainsim import cells, channels
from brainsim.integrators import Adaptive
from brainsim.simulation.continuous.links import corrected, solver

FINE = Adaptive(rtol=1e-9, atol=1e-9, most_steps=128)
PASSIVE = dict(tau=10 * u.ms, E_L=-65 * u.mV, V_th=-20 * u.mV, V_reset=-65 * u.mV, V=-65 * u.mV)
G = 0.7  # uS, at 1 uS of leak


def joined():
    """Two neurons and one, all passive, joined both ways across populations."""
    net = bs.Network()
    net.A, net.B = bs.neurons.LIF(2, **PASSIVE), bs.neurons.LIF(1, **PASSIVE)
    net.A.add_stimuli(I=bs.stimuli.Constant([10.0, 20.0] * u.nA, start=1 * u.ms))
    for pre, post in ((net.A, net.B), (net.B, net.A)):
        post.add_receptors(gap=bs.receptors.GapJunction())
        net.connect(pre, post, bs.AllToAll(), receptor="gap", weight=G * u.uS)
    return net


def potentials(t, g=G):
    """V - E_L of the three at t in ms."""
    M = np.array([[-1 - g, 0, g], [0, -1 - g, g], [g, g, -1 - 2 * g]]) / 10
    return np.array([np.linalg.solve(M, (expm(M * max(x - 1, 0)) - np.eye(3)) @ [1.0, 2.0, 0.0]) for x in t])


def test_junctions_between_populations_are_the_solution_with_derivatives():
    net = joined()
    run = bs.function(joined(), 20 * u.ms, dt=1 * u.ms, record=["A.V", "B.V", "B.gap.I"], adaptive=FINE)
    _, found = run({}, {})
    t = np.arange(1.0, 21)
    V = potentials(t)
    np.testing.assert_allclose(np.c_[found["A.V"], found["B.V"]] + 65, V, atol=1e-7)
    current = G * (V[:, 0] + V[:, 1] - 2 * V[:, 2])
    np.testing.assert_allclose(found["B.gap.I"][:, 0] / 1e3, current, atol=1e-6)
    both = lambda g: run({"A->B.weight": g, "B->A.weight": g}, {})[1]["B.V"][9, 0]  # noqa: E731
    slope = jax.jit(jax.grad(both))(run.parameters["A->B.weight"])
    scale = float(run.parameters["A->B.weight"] / G)
    expected = (potentials([10.0], G + 1e-4) - potentials([10.0], G - 1e-4))[0, 2] / 2e-4
    np.testing.assert_allclose(slope * scale, expected, rtol=1e-6)
    bs.simulate(net, 20 * u.ms, dt=1 * u.ms, adaptive=FINE)
    np.testing.assert_allclose(net.B.gap.total.to_decimal(u.nA), G * (V[-1, 0] + V[-1, 1] - 130), atol=1e-6)


def test_gates_open_with_spikes_and_with_potentials():
    net = bs.Network()
    times = np.array([2.25, 6.1, 9.7])
    net.clock, net.E = bs.sources.SpikeTimes(1, times * u.ms, [0] * 3), bs.neurons.LIF(2, **PASSIVE)
    net.E.add_stimuli(still=bs.stimuli.Hold("V", [-40, -30] * u.mV))
    net.E.add_receptors(n=bs.receptors.Graded())
    terminal = dict(nmda=bs.terminals.NMDAGating(), release=bs.terminals.GradedRelease(a_r=0.1 / u.ms))
    net.connect(net.clock, net.E, bs.AllToAll(), receptor="n", weight=1 * u.nA, terminal=terminal["nmda"], name="p")
    net.connect(net.E, net.E, bs.AllToAll(), receptor="n", weight=1 * u.nA, terminal=terminal["release"], name="q")
    record = ["p.terminal.x", "p.terminal.s", "q.terminal.s", "E.V"]
    rec = bs.simulate(net, 20 * u.ms, dt=0.5 * u.ms, record=record, adaptive=FINE)
    t = rec.times.to_decimal(u.ms)
    x = lambda t: np.where(t >= times, np.exp(-(t - times) / 2), 0.0).sum()  # noqa: E731
    np.testing.assert_allclose(rec["p.terminal.x"][:, 0], [x(t) for t in t], atol=1e-8)
    fine = np.arange(0, 20, 1e-3) + 5e-4  # ds/dt = alpha x (1 - s) - s / tau_decay, by the midpoint rule
    s, seen = 0.0, []
    for k, now in enumerate(fine):
        a = 0.5 * x(now)
        s = (a + (s * (a + 0.01) - a) * np.exp(-(a + 0.01) * 1e-3)) / (a + 0.01)
        seen += [s] if k % 500 == 499 else []
    np.testing.assert_allclose(rec["p.terminal.s"][:, 0], seen, atol=1e-4)
    opening, closing = 0.1 / (1 + np.exp(-(np.array([-40, -30]) + 35) / 8)), 5 / 1500
    open_ = opening / (opening + closing) * (1 - np.exp(-(opening + closing) * t[:, None]))
    np.testing.assert_allclose(rec["q.terminal.s"], open_, atol=1e-8)
    np.testing.assert_allclose(rec["E.V"].to_decimal(u.mV), np.tile([-40.0, -30], (40, 1)), rtol=1e-14)


def test_what_is_held_follows_and_is_let_go():
    net = bs.Network()
    net.E = bs.neurons.LIF(1, **PASSIVE)
    course = bs.stimuli.Ramp(-60 * u.mV, -50 * u.mV, start=2 * u.ms, stop=7 * u.ms)
    net.E.add_stimuli(held=bs.stimuli.Hold("V", course, start=2 * u.ms, stop=5 * u.ms))
    rec = bs.simulate(net, 10 * u.ms, dt=0.25 * u.ms, record="E.V", adaptive=FINE)
    t = rec.times.to_decimal(u.ms)
    expected = np.where(t <= 2, -65.0, np.where(t <= 5, -60 + 2 * (t - 2), -65 + 11 * np.exp(-(t - 5) / 10)))
    np.testing.assert_allclose(rec["E.V"].to_decimal(u.mV)[:, 0], expected, atol=1e-7)


def test_calcium_diffuses_as_in_a_closed_cylinder():
    """A mode of a cable with sealed ends decays at the rate of the Laplacian of its compartments, and by what acts without it."""
    n, length, D = 16, 80.0, 0.3
    tube, wave = cells.cylinder(length * u.um, 2 * u.um), np.cos(np.pi * (np.arange(n) + 0.5) / n)
    course = []
    for given in (dict(D=D * u.um2 / u.ms, D_B=D * u.um2 / u.ms), {}):
        net = bs.Network()
        calcium = channels.BufferedCalcium(**given)
        net.c = cells.MultiCompartment(1, tube, compartments=n, g_L=0.1 * u.mS / u.cm2, pools=dict(Ca=calcium))
        net.c.Ca.concentration = (1e-3 + 1e-6 * wave) * u.mM
        rec = bs.simulate(net, 20 * u.ms, dt=1 * u.ms, record="c.Ca.concentration", adaptive=Adaptive(1e-10, 1e-10))
        course.append(rec["c.Ca.concentration"].to_decimal(u.mM) @ wave)
    pace = 4 * D / (length / n) ** 2 * np.sin(np.pi / 2 / n) ** 2
    np.testing.assert_allclose(np.log(course[1] / course[0]), pace * np.arange(1, 21), rtol=1e-3)


def test_corrections_solve_or_say_that_they_do_not():
    rng = np.random.default_rng(0)
    A, near = np.eye(6) + 0.1 * rng.normal(size=(6, 6)), lambda r: r
    b = jnp.asarray(rng.normal(size=6))
    product = lambda A: lambda x: A @ x  # noqa: E731
    np.testing.assert_allclose(corrected(product(A), near, b), np.linalg.solve(A, b), rtol=1e-9)
    found = lambda A, b: solver(product(A), near, b)(b)  # noqa: E731
    check_grads(found, (jnp.asarray(A), b), order=1, modes=("fwd", "rev"))
    assert np.isnan(corrected(product(3 * A), near, b)).all()


def test_delays_and_shapes_are_refused():
    net = bs.Network()
    net.c = cells.MultiCompartment(
        1, cells.cylinder(100 * u.um, 2 * u.um), compartments=3, channels=dict(k=channels.K_HH1952())
    )
    net.c.add_stimuli(held=bs.stimuli.Hold("k.n", 0.3))
    with pytest.raises(ValueError, match="c.held: it holds a variable of cells with a shape"):
        bs.simulate(net, 1 * u.ms, adaptive=FINE)
