"""What a receptor gives to the membrane over a step, and what it keeps."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import brainsim as bs
from brainsim import receptors
from brainsim._core import Clock, step_length


class Chain(receptors.LinearReceptor):
    """A user's receptor of three stages, of which no closed form is given."""

    port = "a"
    tau = bs.Parameter(2 * u.ms, "time constant of each stage", positive=True)
    a = bs.State(0.0, "first stage", unit="g_unit")
    b = bs.State(0.0, "second stage", unit="g_unit")
    g = bs.State(0.0, "conductance", unit="g_unit")

    def derivative(self, a, b, g):
        tau = self.plain("tau")
        return -a / tau, (a - b) / tau, (b - g) / tau


LINEAR = {
    "Exponential": lambda: receptors.Exponential(tau=0.2 * u.ms),
    "Alpha": lambda: receptors.Alpha(tau=0.3 * u.ms),
    "DualExponential": lambda: receptors.DualExponential(tau_rise=2 * u.ms, tau_decay=2 * u.ms),
    "nearly equal": lambda: receptors.DualExponential(tau_rise=4.9999 * u.ms, tau_decay=5 * u.ms),
    "AMPA": receptors.AMPA,
    "GABA_A": receptors.GABA_A,
    "NMDA": receptors.NMDA,
    "GABA_B": receptors.GABA_B,
    "Chain": Chain,
    "Chain per neuron": lambda: Chain(tau=[0.4, 5.0] * u.ms),
}
STEPS = {"float64": ((0.1, 3.0), 1e-13), "float32": ((0.1,), 1e-6)}


def begun(receptor, **values):
    """The receptor of two cells, with some states set."""
    bs.neurons.LIF(2).add_receptors(syn=receptor)
    for name, value in values.items():
        receptor.put(name, jnp.asarray(value, receptor.plain(name).dtype))
    return receptor


@pytest.mark.parametrize("dtype", STEPS)
@pytest.mark.parametrize("kind", LINEAR)
def test_linear_kinetics_are_exact(kind, dtype):
    """States, and the integral of g over the step by quadrature of exponentials of the matrix of their equations."""
    with jax.enable_x64(dtype == "float64"):
        receptor = begun(LINEAR[kind]())
        k, start = len(receptor.stages), np.array([[1.5, 0.3], [0.2, 0.7], [0.4, 0.1]])
        columns = [np.stack([np.broadcast_to(x, 2) for x in receptor._slopes(j)]) for j in range(k)]
        A = np.moveaxis(np.stack(columns, axis=1), 2, 0).astype(float)
        steps, within = STEPS[dtype]
        points, weights = np.polynomial.legendre.leggauss(40)
        for dt in steps:
            for name, value in zip(receptor.stages, start):
                receptor.put(name, jnp.asarray(value, dtype))
            given = receptor.advance(Clock(jnp.int32(0), step_length(dt), None))
            assert given.dtype == dtype
            for cell in range(2):
                y = lambda t, cell=cell: expm(A[cell] * t) @ start[:k, cell]
                after = [receptor.plain(name)[cell] for name in receptor.stages]
                np.testing.assert_allclose(after, y(dt), rtol=3 * within, atol=within)
                mean = sum(w / 2 * y(dt * (1 + p) / 2)[-1] for p, w in zip(points, weights))
                if kind == "GABA_B":  # what bends g is taken at the two ends
                    ends = np.array([start[1, cell], y(dt)[-1]]) ** 4
                    mean = np.mean(1.0 * ends / (ends + 100.0))
                np.testing.assert_allclose(given[cell], mean, rtol=3 * within, atol=0)


GRADED = {
    "Graded": ("g",),
    "GatedNMDA": ("g",),
    "Diffusive": ("total", "g"),
    "GapJunction": ("total", "g"),
    "Sinusoidal": ("sine", "cosine"),
    "Delta": ("jump",),
}


@pytest.mark.parametrize("kind", GRADED)
def test_what_arrived_acts_for_one_step(kind):
    ports, value = GRADED[kind], np.array([1.5, -0.5])
    receptor = begun(getattr(receptors, kind)(), **{name: (k + 1) * value for k, name in enumerate(ports)})
    clock = Clock(jnp.int32(0), step_length(0.1), None)
    given = receptor.advance(clock)
    np.testing.assert_array_equal(
        np.stack(given if len(ports) > 1 else [given]), np.outer(np.arange(len(ports)) + 1, value)
    )
    assert all(not np.any(receptor.plain(name)) for name in ports)


def of(derivative, **more):
    return type(
        "Wrong", (receptors.LinearReceptor,), {"tau": Chain.tau, "g": Chain.g, "derivative": derivative, **more}
    )


WRONG = {
    "square": (
        lambda self, g: -g * g / self.plain("tau"),
        ValueError,
        "syn: Wrong.derivative of 'g' is not linear in",
    ),
    "constant": (lambda self, g: (1 - g) / self.plain("tau"), ValueError, "or holds a constant"),
    "positive part": (lambda self, g: -jnp.maximum(g, 0) / self.plain("tau"), ValueError, "not linear"),
    "quantity": (lambda self, g: -g / self.tau, TypeError, r"gives plain numbers per ms: self.plain\(name\)"),
    "several": (lambda self, g: (-g, g), ValueError, "gives 2 values for 1 states, g"),
}


@pytest.mark.parametrize("what", WRONG)
def test_equations_that_are_not_linear_are_refused(what):
    derivative, kind, message = WRONG[what]
    with pytest.raises(kind, match=message):
        bs.neurons.LIF(2).add_receptors(syn=of(derivative)())


def test_what_advance_returns_and_the_port_are_looked_at():
    for given, message in ((None, "given nothing"), (1 * u.nS, "given a quantity in nS")):
        net = bs.Network()
        net.E = bs.neurons.LIF(2)
        net.E.add_receptors(syn=type("Wrong", (receptors.Exponential,), {"advance": lambda self, clock, g=given: g})())
        with pytest.raises(
            TypeError, match=f"E.syn: Wrong.advance returns the mean of g over the step, plain; {message}"
        ):
            bs.simulate(net, 0.1 * u.ms)
    with pytest.raises(bs.UnknownNameError, match="Wrong: port='h' is no State of the class"):
        of(lambda self, g: -g, port="h")
