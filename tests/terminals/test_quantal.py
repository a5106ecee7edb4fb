"""Release by chance: its distribution, its derivative, and what its draws depend on."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import brainsim as bs
from brainsim.terminals import QuantalRelease, TsodyksMarkram
from brainsim.terminals.quantal import _binomial

N, TRIALS = 4, 3000
OPTIONS = dict(U=0.4, tau_rec=30 * u.ms, tau_facil=20 * u.ms)
TIMES = np.array([2.0, 5.0, 9.0, 30.0])
AT = np.round(TIMES / 0.1).astype(int) - 1


def released(network, sent, terminal, n=TRIALS, **options):
    times, units = np.repeat(TIMES, n), np.tile(np.arange(n), len(TIMES))
    return sent(network(terminal, times, units, n=n, **options), 31.0)[AT]


@pytest.fixture
def trials(network, sent):
    return released(network, sent, QuantalRelease(N=float(N), **OPTIONS))


def test_the_mean_is_that_of_the_deterministic_synapse(trials, network, sent):
    expected = released(network, sent, TsodyksMarkram(**OPTIONS), n=1)[:, 0]
    error = trials.std(axis=1) / np.sqrt(TRIALS)
    assert np.all(np.abs(trials.mean(axis=1) - expected) < 4 * error)
    assert np.all(error < 0.02 * expected + 0.005)


def test_the_first_release_is_binomial_and_depletion_correlates_the_next(trials):
    counts = np.round(trials * N).astype(int)
    np.testing.assert_allclose(counts / N, trials, atol=1e-12)
    found = np.bincount(counts[0], minlength=N + 1)
    expected = TRIALS * stats.binom.pmf(np.arange(N + 1), N, 0.4)
    assert stats.chisquare(found, expected).pvalue > 1e-3
    assert np.corrcoef(trials[0], trials[1])[0, 1] < -0.1


def test_draws_belong_to_seed_path_and_step(network, sent):
    def draw(seed):
        return released(network, sent, QuantalRelease(N=float(N), **OPTIONS), n=40, seed=seed)

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    net = bs.Network(seed=1)
    net.S = bs.sources.SpikeTimes(40, np.full(40, 2.0) * u.ms, np.arange(40))
    net.A, net.B = bs.neurons.LIF(40), bs.neurons.LIF(40)
    for post in (net.A, net.B):
        post.add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
        net.connect(net.S, post, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=QuantalRelease())
    bs.simulate(net, 2 * u.ms)
    assert not np.array_equal(net.A.syn.plain("g"), net.B.syn.plain("g"))


@pytest.mark.parametrize(("n", "p"), [(5.0, 0.0), (5.0, 1.0), (1.0, 0.3), (100.0, 0.5), (100.0, 0.97), (0.0, 0.5)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_binomial_numbers(n, p, dtype):
    size = 20_000
    drawn = np.asarray(_binomial(jax.random.PRNGKey(1), jnp.full(size, n, dtype), jnp.full(size, p, dtype)))
    assert drawn.dtype == dtype and np.all(drawn == np.round(drawn)) and np.all((drawn >= 0) & (drawn <= n))
    assert abs(drawn.mean() - n * p) <= 4 * np.sqrt(n * p * (1 - p) / size)
    assert drawn.var() == pytest.approx(n * p * (1 - p), rel=0.05)


def test_the_derivative_is_that_of_the_mean(network):
    """With full sites, d mean / dU = 1 for a single spike; it is zero through what was drawn."""
    f = bs.function(network(QuantalRelease(N=float(N)), [0.2]), 0.3 * u.ms, record="T.syn.g", remat=False)
    slope = jax.grad(lambda U: f({"S->T.terminal.U": U}, {})[1]["T.syn.g"][1, 0])(jnp.asarray(0.4))
    assert slope == pytest.approx(1.0)


def test_sites_are_a_few_whole_ones(network):
    for sites in (2.5, 101.0):
        with pytest.raises(ValueError, match="N: expected a whole number of release sites, up to 100"):
            network(QuantalRelease(N=sites), [1.0])
