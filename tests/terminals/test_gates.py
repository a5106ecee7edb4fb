"""Gates that saturate against their equations, solved piece by piece between spikes."""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from brainsim.terminals import Kinetic, NMDAGating, SecondMessenger, TwoStage

TIMES = np.array([2.0, 4.4, 4.8, 13.2])
DURATION = 24.0


def solved(slope, start, kinks, at, jump=lambda y, t: y):
    """Solution at times ``at``; ``kinks`` are where the right-hand side or, by ``jump``, the state is not smooth."""
    edges = np.unique([0.0, *kinks, DURATION])
    y, found = np.asarray(start, float), []
    for a, b in zip(edges[:-1], edges[1:]):
        # what is recorded at the time of a spike is before its jump: it changes the steps that follow
        inside = at[(at > a + 1e-9) & (at <= b + 1e-9)]
        y = jump(y, a)
        within = lambda t, y, a=a, b=b: slope(min(max(t, a + 1e-9), b - 1e-9), y)
        piece = solve_ivp(within, (a, b), y, dense_output=True, rtol=1e-11, atol=1e-13)
        found += [piece.sol(np.clip(inside, a, b)).T] if len(inside) else []
        y = piece.y[:, -1]
    return np.concatenate(found)


def pulse(t, length):
    return float(np.any((t >= TIMES) & (t < TIMES + length)))


def at(dt):
    return np.arange(1, round(DURATION / dt) + 1) * dt


def nmda_gating(times):
    def slope(t, y):
        return [-y[0] / 2.0, -y[1] / 100.0 + 0.5 * y[0] * (1 - y[1])]

    return solved(slope, [0, 0], TIMES, times, lambda y, t: y + [float(np.any(np.isclose(t, TIMES))), 0])[:, 1]


def two_stage(times):
    def slope(t, y):
        r, s = y
        return [1.0 * pulse(t, 0.5) * (1 - r) - 0.5 * r, 2.0 * r * (1 - s) - 0.01 * s]

    return solved(slope, [0, 0], [*TIMES, *(TIMES + 0.5)], times)[:, 1]


def second_messenger(times):
    def slope(t, y):
        r, G = y
        return [0.09 * pulse(t, 1.0) * (1 - r) - 0.0012 * r, 0.18 * r - 0.034 * G]

    G = solved(slope, [0, 0], [*TIMES, *(TIMES + 1.0)], times)[:, 1]
    return G**4 / (G**4 + 100)


@pytest.mark.parametrize(
    ("terminal", "exact"),
    [(NMDAGating, nmda_gating), (TwoStage, two_stage), (SecondMessenger, second_messenger)],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_follows_its_equations_with_order_two(terminal, exact, network, sent):
    errors = [
        np.abs(sent(network(terminal(), TIMES), DURATION, dt=dt)[:, 0] - exact(at(dt))).max() for dt in (0.2, 0.1)
    ]
    scale = exact(at(0.1)).max()
    assert errors[1] < 2e-3 * scale
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("dt", [0.1, 0.4])
@pytest.mark.parametrize(
    ("alpha", "beta", "length"),
    [(1.1, 0.19, 1.0), (0.072, 0.0066, 1.0), (5.0, 0.18, 0.55)],
    ids=["AMPA", "NMDA", "GABA_A"],
)
def test_kinetics_are_exact_at_any_step(alpha, beta, length, dt, network, sent):
    """Also where a pulse ends within a step; a spike within a pulse begins it anew."""
    terminal = Kinetic(alpha=alpha / (u.mM * u.ms), beta=beta / u.ms, T_dur=length * u.ms)

    def slope(t, y):
        return [alpha * pulse(t, length) * (1 - y[0]) - beta * y[0]]

    expected = solved(slope, [0], [*TIMES, *(TIMES + length)], at(dt))[:, 0]
    np.testing.assert_allclose(sent(network(terminal, TIMES), DURATION, dt=dt)[:, 0], expected, rtol=1e-7, atol=1e-9)


def test_a_pulse_opens_what_destexhe_et_al_give(network, sent):
    """Closed form at the end of a pulse of 1 mM and 1 ms: alpha / (alpha + beta) (1 - exp(-(alpha + beta))), then decay
    with beta.
    """
    found = sent(network(Kinetic(), [1.0]), 8.0)[:, 0]
    peak = 1.1 / 1.29 * (1 - np.exp(-1.29))
    assert found.max() == pytest.approx(peak, rel=1e-12) and (np.argmax(found) + 1) * 0.1 == pytest.approx(2.0)
    assert found[-1] == pytest.approx(peak * np.exp(-0.19 * 6.0), rel=1e-12)


def test_nmda_gates_saturate(network, sent):
    """At a constant rate f the mean of x is tau_rise f, and s tends to a x / (1/tau_decay + a x) for fast fluctuations
    of x.
    """
    times = np.arange(1, 500) * 1.0
    s = sent(network(NMDAGating(), times), 500.0)[-10:, 0].mean()
    drive = 0.5 * 2.0 * 1.0
    assert s == pytest.approx(drive / (0.01 + drive), rel=1e-3)
