"""Networks for rules: forced spikes and potentials on both sides of a projection, and one example of every exported rule."""

import inspect
import types

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


class Clamped(bs.neurons.Neuron):
    """Cells whose potential and spikes are given, step by step, through ``inputs``."""

    V = bs.State(-65.0 * u.mV, "membrane potential")
    given = bs.State(0.0, "who fires at the end of the step")

    def derivative(self, t, V):
        return 0.0 * V / u.ms

    def fires(self, before, after):
        return self.plain("given") != 0


def clamped(plasticity, n_pre, n_post, *, wiring=None, w=0.5, dopamine=None, source=Clamped, **options):
    """Cells ``pre`` connected to cells ``post``, all to all unless said; ``plasticity`` is a rule or makes one from the network."""
    net = bs.Network(seed=3)
    net.pre, net.post = source(n_pre), Clamped(n_post)
    net.post.add_receptors(syn=bs.receptors.Exponential())
    net.dopamine = bs.modulators.Dopamine(tau=50 * u.ms, **dopamine or {})
    if not isinstance(plasticity, bs.plasticity.Plasticity | list):
        plasticity = plasticity(net)
    w = w if isinstance(w, u.Quantity | bs.connectivity.Distribution) else w * u.pA
    net.connect(net.pre, net.post, wiring or bs.AllToAll(), receptor="syn", weight=w, plasticity=plasticity, **options)
    return net


def raster(train, steps, n):
    """Spikes (steps, indices) as a matrix; a spike of step k is fired at k dt, the end of row k - 1."""
    out = np.zeros((steps, n))
    out[np.asarray(train[0]) - 1, train[1]] = 1.0
    return out


def example(rule, net=None):
    """A rule with something to learn: bounds, and its required arguments filled by their unit."""
    bounds = {"w_min": 0.0 * u.pA, "w_max": 1.0 * u.pA}
    if rule is bs.plasticity.Combined:
        return rule(stdp=example(bs.plasticity.PairSTDP), scaling=example(bs.plasticity.HomeostaticScaling))
    if rule is bs.plasticity.RewardModulated:
        return rule(example(bs.plasticity.PairSTDP), net.dopamine, gain=20 * u.Hz, tau_mean=300 * u.ms, **bounds)
    special = bounds | {"target_rate": 20 * u.Hz}
    if issubclass(rule, bs.plasticity.RateRule):  # activities of some hundred Hz, to the third power
        special["eta"] = 1e-7 * unit_of(rule, "eta")
    values = dict(bounds)
    for name, parameter in inspect.signature(rule.__init__).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            values[name] = special.get(name, 0.02 * unit_of(rule, name))
    return rule(**values)


def unit_of(rule, name):
    unit = rule._declared[name].unit
    if unit == "weight_unit":
        return u.pA
    where = types.SimpleNamespace(weight_unit=u.pA, bound=True)
    return getattr(rule, unit).fget(where) if isinstance(unit, str) else unit


def forced(plasticity, pre, post, n_pre, n_post, *, dt=0.1, w=0.5, delay=None):
    """A network whose pre- and postsynaptic neurons fire at given steps, all to all under ``plasticity``.

    ``pre`` and ``post`` are pairs (steps, indices). A postsynaptic neuron is thrown over its threshold by a spike that is fired
    one step before.
    """
    net = bs.Network()
    net.pre = bs.sources.SpikeTimes(n_pre, pre[0] * dt * u.ms, pre[1])
    net.force = bs.sources.SpikeTimes(n_post, (post[0] - 1) * dt * u.ms, post[1])
    net.post = bs.neurons.LIF(n_post)
    net.post.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential())
    net.connect(net.force, net.post, bs.OneToOne(), receptor="kick", weight=1000 * u.mV)
    options = {} if delay is None else {"delay": delay * u.ms}
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=w * u.pA, plasticity=plasticity, **options)
    return net


@pytest.fixture
def force():
    return forced


@pytest.fixture
def clamp():
    return clamped


@pytest.fixture
def make():
    return example


@pytest.fixture
def trains():
    """Random spike trains as (steps, indices), from step 2 on."""

    def draw(n, steps, p, seed):
        fired = np.random.default_rng(seed).random((steps, n)) < p
        at, which = np.nonzero(fired)
        return at + 2, which

    return draw


@pytest.fixture
def learn():
    """Weights (n_pre, n_post) after a protocol: rasters of spikes, and potentials, on both sides."""

    def run(net, pre, post, V=None, *, dt=0.1, release=None, record=()):
        inputs = {"pre.given": pre, "post.given": post}
        if V is not None:
            inputs["post.V"] = V * u.mV
        if release is not None:
            inputs["dopamine.release"] = release * u.Hz
        recording = bs.simulate(net, len(pre) * dt * u.ms, dt=dt * u.ms, inputs=inputs, record=record, progress=False)
        projection = net["pre->post"]
        matrix = np.asarray(projection.plain("connectivity").todense(projection.plain("weight")))
        return (matrix, recording) if record else matrix

    return run
