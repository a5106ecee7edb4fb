"""Short-term plasticity against its steady state, its equations solved by hand, and itself in its limits."""

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim.terminals import ThreeState, TsodyksMarkram

exp = np.exp


def by_hand(times, U, tau_rec, tau_facil, u_rest=0.0):
    """What is sent at each spike, from the interval between spikes alone."""
    uses, available, sent, last = u_rest, 1.0, [], None
    for t in times:
        if last is not None:
            available = 1 - (1 - available) * exp(-(t - last) / tau_rec)
            uses = u_rest + (uses - u_rest) * exp(-(t - last) / tau_facil)
        uses += U * (1 - uses)
        sent.append(uses * available)
        available -= uses * available
        last = t
    return np.array(sent)


def test_steady_state_at_a_constant_rate(network, sent):
    """At an interval T: u = U / (1 - (1 - U) e^(-T/tau_facil)), x = (1 - e^(-T/tau_rec)) / (1 - (1 - u)
    e^(-T/tau_rec)).
    """
    U, tau_rec, tau_facil = np.array([0.5, 0.15, 0.04]), np.array([50.0, 30.0, 10.0]), np.array([1e-3, 40.0, 60.0])
    T, spikes = 8.0, 60
    terminal = TsodyksMarkram(U=U, tau_rec=tau_rec * u.ms, tau_facil=tau_facil * u.ms)
    times = np.repeat(np.arange(1, spikes + 1) * T, 3)
    found = sent(network(terminal, times, np.tile(np.arange(3), spikes), n=3), spikes * T + 1)
    use = U / (1 - (1 - U) * exp(-T / tau_facil))
    left = (1 - exp(-T / tau_rec)) / (1 - (1 - use) * exp(-T / tau_rec))
    at = round(spikes * T / 0.1) - 1
    np.testing.assert_allclose(found[at], use * left, rtol=1e-4)  # not quite there after 60 spikes
    first = found[round(T / 0.1) - 1]
    np.testing.assert_allclose(first, U, rtol=1e-12)
    assert np.all(np.argmax(found, axis=0)[:1] == round(T / 0.1) - 1)  # depression from the first spike on ...
    assert np.argmax(found[:, 2]) > round(T / 0.1)  # ... and facilitation


def test_the_result_does_not_depend_on_the_step(network, sent):
    times = np.array([2.0, 4.0, 11.0, 12.0, 30.0])
    expected = by_hand(times, 0.3, 20.0, 15.0)
    for dt in (0.1, 1.0):
        found = sent(network(TsodyksMarkram(U=0.3, tau_rec=20 * u.ms, tau_facil=15 * u.ms), times), 31.0, dt=dt)[:, 0]
        np.testing.assert_allclose(found[found > 0], expected, rtol=1e-12)
        np.testing.assert_allclose((np.flatnonzero(found) + 1) * dt, times)


def test_utilisation_that_rests_at_u(network, sent):
    """As in Mongillo et al. (2008), where u rests at U and jumps before release: a first spike uses U + U (1 - U)."""
    times = np.array([2.0, 4.0, 11.0, 12.0, 30.0])
    terminal = TsodyksMarkram(U=0.2, u_rest=0.2, tau_rec=200 * u.ms, tau_facil=1500 * u.ms)
    found = sent(network(terminal, times), 31.0)[:, 0]
    np.testing.assert_allclose(found[found > 0], by_hand(times, 0.2, 200.0, 1500.0, u_rest=0.2), rtol=1e-12)
    assert np.isclose(found[found > 0][0], 0.2 + 0.2 * 0.8)


def test_three_states_and_their_current(network, sent):
    """Without inactivation they are two; the current of a receptor with the same time constant is the weight times y;
    equal time constants of recovery and inactivation are no exception.
    """
    times = np.array([2.0, 4.0, 11.0, 12.0, 30.0])
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(3, np.tile(times, 3) * u.ms, np.repeat([0, 1, 2], 5))
    net.T = bs.neurons.LIF(3, V_th=1e9 * u.mV)
    inactivation = np.array([1e-4, 6.0, 20.0])
    net.T.add_receptors(syn=bs.receptors.Exponential(tau=inactivation * u.ms))
    terminal = ThreeState(U=0.3, tau_rec=20 * u.ms, tau_facil=15 * u.ms, tau_inactive=inactivation * u.ms)
    net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=2.0 * u.pA, terminal=terminal)
    rec = bs.simulate(net, 31 * u.ms, record=["T.syn.g", "S->T.terminal.y", "S->T.terminal.x"])
    g, x, y = (np.asarray(u.get_mantissa(rec[name])) for name in ("T.syn.g", "S->T.terminal.x", "S->T.terminal.y"))
    np.testing.assert_allclose(g, 2.0 * y, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(y[np.round(times / 0.1).astype(int) - 1, 0], by_hand(times, 0.3, 20.0, 15.0), rtol=1e-4)
    # Between two spikes z' = y / tau_I - z / tau_rec; with equal time constants z = (z0 + y0 t / tau) e^(-t / tau).
    t, z = np.arange(1, 180) * 0.1, 1 - x - y
    y0, z0 = y[119, 2], z[119, 2]
    np.testing.assert_allclose(z[120:299, 2], (z0 + y0 * t / 20) * exp(-t / 20), rtol=1e-10)
