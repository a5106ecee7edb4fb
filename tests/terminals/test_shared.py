"""One terminal for several projections of a population: advanced once, and the same for all."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def network():
    net = bs.Network(seed=3)
    net.S = bs.sources.SpikeTimes(4, [0.5, 0.7, 1.0, 1.4] * u.ms, [0, 1, 0, 3])
    net.A, net.B = (bs.neurons.LIF(4, V_th=1e9 * u.mV) for _ in range(2))
    for post in (net.A, net.B):
        post.add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
    return net


def connect(net, pre, post, terminal, **options):
    return net.connect(pre, post, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=terminal, **options)


def arrived(net):
    rec = bs.simulate(net, 2 * u.ms, record=["A.syn.g", "B.syn.g"])
    return [np.asarray(u.get_mantissa(rec[name])) for name in ("A.syn.g", "B.syn.g")]


def test_all_projections_get_the_same_and_it_advances_once():
    net, alone = network(), network()
    release = bs.terminals.QuantalRelease(N=7.0, tau_rec=5 * u.ms)
    # The second in the order of a step holds it; views of the population share it as well.
    connect(net, net.S, net.B, release)
    connect(net, net.S[:2], net.A[:2], release, delay=0.3 * u.ms)
    assert net["S->B"].terminal is release and "terminal" not in vars(net["S->A"])
    connect(alone, alone.S, alone.B, bs.terminals.QuantalRelease(N=7.0, tau_rec=5 * u.ms))
    a, b = arrived(net)
    np.testing.assert_array_equal(b, arrived(alone)[1])  # draws do not depend on who shares
    np.testing.assert_array_equal(a[3:, :2], b[:-3, :2])
    assert a[:, :2].any() and not a[:, 2:].any()
    assert "S->A, S->B" in net.schedule()


def test_connecting_several_populations_shares_it():
    net = network()
    connect(net, net.S, [net.A, net.B], bs.terminals.TsodyksMarkram())
    a, b = arrived(net)
    np.testing.assert_array_equal(a, b)
    assert a.any()


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (lambda self, clock, spikes: None, r"S->A.terminal: Wrong.update returns .* of shape \(4,\); given nothing"),
        (lambda self, clock, spikes: spikes[:2] * 1.0, r"given .* of shape \(2,\)"),
        (lambda self, clock, spikes: spikes * (1 * u.ms), r"given Quantity of shape \(4,\)"),
        (
            lambda self, clock, spikes: self.put("tau_re", 1.0),
            "S->A.terminal has no array 'tau_re'. Did you mean 'tau_rec'",
        ),
    ],
)
def test_a_terminal_that_sends_nothing_is_refused(update, message):
    net = network()
    connect(net, net.S, net.A, type("Wrong", (bs.terminals.TsodyksMarkram,), {"update": update})())
    with pytest.raises((TypeError, bs.UnknownNameError), match=message):
        bs.simulate(net, 0.1 * u.ms)


def test_another_population_or_network_is_refused_and_a_failure_leaves_it_free():
    net, other = network(), network()
    terminal = bs.terminals.TsodyksMarkram()
    with pytest.raises(bs.UnitError):
        net.connect(net.S, net.A, bs.OneToOne(), receptor="syn", weight=1 * u.mV, terminal=terminal)
    with pytest.raises(bs.UnknownNameError):
        net.connect(net.S, [net.A, net.S], bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=terminal)
    connect(net, net.S, net.A, terminal)
    with pytest.raises(ValueError, match="the terminal given to A->B is that of S already, as S->A.terminal"):
        connect(net, net.A, net.B, terminal)
    with pytest.raises(ValueError, match="of another network"):
        connect(other, other.S, other.A, terminal)


def test_initial_values_are_drawn_again_with_a_seed():
    net = network()
    connect(net, net.S, net.A, bs.terminals.TsodyksMarkram(x=bs.Uniform(0.2, 0.9)))
    bs.simulate(net, 0.1 * u.ms)
    first = np.asarray(net["S->A"].terminal.x)
    net.reset(seed=8)
    again = np.asarray(net["S->A"].terminal.x)
    assert len(np.unique(again)) == 4 and np.all((again > 0.2) & (again < 0.9))
    assert not np.array_equal(first, again)
