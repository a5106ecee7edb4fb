"""Gamma and correlated processes: rates, intervals and correlations in closed form (fixed seeds, 5 standard errors)."""

import brainunit as u
import matplotlib
import numpy as np
import pytest

import brainsim as bs
from brainsim import sources


def counts(population, duration=2000, bin=20, dt=0.5):
    net = bs.Network(seed=3)
    net.S = population
    train = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record="S.spikes").spikes["S"]
    return train, train.counts(bin * u.ms).astype(float)


@pytest.mark.parametrize("order", (1, 4))
def test_intervals_of_a_gamma_process(order):
    """CV of the intervals 1 / sqrt(k), variance of long counts over their mean 1 / k, and the rate from the first step."""
    train, n = counts(sources.GammaGroup(400, rate=20 * u.Hz, order=order))
    assert abs(n.mean() - 0.4) < 5 * np.sqrt(0.4 / order / n.size)
    assert abs(n[:5].mean() - 0.4) < 5 * np.sqrt(0.4 / n[:5].size)  # in equilibrium from the beginning
    isi = np.asarray(train.isi().to_decimal(u.ms))
    # Intervals longer than the run are missing: 2 % of the mean for k = 1
    assert isi.std() / isi.mean() == pytest.approx(1 / np.sqrt(order), rel=0.04)
    assert isi.mean() == pytest.approx(50, rel=0.04)


def test_the_rate_of_a_gamma_process_follows_its_stimuli():
    group = sources.GammaGroup(2000, rate=10 * u.Hz, order=3)
    group.add_stimuli(more=bs.stimuli.Step([0, 60] * u.Hz, times=[0, 200] * u.ms))
    _, n = counts(group, 400, 100)
    np.testing.assert_allclose(n.mean(1), [1, 1, 7, 7], atol=5 * np.sqrt(7 / 2000))


@pytest.mark.parametrize(
    ("intervals", "cv"), [(bs.LogNormal(1.0, 0.5), 0.5), (bs.Uniform(10 * u.ms, 30 * u.ms), 1 / (2 * np.sqrt(3)))]
)
def test_intervals_of_a_renewal_process(intervals, cv):
    """The rate from the first steps, and the CV of the intervals."""
    train, n = counts(sources.RenewalGroup(400, rate=20 * u.Hz, intervals=intervals))
    assert abs(n.mean() - 0.4) < 5 * np.sqrt(0.4 * cv**2 / n.size)
    assert abs(n[:5].mean() - 0.4) < 5 * np.sqrt(0.4 / n[:5].size)  # in equilibrium from the beginning
    isi = np.asarray(train.isi().to_decimal(u.ms))
    assert isi.std() / isi.mean() == pytest.approx(cv, rel=0.04)
    assert isi.mean() == pytest.approx(50, rel=0.04)


def test_a_renewal_process_rests_and_follows_its_stimuli():
    """With a dead time no interval is shorter, the rate is kept, and the CV is 1 - r d times that without."""
    group = sources.RenewalGroup(500, rate=50 * u.Hz, intervals=bs.LogNormal(1.0, 0.4), dead_time=8 * u.ms)
    train, n = counts(group, bin=100)
    isi = np.asarray(train.isi().to_decimal(u.ms))
    assert isi.min() >= 8
    assert n[2:].mean() == pytest.approx(5, rel=0.01)
    assert isi.std() / isi.mean() == pytest.approx(0.4 * (1 - 0.05 * 8), rel=0.04)
    group = sources.RenewalGroup(2000, rate=10 * u.Hz)
    group.add_stimuli(more=bs.stimuli.Step([0, 60] * u.Hz, times=[0, 200] * u.ms))
    _, n = counts(group, 400, 100)
    np.testing.assert_allclose(n.mean(1), [1, 1, 7, 7], atol=5 * np.sqrt(7 / 2000))


@pytest.mark.parametrize("c", (0.0, 0.3, 1.0))
@pytest.mark.parametrize("kind", ("MIP", "SIP"))
def test_correlations_of_counts(kind, c):
    train, n = counts(sources.CorrelatedGroup(40, rate=20 * u.Hz, correlation=c, kind=kind), 20_000, 20, 0.2)
    pairs = np.corrcoef(n.T)[np.triu_indices(40, 1)]
    assert n.mean() == pytest.approx(0.4, abs=5 * np.sqrt(0.4 * (1 + 39 * c) / n.size))
    assert pairs.mean() == pytest.approx(c, abs=0.03)
    together = np.bincount(np.unique(train.steps, return_counts=True)[1], minlength=41)
    if c == 0.3:  # synchronous events: of 12 on average, or all 40
        assert (together[40] == 0 and together[8:17].sum() > 100) if kind == "MIP" else together[40] > 60
    if c == 1:
        assert together[40] == together.sum()


def test_what_is_no_such_process_is_refused():
    with pytest.raises(ValueError, match="order must be a whole number from 1 on, given 1.5"):
        sources.GammaGroup(3, order=1.5)
    with pytest.raises(TypeError, match="intervals is 0.5; give a distribution such as LogNormal"):
        sources.RenewalGroup(3, intervals=0.5)
    net = bs.Network()
    net.S = sources.RenewalGroup(3, rate=[10, 200, 10] * u.Hz, dead_time=8 * u.ms)
    with pytest.raises(
        ValueError, match="S: at 200 Hz there is no time for a dead time of 8 ms; give a rate below 125 Hz"
    ):
        bs.simulate(net, 1 * u.ms)
    with pytest.raises(ValueError, match="intervals must be positive, given Normal"):
        sources.RenewalGroup(3, intervals=bs.Normal(1.0, 0.5))
    with pytest.raises(bs.UnknownNameError, match="kind='CPP' is unknown.*SIP"):
        sources.CorrelatedGroup(3, kind="CPP")
    with pytest.raises(ValueError, match="must be at most 1"):
        bs.Network().S = sources.CorrelatedGroup(3, correlation=1.2)


def test_numbers_of_a_clock_have_their_moments():
    class Draws(bs.sources.PoissonGroup):
        """Draws."""

        e = bs.State(0.0, "exponential")
        p = bs.State(0.0, "Poisson")
        g = bs.State(0.0, "gamma")
        i = bs.State(0.0, "integer")

        def update(self, clock):
            self.put("e", clock.of("e").exponential((self.count,)))
            self.put("p", clock.of("p").poisson(3.0 + 0 * self.plain("p")).astype(self.plain("p").dtype))
            self.put("g", clock.of("g").gamma(2.5 + 0 * self.plain("g")))
            self.put("i", clock.of("i").integers((self.count,), 6).astype(self.plain("i").dtype))

    net = bs.Network(seed=0)
    net.D = Draws(2000)
    rec = bs.simulate(net, 1 * u.ms, record=["D.e", "D.p", "D.g", "D.i"])
    for label, mean, variance in (("D.e", 1, 1), ("D.p", 3, 3), ("D.g", 2.5, 2.5), ("D.i", 2.5, 35 / 12)):
        x = np.asarray(rec[label])
        assert abs(x.mean() - mean) < 5 * np.sqrt(variance / x.size), label
        assert x.var() == pytest.approx(variance, rel=0.08), label
    assert set(np.unique(np.asarray(rec["D.i"]))) == set(range(6))


def test_a_notebook_shows_a_figure_once(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(display, "display", shown.append)
    net = bs.Network()
    net.S = sources.SpikeTimes(1, [1] * u.ms, [0])
    figure = bs.simulate(net, 2 * u.ms, record="S.spikes").plot()
    monkeypatch.setattr(matplotlib, "get_backend", lambda *_, **__: "module://matplotlib_inline.backend_inline")
    figure._ipython_display_()
    assert shown == []  # it is open: the end of the cell shows it
    matplotlib.pyplot.close(figure)
    figure._ipython_display_()
    assert len(shown) == 1


def test_compound_poisson_events_are_of_the_sizes_asked_for():
    amplitudes = np.array([0.0, 0.7, 0.0, 0.2, 0.0, 0.0, 0.1])
    net = bs.Network(seed=3)
    net.S = sources.CompoundPoissonGroup(8, rate=5 * u.Hz, amplitudes=amplitudes)
    train = bs.simulate(net, 200 * u.second, dt=0.5 * u.ms, record="S.spikes").spikes["S"]
    expected = 5 * 200
    sizes = np.bincount(np.unique(np.asarray(train.steps), return_counts=True)[1], minlength=9)
    events = 8 * expected / (amplitudes @ np.arange(7))  # 8,000 spikes in events of 1.9 on average
    for k in range(1, 7):
        # steps with two events are 0.5 in a hundred
        assert sizes[k] == pytest.approx(
            events * amplitudes[k], abs=4 * np.sqrt(events * amplitudes[k]) + 0.015 * events
        )
    per_unit = np.bincount(np.asarray(train.indices), minlength=8)
    assert np.all(np.abs(per_unit - expected) < 4.5 * np.sqrt(expected))
    counts = np.stack([np.histogram(train.times[train.indices == k] / u.ms, 4000, (0, 200_000))[0] for k in range(8)])
    found = np.corrcoef(counts)[np.triu_indices(8, 1)].mean()
    mean, square = amplitudes @ np.arange(7), amplitudes @ np.arange(7) ** 2
    assert found == pytest.approx((square - mean) / (7 * mean), abs=0.03)


def test_compound_poisson_amplitudes_that_are_none_are_refused():
    for wrong in ([0.5, 0.4], [-0.1, 1.1], [0.2, 0.2, 0.2, 0.2, 0.2], [[1.0]]):
        with pytest.raises(ValueError, match="amplitudes are the probabilities of 0, 1, ... up to 3 units"):
            sources.CompoundPoissonGroup(3, amplitudes=wrong)
    with pytest.raises(ValueError, match="no unit ever fires"):
        sources.CompoundPoissonGroup(3, amplitudes=[1.0])
