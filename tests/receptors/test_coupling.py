"""Coupling by any function of both sides, and sums that are states, against NumPy."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim.receptors import Coupling, Diffusive, Sinusoidal, Summed

SINE = lambda x, y, w: w * u.math.sin(x - y)  # noqa: E731
RULES = {
    "CSR": bs.FixedProbability(0.3),
    "Dense": bs.AllToAll(),
    "FixedFanOut": bs.FixedOutDegree(4),
    "Diagonal": bs.OneToOne(),
}


def oscillators(receptor, rule, n=15, delay=None):
    net = bs.Network(seed=4)
    phases = np.random.default_rng(0).uniform(0, 6, n)
    net.O = bs.masses.Kuramoto(n, method="euler", theta=phases, omega=np.linspace(0.05, 0.5, n) / u.ms)
    net.O.add_receptors(c=receptor)
    net.connect(net.O, net.O, rule, receptor="c", signal="theta", weight=0.05 / u.ms, delay=delay)
    return net


def theta(net, duration=20):
    return np.asarray(bs.simulate(net, duration * u.ms, dt=0.1 * u.ms, record="O.theta")["O.theta"])


@pytest.mark.parametrize(
    "delay", [None, 0.5 * u.ms, bs.Uniform(0.2 * u.ms, 2 * u.ms)], ids=["none", "axonal", "synaptic"]
)
@pytest.mark.parametrize("kind", RULES)
def test_a_sine_is_that_of_the_library_on_any_connectivity(kind, delay):
    nets = [oscillators(r, RULES[kind], delay=delay) for r in (Coupling(SINE, weight_in=u.ms**-1), Sinusoidal())]
    one, other = (theta(net) for net in nets)
    assert np.ptp(one) > 1
    np.testing.assert_allclose(one, other, rtol=1e-10)


def test_a_difference_is_diffusive_with_gradients_batches_and_assignments():
    """On membranes with units, weights of each synapse, from the beginning and after V was assigned."""
    found = []
    for receptor in (Coupling(lambda x, y, w: w * (x - y), weight_in=u.nS), Diffusive()):
        net = bs.Network(seed=1)
        net.E = bs.neurons.LIF(
            6, method="euler", V=bs.Uniform(-70 * u.mV, -50 * u.mV), V_th=0 * u.mV, tau=20 * u.ms, R=1000 * u.Mohm
        )
        net.E.add_receptors(gap=receptor)
        weight = np.random.default_rng(1).uniform(0.1, 1, (6, 6)) * u.nS
        net.connect(net.E, net.E, bs.AllToAll(), receptor="gap", signal="V", weight=weight)
        f = bs.function(net, 5 * u.ms, record="E.V")
        paths = {path: f.parameters[path] for path in ("E->E.weight", "E.tau")}
        gradient = jax.jit(jax.grad(lambda p, f=f: (f(p, {})[1]["E.V"] ** 2).mean()))(paths)
        batch = jax.jit(jax.vmap(lambda w, f=f: f({"E->E.weight": w}, {})[1]["E.V"]))(
            np.stack([weight / u.nS, 2 * weight / u.nS])
        )
        V = [np.asarray(bs.simulate(net, 5 * u.ms, record="E.V")["E.V"] / u.mV)]
        net.E.V = np.linspace(-60, -50, 6) * u.mV
        net["E->E"].weight = 0.5 * u.nS
        V.append(np.asarray(bs.simulate(net, 5 * u.ms, record="E.V")["E.V"] / u.mV))
        found.append((V, gradient, batch))
    for one, other in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


class Synapses(bs.neurons.Neuron):
    r"""Synapses as units: spikes arrive, transmitter Y is released and cleared, gliotransmitter G closes release.

    .. math:: \dot x = (1 - x)/\tau_x,\quad \dot Y = -Y/\tau_Y,\quad \text{spike: } Y \leftarrow Y + U x e^{-G},\ x \leftarrow x - U x
    """

    input_unit = u.UNITLESS
    inputs = {"I": None}
    clamped = ()

    U = bs.Parameter(0.5, "release")
    tau_x = bs.Parameter(100.0 * u.ms, "recovery", positive=True)
    tau_Y = bs.Parameter(10.0 * u.ms, "clearance", positive=True)
    x = bs.State(1.0, "resources")
    Y = bs.State(0.0, "transmitter")
    arrived = bs.State(0.0, "whether a spike arrived")
    G = bs.State(0.0, "gliotransmitter outside")

    def derivative(self, t, x, Y):
        return (1 - x) / self.tau_x, -Y / self.tau_Y

    def fires(self, before, after):
        return self.arrived > 0

    def released(self, y):
        return self.U * y["x"] * u.math.exp(-self.G)

    def spike_value(self, before, after):
        return self.released(after)

    def after_spike(self, y):
        return {"x": y["x"] * (1 - self.U), "Y": y["Y"] + self.released(y), "arrived": 0.0}


class Astrocytes(bs.masses.Mass):
    r"""Calcium that transmitter outside drives and that diffuses above a threshold.

    .. math:: \dot c = -c/\tau + k\,Y + J
    """

    input_unit = u.ms**-1
    inputs = {"J": "c"}

    tau = bs.Parameter(50.0 * u.ms, "decay", positive=True)
    k = bs.Parameter(0.1 / u.ms, "drive")
    c = bs.State(0.0, "calcium")
    Y = bs.State(0.0, "transmitter of all synapses that it wraps")

    def derivative(self, t, c, J):
        return -c / self.tau + self.k * self.Y + J


def test_tripartite_synapses():
    """Neurons to synapses, synapses to neurons and astrocytes, astrocytes to each other and back, against a loop in NumPy."""
    n, steps, rng = 20, 300, np.random.default_rng(3)
    wraps, sources, targets = rng.integers(0, 3, n), rng.integers(0, 5, n), rng.integers(0, 4, n)
    times, units = np.sort(rng.integers(5, 250, 60)), rng.integers(0, 5, 60)
    once = np.unique(np.stack([times, units]), axis=1)
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(5, once[0] * 0.1 * u.ms, once[1])
    net.syn, net.astro = Synapses(n, method="euler"), Astrocytes(3, method="euler")
    net.E = bs.neurons.LIF(4, V_th=0 * u.mV)
    net.syn.add_receptors(spike=bs.receptors.Delta(into="arrived", how="set"), glia=Summed("G"))
    net.astro.add_receptors(
        outside=Summed("Y"), gap=Coupling(lambda x, y, w: w * u.math.tanh(x - y), weight_in=u.ms**-1)
    )
    net.E.add_receptors(exc=bs.receptors.Exponential(tau=5 * u.ms))
    each = np.arange(n)
    net.connect(net.S, net.syn, bs.FromArrays(sources, each), receptor="spike", weight=1.0)
    net.connect(net.syn, net.E, bs.FromArrays(each, targets), receptor="exc", weight=3 * u.pA)
    net.connect(net.syn, net.astro, bs.FromArrays(each, wraps), receptor="outside", signal="Y", weight=1.0)
    net.connect(net.astro, net.syn, bs.FromArrays(wraps, each), receptor="glia", signal="c", weight=0.8)
    net.connect(
        net.astro, net.astro, bs.AllToAll(self_connections=False), receptor="gap", signal="c", weight=0.02 / u.ms
    )
    rec = bs.simulate(net, steps * 0.1 * u.ms, dt=0.1 * u.ms, record=["syn.x", "syn.Y", "astro.c", "E.exc.g"])

    x, Y, c, g, dt = np.ones(n), np.zeros(n), np.zeros(3), np.zeros(4), 0.1
    fired = np.zeros((steps + 1, 5), bool)
    fired[once[0], once[1]] = True
    for k in range(steps):
        G, outside = 0.8 * c[wraps], np.bincount(wraps, Y, 3)
        J = 0.02 * np.tanh(c[None] - c[:, None]).sum(1)
        came = fired[k, sources]  # fired at k dt, delivered at the end of that step
        x, Y = x + dt * (1 - x) / 100, Y - dt * Y / 10
        c, g = c + dt * (-c / 50 + 0.1 * outside + J), g * np.exp(-dt / 5)
        r = np.where(came, 0.5 * x * np.exp(-G), 0)
        x, Y = np.where(came, x / 2, x), Y + r
        np.add.at(g, targets, 3 * r)
    assert c.max() > 0.1 and G.max() > 0.1
    for name, value in (("syn.x", x), ("syn.Y", Y), ("astro.c", c), ("E.exc.g", g)):
        np.testing.assert_allclose(u.get_mantissa(rec[name][-1]), value, rtol=1e-10, err_msg=name)


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="expected a function of x, y and w, given 5"):
        Coupling(5)
    with pytest.raises(TypeError, match="expected a function of x, y and w, given <function"):
        Coupling(lambda x, y: x - y)
    with pytest.raises(TypeError, match="O.c: what its function gives is nothing"):
        oscillators(Coupling(lambda x, y, w: None, weight_in=u.ms**-1), RULES["Dense"])
    with pytest.raises(bs.UnknownNameError, match="compares 'thet', which is no state.*Did you mean 'theta'"):
        oscillators(Coupling(SINE, of="thet"), RULES["Dense"])
    with pytest.raises(bs.UnitError, match="O.c: what its function gives"):
        oscillators(Coupling(lambda x, y, w: w * (x - y) * u.mV, weight_in=u.ms**-1), RULES["Dense"])
    with pytest.raises(ValueError, match="must have one value for each synapse"):
        oscillators(Coupling(lambda x, y, w: (w * x)[:1], weight_in=u.ms**-1), RULES["Dense"])
    with pytest.raises(ValueError, match="'theta' is integrated, and is no sum"):
        bs.masses.Kuramoto(3).add_receptors(s=Summed("theta"))
    with pytest.raises(ValueError, match="single synapses, which are not stored here"):
        oscillators(Coupling(SINE, weight_in=u.ms**-1), bs.Procedural(bs.FixedProbability(0.5)))
