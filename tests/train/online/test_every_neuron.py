"""D-RTRL is backpropagation through time for every exported neuron, with no code for any of them."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import integrators
from tests.train.online.networks import SURROGATE, Leaky, assert_equal

# Constant inputs in their own units that make them fire a few times in 30 ms
FIRE = {"ALIF": 32768, "AdEx": 1024, "EscapeGIF": 512, "ExpIF": 128, "GLIF2": 512, "GLIF3": 512, "GLIF4": 512}
FIRE |= {"GLIF1": 512, "GLIF5": 512, "HindmarshRose": 1, "HodgkinHuxley": 8, "Izhikevich": 16, "LIF": 32768}
FIRE |= {"MAT2": 512, "MorrisLecar": 256, "PinskyRinzel": 1, "QIF": 32768, "ReducedTraub": 2, "Theta": 8}
FIRE |= {"WangBuzsaki": 1, "ConnorStevens": 16, "FitzHughNagumo": 4, "ConductanceBased": 16}
CLASSES = {n: c for n in bs.neurons.__all__ if isinstance(c := getattr(bs.neurons, n), type)}
NAMES = [n for n, c in CLASSES.items() if n != "Neuron" and issubclass(c, bs.neurons.Neuron)]
RECEPTORS = ("Exponential", "AMPA", "Alpha", "NMDA", "DualExponential", "Delta", "GABA_A", "GABA_B")
OWN = {"HodgkinHuxley": "AMPA", "ExpIF": "Alpha"}  # that make them fire
SILENT = (
    "ExpIF",
    "AdEx",
    "MAT2",
    "SRM0",
    "AdQIF",
    "HindmarshRose",
    "HodgkinHuxley",
    "TraubMiles",
    "PoissonNeuron",
    "WangBuzsaki",
    "GLIF3",
    "IF",
    "QIF",
    "ConductanceBased",
)
DT, STEPS, SIZE = 0.05 * u.ms, 160, 3
RNG = np.random.default_rng(0)
INPUT = (RNG.uniform(size=(STEPS, 6)) < 0.1).astype(float)
TARGET = RNG.normal(size=(STEPS, 2))


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    with jax.enable_x64(True):
        yield


def trained_too(cell):
    """A parameter of the neuron's own: the first with a unit."""
    names = [n for n, d in cell._declared.items() if isinstance(d, bs.Parameter) and getattr(cell, n) is not None]
    return next(n for n in names if cell.unit_of(n) != u.UNITLESS and n != "refractory")


def parallel(names):
    """One network of several hidden populations side by side: one program for all."""
    net, own = bs.Network(seed=1), []
    net.inp = bs.sources.SpikeInput(6)
    net.out = Leaky(2)
    net.out.add_receptors(syn=bs.receptors.Exponential())
    for name in names:
        model = getattr(bs.neurons, name)
        # A method of many stages has the equations many times, which takes long to compile
        staged = isinstance(integrators.get(model.default_method), integrators.RungeKutta | integrators.Divided)
        method = {"method": integrators.Untried("exponential_euler")} if staged else {}
        cell = model(SIZE, surrogate=SURROGATE, **method)
        setattr(net, name, cell)
        points = cell.inputs[next(iter(cell.inputs))] is not None and cell.unit_of(cell.variables[0]) == u.mV
        kind = OWN.get(name, RECEPTORS[NAMES.index(name) % len(RECEPTORS)]) if points else "Exponential"
        cell.add_receptors(syn=getattr(bs.receptors, kind)())
        unit = cell.syn.weight_unit(u.UNITLESS)
        size = (
            8.0
            if kind == "Delta"
            else FIRE.get(name, 256) * (0.8 if name in SILENT else 0.08) / (1 if cell.syn.is_current else 50)
        )
        net.connect(net.inp, cell, bs.AllToAll(), receptor="syn", weight=bs.Uniform(0.3 * size * unit, size * unit))
        net.connect(cell, net.out, bs.AllToAll(), receptor="syn", weight=bs.Normal(0 * u.mV, 1 * u.mV))
        own.append(f"{name}.{trained_too(cell)}")
    return net, own


def loss(state, target):
    return jnp.sum((state["out.V"] - target) ** 2)


FIRST = ("LIF", "AdEx", "HodgkinHuxley")
REST = [n for n in NAMES if n not in FIRST]
GROUPS = [FIRST, *(pytest.param(REST[k::4], marks=pytest.mark.slow) for k in range(4))]


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: "-".join(names))
def test_d_rtrl_is_backpropagation_through_time(names):
    net, own = parallel(names)
    learn = bs.train.online(net, dt=DT, loss=loss, train=["*.weight", *own])
    value, gradients, carry = jax.jit(lambda x, y: learn.run(None, {"inp.input": x}, y))(INPUT, TARGET)
    run = bs.function(net, STEPS * DT, dt=DT, record=["out.V", *(f"{name}.spikes" for name in names)], remat=False)

    def total(parameters):
        _, recorded = run(parameters, {}, inputs={"inp.input": INPUT})
        return jnp.sum(jax.vmap(loss)(recorded, TARGET)), {n: recorded[f"{n}.spikes"].sum() for n in names}

    (expected, fired), slopes = jax.jit(jax.value_and_grad(total, has_aux=True))(learn.parameters)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert_equal(gradients, slopes, 1e-10)
    assert sum(n > 0 for n in fired.values()) >= len(names) - 2, fired
