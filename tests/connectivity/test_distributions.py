"""Distributions against scipy.stats; seeds are fixed, significance is 0.001."""

import inspect

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from brainsim.connectivity import Clipped, Constant, Distribution, LogNormal, LogUniform, Normal, Truncated, Uniform

N = 20_000
ALPHA = 1e-3


def lognormal(mean, std):
    # scipy's parameters are those of the logarithm; the moments below are checked independently.
    variance = np.log(1 + (std / mean) ** 2)
    return stats.lognorm(np.sqrt(variance), scale=mean * np.exp(-variance / 2))


def conditioned(frozen, low, high):
    """Distribution function of a scipy distribution given low <= x <= high."""
    a, b = frozen.cdf(low), frozen.cdf(high)
    return lambda x: np.clip((frozen.cdf(x) - a) / (b - a), 0, 1)


def draw_jax(distribution, seed, *args, **options):
    # Not jitted: operations compiled one by one are shared between the tests, which is far faster here.
    return distribution.sample_jax(jax.random.key(seed), *args, **options)


# Distribution in mV, and its distribution function in mV.
CASES = {
    "normal": (Normal(-60 * u.mV, 5 * u.mV), stats.norm(-60, 5).cdf),
    "normal, two units": (Normal(-60 * u.mV, 0.005 * u.volt), stats.norm(-60, 5).cdf),
    "lognormal": (LogNormal(2 * u.mV, 3 * u.mV), lognormal(2, 3).cdf),
    "uniform": (Uniform(-70 * u.mV, -50 * u.mV), stats.uniform(-70, 20).cdf),
    "truncated": (Normal(0 * u.mV, 2 * u.mV).truncate(-1 * u.mV, 5 * u.mV), stats.truncnorm(-0.5, 2.5, scale=2).cdf),
    "upper tail": (Normal(0 * u.mV, 1 * u.mV).truncate(low=4 * u.mV), stats.truncnorm(4, np.inf).cdf),
    "lower tail": (Normal(0 * u.mV, 1 * u.mV).truncate(high=-4 * u.mV), stats.truncnorm(-np.inf, -4).cdf),
    "far tail": (Normal(0 * u.mV, 1 * u.mV).truncate(low=8 * u.mV), lambda x: 1 - stats.norm.sf(x) / stats.norm.sf(8)),
    "truncated lognormal": (
        LogNormal(2 * u.mV, 3 * u.mV).truncate(1 * u.mV, 0.004 * u.volt),
        conditioned(lognormal(2, 3), 1, 4),
    ),
    "positive lognormal": (LogNormal(2 * u.mV, 3 * u.mV).truncate(low=0 * u.mV), lognormal(2, 3).cdf),
    "truncated uniform": (Uniform(0 * u.mV, 4 * u.mV).truncate(1 * u.mV, 9 * u.mV), stats.uniform(1, 3).cdf),
}


@pytest.mark.parametrize("case", CASES)
def test_quantiles_invert_the_distribution_function(case):
    distribution, cdf = CASES[case]
    q = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    np.testing.assert_allclose(cdf(distribution.quantile(q, u.mV)), q, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(distribution.quantile(q, u.volt), 1e-3 * distribution.quantile(q, u.mV), rtol=1e-12)


def test_quantiles_of_constant_and_clipped_values():
    np.testing.assert_array_equal(Constant(3 * u.mV).quantile([0.1, 0.9], u.mV), [3, 3])
    clipped = Normal(0 * u.mV, 1 * u.mV).clip(-1 * u.mV, 1 * u.mV)
    np.testing.assert_allclose(clipped.quantile([0.01, 0.5, 0.99], u.mV), [-1, 0, 1], atol=1e-15)
    with pytest.raises(ValueError, match=r"Normal: mean has shape \(2,\); give a scalar"):
        Normal(np.zeros(2), 1.0).quantile(0.5)
    with pytest.raises(u.UnitMismatchError, match="Normal: expected a quantity in nS"):
        Normal(0 * u.mV, 1 * u.mV).quantile(0.5, u.nS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_scipy(case, dtype):
    distribution, cdf = CASES[case]
    drawn = distribution.sample(np.random.default_rng(0), (N // 100, 100), u.mV, dtype)
    assert isinstance(drawn, np.ndarray) and drawn.dtype == dtype and drawn.shape == (N // 100, 100)
    assert stats.kstest(drawn.ravel().astype(float), cdf).pvalue > ALPHA
    traced = draw_jax(distribution, 0, N, u.mV, dtype)
    assert traced.dtype == dtype and traced.shape == (N,)
    assert stats.kstest(np.asarray(traced, float), cdf).pvalue > ALPHA


@pytest.mark.parametrize("case", CASES)
def test_unit_of_the_result(case):
    distribution, _ = CASES[case]
    for unit, factor in ((u.volt, 1e-3), (u.mV, 1.0)):
        drawn = distribution.sample(np.random.default_rng(1), 100, unit)
        np.testing.assert_allclose(drawn, factor * distribution.sample(np.random.default_rng(1), 100, u.mV), rtol=1e-9)
        traced = draw_jax(distribution, 1, 100, unit)
        reference = draw_jax(distribution, 1, 100, u.mV)
        np.testing.assert_allclose(traced, factor * reference, rtol=1e-4)  # holds in float32 too


@pytest.mark.parametrize("case", CASES)
def test_seeds_and_vmap(case):
    distribution, _ = CASES[case]
    first, again, other = (distribution.sample(np.random.default_rng(seed), 50, u.mV) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    keys = jax.random.split(jax.random.key(0), 4)
    together = jax.vmap(lambda key: distribution.sample_jax(key, (3, 5), u.mV))(keys)
    for key, trial in zip(keys, together, strict=True):
        np.testing.assert_allclose(distribution.sample_jax(key, (3, 5), u.mV), trial, rtol=1e-5)
    assert len(np.unique(together)) == together.size


def test_mean_and_std_are_those_of_the_variable():
    drawn = LogNormal(2.0 * u.nS, 1.0 * u.nS).sample(np.random.default_rng(2), 10**6, u.nS)
    assert drawn.mean() == pytest.approx(2.0, abs=5 * 1.0 / 1000)  # five standard errors
    assert drawn.std() == pytest.approx(1.0, abs=0.02)


def test_constant():
    assert (Constant(3 * u.mV).sample(np.random.default_rng(0), (2, 3), u.volt) == 0.003).all()
    drawn = Constant(3.0).sample_jax(jax.random.key(0), (2, 3), dtype=jnp.float32)
    assert drawn.dtype == jnp.float32 and drawn.shape == (2, 3) and (drawn == 3).all()
    drawn = Constant(3).sample(np.random.default_rng(0), 4)
    drawn[0] = 1.5  # an own, writable float array
    assert drawn.tolist() == [1.5, 3.0, 3.0, 3.0]


def test_clipping_gathers_probability_at_the_bounds():
    distribution = Normal(0 * u.mV, 1 * u.mV).clip(-1 * u.mV, 0.002 * u.volt)
    for drawn in (
        distribution.sample(np.random.default_rng(0), N, u.mV),
        np.asarray(distribution.sample_jax(jax.random.key(0), N, u.mV)),
    ):
        assert drawn.min() == -1 and drawn.max() == 2
        assert stats.binomtest(int((drawn == -1).sum()), N, stats.norm.cdf(-1)).pvalue > ALPHA
        assert stats.binomtest(int((drawn == 2).sum()), N, stats.norm.sf(2)).pvalue > ALPHA
        inside = drawn[(drawn > -1) & (drawn < 2)]
        assert stats.kstest(inside, stats.truncnorm(-1, 2).cdf).pvalue > ALPHA
    one_sided = Normal(0.0, 1.0).clip(low=0.0).sample(np.random.default_rng(0), N)
    assert one_sided.min() == 0 and one_sided.max() > 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truncated_values_are_inside(dtype):
    distribution = Normal(0.1, 0.7).truncate(0.3, 0.3000001)
    for drawn in (
        distribution.sample(np.random.default_rng(0), 1000, dtype=dtype),
        draw_jax(distribution, 0, 1000, dtype=dtype),
    ):
        low, high = np.asarray([0.3, 0.3000001], dtype)
        assert (np.asarray(drawn) >= low).all() and (np.asarray(drawn) <= high).all()
    half = draw_jax(Normal(0.0, 1.0).truncate(low=0.0), 3, 10**5, dtype=dtype)
    assert np.isfinite(half).all() and half.max() < 7


def test_one_value_per_neuron():
    mean = np.array([0.0, 10.0, 20.0]) * u.mV
    drawn = Normal(mean, 1e-6 * u.mV).sample(np.random.default_rng(0), (5, 3), u.mV)
    np.testing.assert_allclose(drawn, np.broadcast_to([0, 10, 20], (5, 3)), atol=1e-4)
    drawn = draw_jax(Normal(mean, 1e-6 * u.mV).truncate(high=mean), 0, (5, 3), u.mV)
    np.testing.assert_allclose(drawn, np.broadcast_to([0, 10, 20], (5, 3)), atol=1e-4)
    assert (np.asarray(drawn) <= [0, 10, 20]).all()
    bounds = Uniform([0.0, 1.0], [1.0, 2.0]).sample(np.random.default_rng(0), (100, 2))
    assert (np.floor(bounds) == [0, 1]).all()


def test_gradients_of_the_arguments():
    # Pathwise derivatives against central differences, in float64.
    key = jax.random.key(0)
    for make in (
        lambda a, b: Normal(a, b).truncate(low=0.5),
        lambda a, b: Normal(a, b).truncate(high=2.0),
        lambda a, b: LogNormal(a, b).truncate(0.5, 2.0),
        lambda a, b: LogNormal(a, b).truncate(low=0.0),
    ):

        def total(a, b, make=make):
            return make(a, b).sample_jax(key, 5, dtype=jnp.result_type(float)).sum()

        check_grads(total, (1.0, 0.7), order=1, modes=("rev",), atol=1e-2, rtol=1e-2)


def test_can_be_compiled():
    distribution = Normal(0 * u.mV, 1 * u.mV).truncate(low=1 * u.mV)
    compiled = jax.jit(lambda key: distribution.sample_jax(key, 10, u.mV))(jax.random.key(0))
    np.testing.assert_allclose(compiled, draw_jax(distribution, 0, 10, u.mV), rtol=1e-5)


def test_traced_arguments_are_not_validated():
    assert np.isfinite(jax.jit(lambda std: Normal(0.0, std).sample_jax(jax.random.key(0), 3))(2.0)).all()


def test_units_must_agree():
    with pytest.raises(
        u.UnitMismatchError, match=r"Normal: expected a quantity in mV, given std = 1 \(a plain number\)"
    ):
        Normal(3 * u.mV, 1)
    with pytest.raises(u.UnitMismatchError, match="Uniform: expected a plain number, given high = 1 mV"):
        Uniform(0.0, 1 * u.mV)
    with pytest.raises(u.UnitMismatchError, match="Clipped: expected a quantity in mV, given low = 0"):
        Normal(3 * u.mV, 1 * u.mV).clip(low=0)
    with pytest.raises(u.UnitMismatchError, match="Truncated: expected a quantity in mV, given high = 1 ms"):
        Normal(3 * u.mV, 1 * u.mV).truncate(high=1 * u.ms)


@pytest.mark.parametrize("case", [*CASES, "constant", "clipped"])
def test_wrong_unit_of_the_result(case):
    extra = {"constant": Constant(3 * u.mV), "clipped": Normal(3 * u.mV, 1 * u.mV).clip(0 * u.mV)}
    distribution = extra[case] if case in extra else CASES[case][0]
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    for draw in (
        lambda unit: distribution.sample(rng, 3, unit),
        lambda unit: distribution.sample_jax(jax.random.key(0), 3, unit),
    ):
        with pytest.raises(u.UnitMismatchError, match=r"^\w+: expected a quantity in nS, given .* mV"):
            draw(u.nS)
        with pytest.raises(u.UnitMismatchError, match="expected a plain number"):
            draw(u.UNITLESS)
        with pytest.raises(TypeError, match="unit is 'mV'; give a unit such as u.mV"):
            draw("mV")
    assert rng.bit_generator.state == state  # refused before anything is drawn


def test_wrong_arguments():
    for make, message in (
        (
            lambda: Normal(0.0, -1.0),
            "Normal: given mean = 0.0, std = -1.0; give a finite mean and a std of 0 or larger",
        ),
        (lambda: Normal(np.nan, 1.0), "Normal: given mean = nan"),
        (lambda: LogNormal(0.0, 1.0), "LogNormal: given mean = 0.0, std = 1.0; give a finite mean larger than 0"),
        (lambda: LogNormal(1.0, -1.0), "LogNormal: given"),
        (lambda: Uniform(2 * u.mV, 1 * u.mV), "Uniform: given low = 2 mV, high = 1 mV; give finite ends, low <= high"),
        (lambda: Constant(np.inf), "Constant: given value = inf; give a finite value"),
        (lambda: Normal(0.0, 1.0).clip(), "Clipped: neither low nor high is given"),
        (lambda: Normal(0.0, 1.0).clip(1.0, 0.0), "Clipped: given .*; give bounds low <= high"),
        (lambda: Normal(0.0, 1.0).truncate(1.0, 0.0), "Truncated: given .*; give bounds low <= high"),
        (
            lambda: Normal(0.0, 1.0).truncate(20.0),
            "Truncated: given .*; give bounds that hold some of the distribution",
        ),
        (lambda: LogNormal(1.0, 1.0).truncate(high=-1.0), "Truncated: given .*; give bounds that hold some"),
        (lambda: Uniform(0.0, 1.0).truncate(2.0, 3.0), "Truncated: given .*; give bounds that hold some"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    for make, message in (
        (lambda: Normal("a", 1.0), "Normal: given mean = 'a', std = 1.0; give quantities or numbers"),
        (lambda: Clipped(3.0, low=1.0), "Clipped: distribution is 3.0; give a distribution"),
        (
            lambda: Truncated(Constant(1.0), low=0.0),
            "Truncated: distribution is Constant; give Normal, LogNormal or Uniform",
        ),
        (lambda: Normal(0.0, 1.0).sample(jax.random.key(0), 3), "Normal: rng is .*; give a numpy.random.Generator"),
    ):
        with pytest.raises(TypeError, match=message):
            make()


def test_degenerate_widths():
    rng = np.random.default_rng(0)
    assert (Normal(2.0, 0.0).sample(rng, 3) == 2).all()
    assert (Uniform(2.0, 2.0).sample(rng, 3) == 2).all()
    np.testing.assert_allclose(LogNormal(2.0, 0.0).sample(rng, 3), 2)
    assert (Normal(2.0, 0.0).truncate(1.0, 3.0).sample(rng, 3) == 2).all()


def test_all_distributions_are_exported():
    from brainsim import connectivity

    def subclasses(cls):
        return {s for sub in cls.__subclasses__() for s in {sub} | subclasses(sub)}

    known = {cls for cls in subclasses(Distribution) if not inspect.isabstract(cls)}
    public = {cls for cls in known if cls.__module__.startswith(connectivity.__name__)}
    assert public == {Constant, Normal, LogNormal, LogUniform, Uniform, Clipped, Truncated}
    assert all(getattr(connectivity, cls.__name__) is cls for cls in public)


@pytest.mark.parametrize("n", [1, 5, 16, 300])
def test_a_draw_is_what_jax_draws_though_sizes_share_their_programs(n):
    key = jax.random.PRNGKey(3)
    expected = 1.0 + 2.0 * jax.random.uniform(key, (n,), jnp.float64)
    drawn = Uniform(1.0, 3.0).sample_jax(key, n, dtype=jnp.float64)
    assert np.array_equal(drawn, expected)
    inside = Normal(0.0, 1.0).truncate(-1.0, 2.0)
    assert np.array_equal(inside.sample_jax(key, n), inside.sample_jax(key, 300)[:n])
