"""Random stimuli against their analytic moments. Bounds are 5 standard errors, for fixed seeds."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import stimuli


def membrane(n, seed=0, tau=10.0, R=1e3):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF(n, tau=tau * u.ms, R=R * u.Mohm, V_th=1e9 * u.mV)
    return net


def plain(quantity):
    return np.asarray(u.get_mantissa(quantity))


def variance_is(samples, expected):
    """Independent, normal: the standard error of a variance is var sqrt(2 / n)."""
    assert abs(np.var(samples) / expected - 1) < 5 * np.sqrt(2 / len(samples))


@pytest.mark.parametrize("dt", [0.25, 1.0])
def test_white_noise_gives_a_membrane_the_variance_of_an_ornstein_uhlenbeck_process(dt):
    """tau dV = -V dt + R sigma dW has the variance (R sigma)^2 / (2 tau).

    Held over steps it is tanh(x) / x times that, x = dt / 2 tau.
    """
    n, sigma = 20_000, 0.5
    net = membrane(n)
    net.E.add_stimuli(noise=stimuli.WhiteNoise(sigma * u.pA * u.ms**0.5, mean=2 * u.pA))
    bs.simulate(net, 60 * u.ms, dt=dt * u.ms)
    V = plain(net.E.V) + 60.0
    x = dt / 20.0
    continuous = sigma**2 / 20.0
    variance_is(V, continuous * np.tanh(x) / x)
    variance_is(V, continuous)
    assert abs(V.mean() - 2 * (1 - np.exp(-6))) < 5 * np.sqrt(continuous / n)
    assert abs(np.corrcoef(V[:-1], V[1:])[0, 1]) < 5 / np.sqrt(n)


@pytest.mark.parametrize("dt", [0.1, 2.0])
def test_ornstein_uhlenbeck_has_its_variance_and_autocorrelation_at_any_step(dt):
    n, tau, sigma = 20_000, 4.0, 3.0
    net = membrane(n)
    net.E.add_stimuli(noise=stimuli.OrnsteinUhlenbeck(5 * u.pA, sigma * u.pA, tau * u.ms))
    bs.simulate(net, 24 * u.ms, dt=dt * u.ms)
    before = plain(net.E.noise.x).copy()
    bs.simulate(net, 4 * u.ms, dt=dt * u.ms)
    after = plain(net.E.noise.x)
    variance_is(after, sigma**2)
    assert abs(after.mean()) < 5 * sigma / np.sqrt(n)
    assert abs(np.corrcoef(before, after)[0, 1] - np.exp(-1)) < 5 / np.sqrt(n)


def test_ornstein_uhlenbeck_is_stationary_from_where_it_starts():
    """It starts at its mean; the variance grows as 1 - exp(-2 t / tau)."""
    net = membrane(20_000)
    net.E.add_stimuli(noise=stimuli.OrnsteinUhlenbeck(0 * u.pA, 3 * u.pA, 4 * u.ms))
    bs.simulate(net, 2 * u.ms)
    variance_is(plain(net.E.noise.x), 9 * (1 - np.exp(-1)))


def test_ornstein_uhlenbeck_is_the_current_that_its_state_says():
    """On a capacitor of 250 pF without a leak: dV = I dt / C, with mean + x at the end of the step before or of this."""
    net = bs.Network()
    net.E = bs.neurons.IF(5, V_th=1e6 * u.mV)
    net.E.add_stimuli(noise=stimuli.OrnsteinUhlenbeck(50 * u.pA, 30 * u.pA, 4 * u.ms))
    rec = bs.simulate(net, 5 * u.ms, record=["E.V", "E.noise.x"])
    V, x = plain(rec["E.V"]), plain(rec["E.noise.x"])
    np.testing.assert_allclose(np.diff(V, axis=0), (50 + x[1:]) * 0.1 / 250, rtol=1e-9)


def poisson(n, sources, rate, weight, dt, **window):
    net = membrane(n)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    drive = stimuli.PoissonInput("syn", sources=sources, rate=rate * u.Hz, weight=weight * u.pA, **window)
    net.E.add_stimuli(drive=drive)
    return net


@pytest.mark.parametrize("sources, rate", [(1, 40.0), (1000, 10.0)])
def test_poisson_input_obeys_campbell(sources, rate):
    """Shot noise: mean = r w tau and variance = r w^2 tau / 2, at the end of steps times a discrete factor."""
    n, dt, weight = 20_000, 0.1, 2.0
    net = poisson(n, sources, rate, weight, dt)
    bs.simulate(net, 60 * u.ms, dt=dt * u.ms)
    g = plain(net.E.syn.g)
    d, events = np.exp(-dt / 5), sources * rate * 1e-3 * dt
    mean, variance = events * weight * d / (1 - d), events * weight**2 * d**2 / (1 - d**2)
    assert mean == pytest.approx(sources * rate * 1e-3 * weight * 5, rel=0.02)  # Campbell's own numbers
    assert variance == pytest.approx(sources * rate * 1e-3 * weight**2 * 2.5, rel=0.03)
    assert abs(g.mean() - mean) < 5 * np.sqrt(variance / n)
    fourth = np.mean((g - g.mean()) ** 4)
    assert abs(g.var() - variance) < 5 * np.sqrt((fourth - variance**2) / n)


def test_poisson_input_keeps_to_its_window_and_its_units():
    net = poisson(4, 100, 1000.0, 1.0, 0.1, start=1 * u.ms, stop=2 * u.ms)
    g = plain(bs.simulate(net, 3 * u.ms, record=["E.syn.g"])["E.syn.g"])
    assert not g[:10].any()
    assert np.all(np.diff(g, axis=0)[10:18].max(axis=0) > 0)
    assert np.all(np.diff(g, axis=0)[20:] < 0)
    view = membrane(4)
    view.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    view.E[:2].add_stimuli(drive=stimuli.PoissonInput("syn", sources=100, rate=1000 * u.Hz, weight=1 * u.pA))
    bs.simulate(view, 3 * u.ms)
    assert np.array_equal(plain(view.E.syn.g) > 0, [True, True, False, False])


def test_poisson_input_says_which_receptor_there_is():
    net = membrane(2)
    net.E.add_receptors(ampa=bs.receptors.Exponential())
    with pytest.raises(bs.UnknownNameError, match="E has no receptor 'ampaa'. Did you mean 'ampa'?"):
        net.E.add_stimuli(drive=stimuli.PoissonInput("ampaa", rate=1 * u.Hz, weight=1 * u.pA))
    with pytest.raises(bs.UnitError, match=r"E\.drive\.weight: expected pA, given nS"):
        net.E.add_stimuli(drive=stimuli.PoissonInput("ampa", rate=1 * u.Hz, weight=1 * u.nS))


@pytest.mark.parametrize(
    "make",
    [
        lambda: stimuli.WhiteNoise(1 * u.pA * u.ms**0.5),
        lambda: stimuli.OrnsteinUhlenbeck(0 * u.pA, 1 * u.pA, 5 * u.ms),
        lambda: stimuli.PoissonInput("syn", rate=2000 * u.Hz, weight=1 * u.pA),
    ],
)
def test_noise_depends_on_seed_and_name_alone(make):
    def draw(seed=0, other=False, pieces=1, name="noise"):
        net = membrane(5, seed=seed)
        if other:
            net.A = bs.neurons.LIF(3)
        net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
        if other:
            net.E.add_stimuli(another=stimuli.Constant(0 * u.pA))
        net.E.add_stimuli(**{name: make()})
        for _ in range(pieces):
            bs.simulate(net, 12 / pieces * u.ms)
        return plain(net.E.V)

    first = draw()
    assert np.array_equal(first, draw(pieces=3))
    assert np.allclose(first, draw(other=True), rtol=1e-12)
    assert not np.any(np.isclose(first + 60, draw(seed=1) + 60))
    assert not np.any(np.isclose(first + 60, draw(name="drive") + 60))


@pytest.mark.parametrize("kind", ("white", "coloured"))
def test_units_share_a_part_of_the_noise(kind):
    """Correlation c between any two units, and the variance that each has alone."""
    net = bs.Network(seed=1)
    net.E = bs.neurons.LIF(20)
    noise = (
        bs.stimuli.WhiteNoise(2 * u.pA * u.ms**0.5, correlation=0.3)
        if kind == "white"
        else bs.stimuli.OrnsteinUhlenbeck(0 * u.pA, 2 * u.pA, 0.5 * u.ms, correlation=0.3)
    )
    net.E.add_stimuli(noise=noise)
    x = bs.simulate(net, 5 * u.second, dt=1 * u.ms, record="E.noise.value")["E.noise.value"].to_decimal(u.pA)[10:]
    c = np.corrcoef(np.asarray(x).T)[np.triu_indices(20, 1)]
    assert c.mean() == pytest.approx(0.3, abs=0.03) and c.std() < 0.04
    assert np.var(x) == pytest.approx(4, rel=0.06)
    with pytest.raises(ValueError, match="E.noise.correlation: values must be at most 1"):
        net.E.noise.correlation = 1.5


def test_noise_of_one_name_is_shared_between_populations():
    net = bs.Network(seed=5)
    ms = u.ms
    for name, options in (
        ("A", dict(shared="field")),
        ("B", dict(shared="field")),
        ("C", dict(shared="field", correlation=0.25)),
        ("D", dict(shared="other")),
        ("E", dict()),
    ):
        setattr(net, name, bs.neurons.LIF(2))
        getattr(net, name).add_stimuli(noise=bs.stimuli.WhiteNoise(1 * u.pA * ms**0.5, **options))
    rec = bs.simulate(net, 2000 * ms, dt=0.5 * ms, record=[f"{name}.noise.value" for name in "ABCDE"])
    x = {name: np.asarray(rec[f"{name}.noise.value"].mantissa) for name in "ABCDE"}
    np.testing.assert_array_equal(x["A"], x["B"])
    np.testing.assert_array_equal(x["A"][:, 0], x["A"][:, 1])
    corr = lambda a, b: np.corrcoef(a, b)[0, 1]
    bound = 4 / np.sqrt(4000)
    assert corr(x["A"][:, 0], x["C"][:, 0]) == pytest.approx(0.5, abs=bound)  # the square root of 1 times 0.25
    assert corr(x["C"][:, 0], x["C"][:, 1]) == pytest.approx(0.25, abs=bound)
    for other in "DE":
        assert abs(corr(x["A"][:, 0], x[other][:, 0])) < bound
    for seed in (5, 6):
        net.reset(seed=seed)
        again = bs.simulate(net, 5 * ms, dt=0.5 * ms, record=["A.noise.value", "B.noise.value"])
        np.testing.assert_array_equal(again["A.noise.value"].mantissa, again["B.noise.value"].mantissa)
        assert np.array_equal(np.asarray(again["A.noise.value"].mantissa), x["A"][:10]) == (seed == 5)
    with pytest.raises(TypeError, match="shared is a name, such as 'field', given 3"):
        bs.stimuli.WhiteNoise(1 * u.pA * ms**0.5, shared=3)


@pytest.mark.parametrize("dt", [0.25, 2.0])
def test_smooth_noise_has_its_covariance_at_any_step(dt):
    """Two low-pass filters: (1 + t / tau) exp(-t / tau) times the variance."""
    n, tau, sigma = 4000, 4.0, 3.0
    net = membrane(n)
    net.E.add_stimuli(noise=stimuli.SmoothNoise(1 * u.pA, sigma * u.pA, tau * u.ms))
    bs.simulate(net, 40 * u.ms, dt=dt * u.ms)
    x = plain(bs.simulate(net, 40 * u.ms, dt=dt * u.ms, record="E.noise.x")["E.noise.x"])
    for lag in range(0, round(16 / dt) + 1, round(4 / dt)):
        t = lag * dt / tau
        found = np.mean(x[: len(x) - lag] * x[lag:])
        assert abs(found / sigma**2 - (1 + t) * np.exp(-t)) < 5 * np.sqrt(2 / n / 4)
    half = plain(net.E.noise.y)
    variance_is(half, 2 * sigma**2)
    net.E.noise.tau = 1e6 * u.ms  # steps that are short beside it: a slope of y / tau, and no noise that rounding makes
    before, y = plain(net.E.noise.x), plain(net.E.noise.y)
    bs.simulate(net, dt * u.ms, dt=dt * u.ms)
    np.testing.assert_allclose(plain(net.E.noise.x) - before, (y - before) * dt / 1e6, atol=1e-7)


@pytest.mark.parametrize("kind", ["white", "coloured", "smooth"])
def test_noise_is_alike_where_units_are_near(kind):
    """A Gaussian of distance between any two units, on a grid of any number of dimensions and at coordinates."""
    where = np.random.default_rng(0).random((60, 2)) * 300 * u.um
    net = bs.Network(seed=2)
    net.E = bs.neurons.LIF(60, positions=where)
    noise = {
        "white": lambda: stimuli.WhiteNoise(2 * u.pA * u.ms**0.5, length=80 * u.um),
        "coloured": lambda: stimuli.OrnsteinUhlenbeck(0 * u.pA, 2 * u.pA, 0.5 * u.ms, length=80 * u.um),
        "smooth": lambda: stimuli.SmoothNoise(0 * u.pA, 2 * u.pA, 0.3 * u.ms, length=80 * u.um),
    }[kind]()
    net.E.add_stimuli(noise=noise)
    x = bs.simulate(net, 20 * u.second, dt=1 * u.ms, record="E.noise.value")["E.noise.value"].to_decimal(u.pA)[20:]
    at = np.asarray(where.to_decimal(u.um))
    d = np.linalg.norm(at[:, None] - at[None], axis=-1)
    expected = np.exp(-((d / 80) ** 2) / 2)
    np.testing.assert_allclose(np.corrcoef(np.asarray(x).T), expected, atol=0.06)
    assert np.var(x) == pytest.approx(4, rel=0.05)
    F = plain(net.E.noise.field.get_raw_value())
    np.testing.assert_allclose(F @ F.T, expected, atol=1e-6)
    assert F.shape[1] <= 60


def test_a_smooth_field_needs_few_numbers_and_knows_its_space():
    net = bs.Network()
    net.E = bs.neurons.LIF((40, 40), positions=bs.connectivity.Grid(spacing=10 * u.um))
    net.E.add_stimuli(noise=stimuli.WhiteNoise(1 * u.pA * u.ms**0.5, length=100 * u.um, correlation=0.2))
    F = plain(net.E.noise.field.get_raw_value())
    assert F.shape[0] == 1600 and F.shape[1] < 300
    np.testing.assert_allclose((F[:100] @ F[100:200].T)[3, 7], np.exp(-_apart(3, 107) / 2), atol=1e-6)
    net.R = bs.neurons.LIF(50, positions=bs.connectivity.Ring())
    net.R.add_stimuli(noise=stimuli.WhiteNoise(1 * u.pA * u.ms**0.5, length=0.4))
    F = plain(net.R.noise.field.get_raw_value())
    assert (F @ F.T)[0, 49] == pytest.approx(np.exp(-((2 * np.pi / 50 / 0.4) ** 2) / 2), abs=1e-6)


def _apart(i, j):
    """Squared distance of two units of the grid over the squared length."""
    return sum((10 * (a - b) / 100) ** 2 for a, b in zip(divmod(i, 40), divmod(j, 40)))


def test_fields_that_there_are_not_are_refused():
    white = lambda **options: stimuli.WhiteNoise(1 * u.pA * u.ms**0.5, **options)  # noqa: E731
    net = bs.Network()
    net.E = bs.neurons.LIF(50, positions=bs.connectivity.UniformBox([1, 1] * u.mm))
    with pytest.raises(ValueError, match="E.noise: length is of positions that are known"):
        net.E.add_stimuli(noise=white(length=80 * u.um))
    net.G = bs.neurons.LIF(50, positions=bs.connectivity.Ring())
    with pytest.raises(bs.UnitError, match="G.noise.length: expected a number without unit, given um"):
        net.G.add_stimuli(noise=white(length=80 * u.um))
    with pytest.raises(ValueError, match="G.noise.length"):
        net.G.add_stimuli(noise=white(length=0.0))
    with pytest.raises(ValueError, match="G.noise: length=5 is too long for a space that closes"):
        net.G.add_stimuli(noise=white(length=5.0))
