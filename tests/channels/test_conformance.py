"""What every exported channel and pool must do; a new one is tested by being exported."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels
from brainsim._core import Parameter

EXPORTED = [getattr(channels, name) for name in channels.__all__]
CLASSES = [x for x in EXPORTED if isinstance(x, type)]
CHANNELS = [
    x for x in CLASSES if issubclass(x, channels.Channel) and x not in (channels.Channel, channels.CalciumChannel)
]
POOLS = [x for x in CLASSES if issubclass(x, channels.Pool) and x not in (channels.Pool, channels.PoolEquation)]
every = pytest.mark.parametrize("model", CHANNELS, ids=lambda model: model.__name__)
every_pool = pytest.mark.parametrize("model", POOLS, ids=lambda model: model.__name__)

ABOVE_ONE = {"Ih_Destexhe1996"}  # a locked channel conducts more than an open one
# How far published fits pass 1: a power law beyond 30 mV; two branches that meet at 50 mV up to the rounding of a
# constant.
OVERSHOOT = {"KA_ConnorStevens": 0.013, "KC_Traub1991": 1e-4}
# With all singular points
V = np.concatenate([np.arange(-120.0, 60.1, 0.1).round(1), [-49.9, -19.9, 1.31, 19.88, -8.9, -46.9, -24.9]])


def concentrations(model, shape=()):
    """A concentration that opens half: of order 1e-2 mM, or 100 in Traub's units."""
    amount = 100.0 if "Traub" in model.__name__ else 0.01 * u.mM
    return {name: amount * jnp.ones(shape) for name in model.reads}


def plain(x):
    return np.asarray(u.get_mantissa(x))


@every
def test_is_documented(model):
    assert ".. math::" in model.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", model.__doc__, re.DOTALL)
    for name, declared in model._declared.items():
        assert declared.__doc__, name


@every
def test_every_number_has_its_unit(model):
    channel = model()
    assert channel.unit_of("g_max") == u.mS / u.cm2
    assert channel.unit_of("E") == u.mV
    for gate in model.gates:
        assert channel.unit_of(gate) == u.UNITLESS
    for name, slope in channel.slopes(-60.0 * u.mV, **concentrations(model), **dict.fromkeys(model.gates, 0.5)).items():
        assert u.get_unit(slope).has_same_dim(u.kHz), name
    current = channel.current(-60.0 * u.mV, **concentrations(model), **dict.fromkeys(model.gates, 0.5))
    assert u.get_unit(current).has_same_dim(u.uA / u.cm2)


@every
def test_bad_values_are_refused_and_named(model):
    what = f"{model.__name__}.g_max"
    with pytest.raises(bs.UnitError, match=re.escape(f"{what}: expected mS / cm^2, given nS")):
        model(g_max=1.0 * u.nS)
    with pytest.raises(ValueError, match=re.escape(f"{what}: values must be finite")):
        model(g_max=np.nan * u.mS / u.cm2)
    with pytest.raises(bs.UnknownNameError, match=f"{model.__name__} has no 'g_mx'.*Did you mean 'g_max'?"):
        model(g_mx=1.0 * u.mS / u.cm2)
    cell = bs.neurons.ConductanceBased
    pools = {"Ca": channels.Calcium_Traub1991() if "Traub" in model.__name__ else channels.Calcium()}
    with pytest.raises(ValueError, match=re.escape("ConductanceBased.x.g_max: expected shape () or (3,), given (2,)")):
        cell(3, channels={"x": model(g_max=np.ones(2) * u.mS / u.cm2)}, pools=pools)


@every
def test_steady_state_is_a_fixed_point_in_bounds(model):
    channel = model()
    ions = concentrations(model, V.shape)
    steady = channel.steady_state(V * u.mV, **ions)
    most = 1 + OVERSHOOT.get(model.__name__, 0.0) + 1e-14
    assert tuple(steady) == model.gates
    for gate, value in steady.items():
        value = plain(value)
        assert value.min() >= 0 and value.max() <= most, gate
    for gate, slope in channel.slopes(V * u.mV, **ions, **steady).items():
        assert np.abs(plain(slope)).max() < 1e-13, gate
    fraction = plain(channel.current(V * u.mV, **ions, **steady) / channel.g_max / (channel.E - V * u.mV))
    fraction = fraction[np.isfinite(fraction)]  # 0 / 0 at the reversal potential
    assert fraction.min() >= 0
    assert fraction.max() <= most**3 or model.__name__ in ABOVE_ONE


@every
def test_gates_stay_in_bounds(model):
    """At 0 no gate falls, at 1 none rises."""
    channel, ions = model(), concentrations(model, V.shape)
    for end, sign in ((0.0, -1), (1.0, 1)):
        gates = dict.fromkeys(model.gates, jnp.full(V.shape, end))
        for gate, slope in channel.slopes(V * u.mV, **ions, **gates).items():
            # The states of a scheme share what there is
            free = {0.0: ABOVE_ONE, 1.0: ABOVE_ONE | OVERSHOOT.keys()}[end]
            if model.__name__ not in free:
                assert np.all(sign * plain(slope) <= 1e-12), gate


@every
def test_is_finite_and_differentiable_everywhere(model):
    channel = model()

    def everything(v):
        ions = concentrations(model, v.shape)
        gates = dict.fromkeys(model.gates, jnp.full(v.shape, 0.3))
        slopes = channel.slopes(v * u.mV, **ions, **gates)
        values = [
            *slopes.values(),
            channel.current(v * u.mV, **ions, **gates),
            *channel.steady_state(v * u.mV, **ions).values(),
        ]
        return jnp.stack([u.get_mantissa(x) * jnp.ones(v.shape) for x in values])

    @jax.jit
    def both_ways(v, weights):
        value, slope = jax.jvp(everything, (v,), (jnp.ones_like(v),))
        return value, slope, jax.grad(lambda v: jnp.sum(weights @ everything(v)))(v)

    at, h = np.array([-93.21, -71.37, -66.43, -48.19, -3.77, 31.13]), 1e-4
    n, weights = len(at), np.random.default_rng(0).normal(size=len(model.gates) * 2 + 1)
    value, slope, back = map(np.asarray, both_ways(np.concatenate([V, at, at + h, at - h]), weights))
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(slope))
    difference = (value[:, -2 * n : -n] - value[:, -n:]) / (2 * h)
    np.testing.assert_allclose(slope[:, -3 * n : -2 * n], difference, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(back, weights @ slope, rtol=1e-9, atol=1e-9)


@every
def test_temperature_factors_scale_the_rates_only(model):
    factors = [name for name in model._declared if name.startswith("phi")]
    ions, gates = concentrations(model), dict.fromkeys(model.gates, 0.3)
    slow = model()
    for name in factors:
        fast = model(**{name: 2.0 * getattr(slow, name)})
        for gate in model.gates:
            np.testing.assert_allclose(
                plain(fast.steady_state(-62.0 * u.mV, **ions)[gate]),
                plain(slow.steady_state(-62.0 * u.mV, **ions)[gate]),
                rtol=1e-12,
            )
        old, new = (
            plain(jnp.stack([s.to_decimal(u.kHz) for s in c.slopes(-62.0 * u.mV, **ions, **gates).values()]))
            for c in (slow, fast)
        )
        changed = ~np.isclose(new, old, rtol=1e-12)
        assert np.any(changed), name
        if model.__name__ not in ABOVE_ONE:
            np.testing.assert_allclose(new[changed], 2.0 * old[changed], rtol=1e-12)


@every
def test_is_elementwise_in_arrays_of_any_shape(model):
    """Cells by compartments, with a conductance for each."""

    class Cable:
        count, path = (2, 3), "cable"

    v = np.linspace(-90.0, 20.0, 6).reshape(2, 3)
    g = np.arange(1.0, 7.0).reshape(2, 3)
    channel = model(g_max=g * u.mS / u.cm2)
    channel.bind(Cable, "x")
    ions = concentrations(model, v.shape)
    steady = channel.steady_state(v * u.mV, **ions)
    current = channel.current(v * u.mV, **ions, **steady)
    assert current.shape == (2, 3)
    for gate in model.gates:
        assert channel.plain(gate).shape == (2, 3)
    for at in np.ndindex(2, 3):
        alone = model(g_max=g[at] * u.mS / u.cm2)
        gates = alone.steady_state(v[at] * u.mV, **concentrations(model))
        np.testing.assert_allclose(
            plain(current)[at], plain(alone.current(v[at] * u.mV, **concentrations(model), **gates)), rtol=1e-12
        )


@every
def test_float32_is_close_to_float64(model):
    found = {}
    for wide in (False, True):
        with jax.enable_x64(wide):
            channel, v = model(), jnp.linspace(-110.0, 50.0, 33) + 0.013
            ions = concentrations(model, v.shape)
            steady = channel.steady_state(v * u.mV, **ions)
            found[wide] = [
                plain(x) * np.ones(v.shape) for x in (*steady.values(), channel.current(v * u.mV, **ions, **steady))
            ]
    small = 1e-6 * max(1.0, float(model().g_max / (u.mS / u.cm2)))  # next to what flows through an open channel
    for narrow, exact in zip(found[False], found[True]):
        np.testing.assert_allclose(narrow, exact, rtol=1e-4, atol=small)


@every
def test_published_curves(model, published):
    """Steady states, time constants and conducting part against the equations typed from the papers."""
    name = model.__name__
    if name in ("Leak", "Ih_Destexhe1996") or name.endswith("_Allen"):
        return  # without gates, tested below; test_allen.py
    v = np.arange(-99.53, 50.0, 3.07)
    channel, ions = model(), concentrations(model, v.shape)
    amount = plain(ions["Ca"]) if ions else None
    expected = published.GATES[name](v, amount)
    assert tuple(expected) == model.gates
    steady = channel.steady_state(v * u.mV, **ions)
    at_zero = channel.slopes(v * u.mV, **ions, **dict.fromkeys(model.gates, np.zeros(v.shape)))  # x_inf / tau
    for gate, (inf, tau) in expected.items():
        np.testing.assert_allclose(plain(steady[gate]) * np.ones(v.shape), inf, rtol=1e-9, err_msg=gate)
        np.testing.assert_allclose(
            at_zero[gate].to_decimal(u.kHz) * np.ones(v.shape), inf / tau, rtol=1e-9, err_msg=gate
        )
    gates = {gate: np.full(v.shape, 0.2 + 0.15 * k) for k, gate in enumerate(model.gates)}
    current = channel.current(v * u.mV, **ions, **gates)
    g, E = float(channel.g_max / (u.mS / u.cm2)), float(channel.E / u.mV)
    np.testing.assert_allclose(
        current.to_decimal(u.uA / u.cm2), g * published.OPEN[name](v, amount, *gates.values()) * (E - v), rtol=1e-9
    )


def test_h_current_with_calcium(published):
    """The kinetic scheme relaxes to its steady state, found here from the scheme's balance by linear algebra."""
    channel = channels.Ih_Destexhe1996()
    for v, ca in ((-80.0, 0.0), (-70.0, 0.0005), (-85.0, 0.003)):
        h, tau = published.destexhe_h(v)
        p1 = 0.0004 * (ca / 0.002) ** 4 / (0.0004 * (ca / 0.002) ** 4 + 0.0004)
        a, b, k3, k4 = h / tau, (1 - h) / tau, 0.001 * p1 / 0.01, 0.001
        o1, o2 = np.linalg.solve([[-a - b - k3, -a + k4], [k3, -k4]], [-a, 0.0])
        steady = channel.steady_state(v * u.mV, Ca=ca * u.mM)
        np.testing.assert_allclose([float(steady[g]) for g in ("o1", "o2", "p1")], [o1, o2, p1], rtol=1e-12)
        slopes = channel.slopes(v * u.mV, Ca=ca * u.mM, o1=0.2, o2=0.3, p1=0.1)
        k3 = 0.001 * 0.1 / 0.01
        expected = [
            a * 0.5 - b * 0.2 + k4 * 0.3 - k3 * 0.2,
            k3 * 0.2 - k4 * 0.3,
            0.0004 * ((ca / 0.002) ** 4 * 0.9 - 0.1),
        ]
        np.testing.assert_allclose(
            [float(slopes[g].to_decimal(u.kHz)) for g in ("o1", "o2", "p1")], expected, rtol=1e-10, atol=1e-16
        )
        current = channel.current(v * u.mV, Ca=ca * u.mM, o1=0.2, o2=0.3, p1=0.1)
        np.testing.assert_allclose(float(current / (u.uA / u.cm2)), 0.02 * (0.2 + 2.0 * 0.3) * (-40.0 - v), rtol=1e-10)


def test_at_rest_hodgkin_and_huxley_found_these_gates():
    """The paper's zero of depolarisation, table 3: m 0.0529, h 0.5961, n 0.3177; Q10 of 3 from 6.3 to 18.5 °C is 3.82."""
    steady = channels.Na_HH1952().steady_state(-65 * u.mV) | channels.K_HH1952().steady_state(-65 * u.mV)
    np.testing.assert_allclose([float(steady[g]) for g in "mhn"], [0.0529, 0.5961, 0.3177], atol=5e-5)
    assert channels.q10(3.0, 18.5, 6.3) == pytest.approx(3.82, abs=0.005)


# -- concentrations --------------------------------------------------------------------------------------------------


@every_pool
def test_a_pool_is_documented_and_starts_at_rest(model):
    assert ".. math::" in model.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", model.__doc__, re.DOTALL)
    for name, declared in model._declared.items():
        assert declared.__doc__, name
    pool = getattr(bs.neurons.ConductanceBased(2, pools={model.ion: model()}), model.ion)
    states = {name: getattr(pool, name) for name in model.held_states}
    for name, slope in pool.slopes(0.0 * u.uA / u.cm2, **states).items():
        assert np.all(np.abs(plain(slope)) <= 1e-7 * np.abs(plain(states[name]))), name
    slope = pool.slopes(1.0 * u.uA / u.cm2, **states)["concentration"]
    assert np.all(plain(slope) > 0)  # a current into the cell brings calcium
    assert u.get_unit(slope).has_same_dim(pool.unit_of("concentration") / u.ms)
    for name, declared in model._declared.items():
        if isinstance(declared, Parameter) and declared.positive:
            with pytest.raises(ValueError, match="must be positive"):
                bs.neurons.ConductanceBased(2, pools={model.ion: model(**{name: -1.0 * declared.unit})})


def test_calcium_enters_by_faradays_law():
    """1 uA/cm2 into 1 um for 1 ms is 1e-3 C/m2... / (2 F 1e-6 m) = 5.18e-2 mol/m3, which is mM; outward current takes
    nothing.
    """
    pool = bs.neurons.ConductanceBased(1, pools={"Ca": channels.Calcium(depth=1 * u.um, tau=1e12 * u.ms)}).Ca
    rest = pool.concentration
    inflow = pool.slope(rest, 1.0 * u.uA / u.cm2).to_decimal(u.mM / u.ms)
    assert float(inflow[0]) == pytest.approx(1e-2 * 1e-3 / (2 * 96485.33 * 1e-6), rel=1e-6)
    assert float(pool.slope(rest, -1.0 * u.uA / u.cm2)[0] / (u.mM / u.ms)) == 0.0


def test_traub_s_calcium_is_the_paper_s_equation():
    """phi of 0.13 and beta of 0.075 per ms, as Pinsky and Rinzel (1994) have them."""
    pool = bs.neurons.ConductanceBased(1, pools={"Ca": channels.Calcium_Traub1991()}).Ca
    found = pool.slope(4.0, 10.0 * u.uA / u.cm2)
    assert float(found.to_decimal(u.kHz)) == pytest.approx(0.13 * 10.0 - 0.075 * 4.0, rel=1e-12)


def test_nernst_potentials():
    """Textbook values: mammalian K, Na and Cl at 37 °C; calcium as Destexhe et al. (1994) set it, 120 mV at 36 °C."""
    mV = lambda *a, **k: float(channels.nernst(*a, **k) / u.mV)
    assert mV(5 * u.mM, 140 * u.mM, 1, celsius=37.0) == pytest.approx(-89.1, abs=0.1)
    assert mV(145 * u.mM, 12 * u.mM, 1, celsius=37.0) == pytest.approx(66.6, abs=0.1)
    assert mV(110 * u.mM, 4 * u.mM, -1, celsius=37.0) == pytest.approx(-88.6, abs=0.1)
    assert mV(2 * u.mM, 2.4e-4 * u.mM, 2) == pytest.approx(120.0, abs=0.5)
    pool = bs.neurons.ConductanceBased(1, pools={"Ca": channels.Calcium()}).Ca
    assert float(pool.reversal(2.4e-4 * u.mM) / u.mV) == pytest.approx(120.255, abs=0.01)
