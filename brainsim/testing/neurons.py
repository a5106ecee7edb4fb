"""What every neuron does: for classes of your own, and for those of the library.

::

    from brainsim.testing.neurons import *
    from my_package import AdaptiveLIF

    MODELS = [AdaptiveLIF]

Tests take the argument ``model``. A class is documented, with its equation and a reference; refuses bad values; rests
without input within 1 mV (or 1, where it has no unit) of where it begins, and fires when driven in its first input; is
reset; is compiled once for all values and durations; is refractory; does in float32 what it does in float64; and as a
function of its parameters has the gradients of finite differences, is the same in a batch as alone, and fires the same
spikes with a surrogate.

The tests start near rest and last some tens of milliseconds. A class that by default is not at rest, or fires too
rarely to be seen, gets other parameters and initial values by its name::

    VALUES = {"SlowCell": dict(tau=5.0 * u.ms, V=-70.0 * u.mV)}

Its first variable, V for most, is the one that is recorded; its first parameter with a unit is the one that is changed.
"""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import integrators, neurons
from brainsim._core import Parameter, State
from brainsim.simulation import engine
from brainsim.testing._suite import documented, double_precision, exported, parametrise, values

DT = 0.05 * u.ms
N = 3


def pytest_generate_tests(metafunc):
    parametrise(metafunc, "model", neurons.Neuron)


@pytest.fixture(scope="module")
def built(values):
    """A network of N cells, driven with a constant amplitude."""

    def build(model, amplitude=0.0, seed=0, **changed):
        net = bs.Network(seed=seed)
        net.E = model(N, **values(model) | changed)
        net.E.add_stimuli(drive=bs.stimuli.Constant(np.full(N, amplitude) * model.input_unit))
        return net

    return build


def leading(model):
    """The variable that a model is about: V for most."""
    return model.variables[0]


def by_chance(model):
    return model.hazard is not neurons.Neuron.hazard


def run(net, ms):
    V = f"E.{leading(type(net.E))}"
    rec = bs.simulate(net, ms * u.ms, dt=DT, record=["E.spikes", V], progress=False)
    return np.stack([rec.spikes["E"].steps, rec.spikes["E"].indices]), np.asarray(u.get_mantissa(rec[V]))


@pytest.fixture(scope="module")
def firing(built):
    """The weakest input, in powers of two, that makes every neuron of a model fire at least twice in 60 ms."""
    found = {}

    def search(model):
        if model not in found:
            net = built(model)
            for amplitude in 2.0 ** np.arange(-2, 18):
                net.reset()
                net.E.drive.amplitude = np.full(N, amplitude) * model.input_unit
                if np.bincount(run(net, 60)[0][1], minlength=N).min() >= 2:
                    break
            else:
                raise AssertionError(
                    f"{model.__name__} does not fire twice in 60 ms with any amplitude up to {amplitude:g}"
                    f" {model.input_unit}: make it faster for these tests in VALUES."
                )
            found[model] = amplitude
        return found[model]

    return search


# -- what a class says of itself -------------------------------------------------------------------------------------


def test_is_documented(model):
    documented(model)
    assert all(isinstance(declared, Parameter | State) for declared in model._declared.values())


def test_every_number_has_its_unit(model):
    cell = model(N)
    for name, declared in model._declared.items():
        unit = cell.unit_of(name)
        assert isinstance(unit, u.Unit), name
        value = getattr(cell, name)
        if value is not None:
            assert u.get_unit(value) == unit
            assert np.shape(value) == ((N,) if isinstance(declared, State) else ())
            assert np.all(np.isfinite(u.get_mantissa(value)))
    for variable in model.inputs.values():
        assert variable is None or cell.unit_of(variable) in (u.mV, u.UNITLESS)  # receptors act on potentials


def a_parameter(model):
    """A parameter with a unit, of any model."""
    parameters = {name: d for name, d in model._declared.items() if isinstance(d, Parameter)}
    found = [name for name, d in parameters.items() if d.unit != u.UNITLESS and name != "refractory"]
    assert found, f"{model.__name__} has no parameter with a unit: a time constant, say"
    return found[0]


def test_bad_values_are_refused_and_named(model):
    name = a_parameter(model)
    what = f"{model.__name__}.{name}"
    unit = model(1).unit_of(name)
    with pytest.raises(bs.UnitError, match=re.escape(f"{what}: expected {unit}, given m (")):
        model(N, **{name: 1.0 * u.meter})
    with pytest.raises(bs.UnitError, match="given a number without unit"):
        model(N, **{name: 1.0})
    with pytest.raises(ValueError, match=re.escape(f"{what}: expected shape () or (3,), given (2,)")):
        model(N, **{name: np.ones(2) * unit})
    with pytest.raises(ValueError, match=re.escape(f"{what}: values must be finite")):
        model(N, **{name: np.nan * unit})
    V = leading(model)
    with pytest.raises(ValueError, match=f"{model.__name__}.{V}: values must be finite"):
        model(N, **{V: np.inf * model(1).unit_of(V)})
    with pytest.raises(bs.UnknownNameError, match=f"{model.__name__} has no '{name}x'.*Did you mean '{name}'?"):
        model(N, **{name + "x": 1.0})
    for size in (0, -1, 2.5, (), (2, 0)):
        if size != ():
            with pytest.raises(ValueError, match=f"{model.__name__}: size must be"):
                model(size)
    for name, declared in model._declared.items():
        if declared.positive:
            with pytest.raises(ValueError, match="must be positive"):
                model(N, **{name: -1.0 * declared.unit})


# -- how it runs -----------------------------------------------------------------------------------------------------


def test_rests_without_input(model, built):
    net = built(model)
    spikes, V = run(net, 200)
    assert spikes.shape[1] == 0
    assert np.abs(V - V[0]).max() < 1.0  # the defaults are near rest
    spikes, V = run(net, 200)
    assert np.abs(V - V[0]).max() < 0.02


def test_fires_and_reset_restores(model, built, firing):
    net = built(model, firing(model))
    before = {name: np.asarray(net.E.plain(name)) for name in (*model.variables, "spikes", "refractory_steps")}
    first, V = run(net, 60)
    assert np.all(np.bincount(first[1], minlength=N) >= 2)
    equal = len(np.unique(first[0])) * N == len(first[0])
    assert equal != by_chance(model)  # equal neurons do the same, unless they fire by chance
    assert not np.array_equal(net.E.plain(leading(model)), before[leading(model)])
    net.reset()
    for name, value in before.items():
        assert np.array_equal(net.E.plain(name), value), name
    again, V_again = run(net, 60)
    assert np.array_equal(first, again)
    assert np.array_equal(V, V_again)


def test_never_compiles_again_for_values_or_duration(model, built, firing):
    net = built(model, firing(model))
    run(net, 5)
    compiled = engine.run_chunk._cache_size()
    name = a_parameter(model)
    net.E.assign(name, getattr(net.E, name) * 1.01)
    net.E.drive.amplitude = net.E.drive.amplitude * 1.1
    run(net, 12)
    other = built(model, 0.5, seed=3)
    V = leading(model)
    other.E.assign(V, getattr(other.E, V) - 1.0 * other.E.unit_of(V))
    run(other, 7)
    assert engine.run_chunk._cache_size() == compiled


def test_refractoriness_bounds_the_rate(model, built, firing):
    net = built(model, 2 * firing(model), refractory=4.0 * u.ms)
    (steps, indices), V = run(net, 60)
    own = steps[indices == 0]
    assert len(own) >= 2
    assert np.diff(own).min() > 4.0 / 0.05  # the step after the last refractory one is the first that can fire
    held = V[own[0] - 1 : own[0] + 80, 0]
    free = not by_chance(model) or np.ptp(V[:, 0]) > 0  # a potential that spikes do not touch may be as far as it goes
    assert free and (np.ptp(held) == 0) == (leading(model) in model.clamped)


def test_float32_is_close_to_float64(model, built, firing):
    V, before = {}, []
    for wide in (False, True):
        with jax.enable_x64(wide):
            spikes, V[wide] = run(built(model, firing(model)), 40)
            before.append(spikes[0].min(initial=len(V[wide])) - 1)
            assert V[wide].dtype == (np.float64 if wide else np.float32)
    # up to the first spike, and on the foot of it only: there an error in time of a thousandth of a step is many mV
    before.append(int(np.argmax(V[True][:, 0] > V[True][0, 0] + 10.0)) or len(V[True]))
    assert np.abs(V[True] - V[False])[: min(before)].max() < 0.02


# -- as a function ---------------------------------------------------------------------------------------------------

DRIVE = "E.drive.amplitude"


class Programs:
    """A model as a function of its parameters, compiled once in each way that the tests below need."""

    def __init__(self, model, built):
        self.built = built
        self.V = f"E.{leading(model)}"
        self.f = self.function(model)
        self.once = jax.jit(self.recorded)
        self.each = jax.jit(jax.vmap(self.recorded))
        self.slope = jax.jit(jax.grad(lambda parameters: jnp.mean(self.recorded(parameters)[self.V])))
        self.paths = [p for p in self.f.parameters if p.startswith("E.") and p != "E.refractory"]

    def function(self, model, **options):
        # The gradient is that of the equations; a method of many stages has them many times and is tested elsewhere.
        staged = isinstance(integrators.get(model.default_method), integrators.RungeKutta | integrators.Divided)
        method = {"method": integrators.Untried("exponential_euler")} if staged else {}
        net = self.built(model, **method, **options)
        return bs.function(net, 30 * u.ms, dt=DT, record=[self.V, "E.spikes"], remat=False)

    def recorded(self, parameters):
        return self.f(parameters, {})[1]

    def here(self, amplitude):
        """The parameters of the model, driven with this amplitude."""
        return {p: self.f.parameters[p] for p in self.paths} | {DRIVE: jnp.full(N, amplitude)}

    def of_each(self, changed: list[dict]):
        """Recordings of several sets of parameters, as one batch."""
        return self.each({p: jnp.stack([values[p] for values in changed]) for p in self.paths})


@pytest.fixture(scope="module")
def programs(built):
    """Compiled programs of each model, made once."""
    made = {}
    return lambda model: made.setdefault(model, made.get(model) or Programs(model, built))


def test_gradient_of_the_voltage_is_the_finite_difference(model, firing, programs):
    # below threshold, so that no reset cuts the trajectory
    p = programs(model)
    here = p.here(0.25 * firing(model))
    steps = {path: 1e-5 * max(0.1, float(jnp.max(jnp.abs(value)))) for path, value in here.items()}
    moved = [here | {path: here[path] + sign * h} for path, h in steps.items() for sign in (1, -1)]
    recorded = p.of_each(moved)
    assert jnp.sum(recorded["E.spikes"]) == 0
    up, down = jnp.mean(recorded[p.V], axis=(1, 2)).reshape(-1, 2).T
    gradient = p.slope(here)
    assert any(np.any(g != 0) for g in gradient.values())
    for k, (path, h) in enumerate(steps.items()):
        assert np.all(np.isfinite(gradient[path])), path
        np.testing.assert_allclose(
            np.sum(gradient[path]), (up[k] - down[k]) / (2 * h), rtol=2e-5, atol=1e-7, err_msg=path
        )


def test_vmap_over_parameters_is_a_loop(model, firing, programs):
    p = programs(model)
    here = p.here(firing(model))
    first = f"E.{a_parameter(model)}"
    # as many as in the test of the gradient, which has compiled this batch
    sets = [here | {path: here[path] * factor} for path in p.paths for factor in (0.98, 1.03)]
    batch = p.of_each(sets)
    chosen = [2 * p.paths.index(first), 2 * p.paths.index(first) + 1, 2 * p.paths.index(DRIVE) + 1]
    for k in chosen:
        alone = p.once(sets[k])
        assert np.array_equal(alone["E.spikes"], batch["E.spikes"][k])
        np.testing.assert_allclose(alone[p.V], batch[p.V][k], rtol=1e-9, atol=1e-9)
    assert not np.allclose(batch[p.V][chosen[0]], batch[p.V][chosen[1]])


def test_a_surrogate_changes_no_spike_and_gives_finite_gradients(model, firing, programs):
    p = programs(model)
    driven = p.here(1.3 * firing(model))
    expected = p.once(driven)
    g = p.function(model, surrogate=bs.surrogate.FastSigmoid())

    @jax.jit
    @lambda count: jax.value_and_grad(count, has_aux=True)
    def counted(amplitude):
        recorded = g({DRIVE: amplitude}, {})[1]
        return jnp.sum(recorded["E.spikes"]), recorded

    (total, recorded), slope = counted(driven[DRIVE])
    assert recorded["E.spikes"].dtype == jnp.float64
    assert np.array_equal(recorded["E.spikes"] != 0, expected["E.spikes"])
    np.testing.assert_allclose(recorded[p.V], expected[p.V], rtol=1e-10)
    assert total > 0
    assert np.all(np.isfinite(slope))
    assert np.all(slope != 0)


__all__ = [*exported(globals()), "built", "double_precision", "firing", "programs", "values"]
