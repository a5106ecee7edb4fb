"""Derivatives of spike times: against what is known, and against differences of the spike times themselves."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs

STEP, DURATION = 0.5, 20.0


def lif(n, **options):
    rest = -70 * u.mV
    values = dict(tau=10 * u.ms, R=0.1 * u.Gohm, E_L=rest, V=rest, V_th=-55 * u.mV, V_reset=rest, refractory=1 * u.ms)
    return bs.neurons.LIF(n, spike_times="exact", **values | options)


def recurrent(cell, receptor, weight, delays="synaptic", positive=False, n=3):
    """Six trains between the steps onto cells that are connected to each other, with delays that may change."""
    rng, net = np.random.default_rng(0), bs.Network(seed=3)
    net.S = bs.sources.SpikeTimes(6, np.sort(rng.uniform(1, 15, 24)) * u.ms, np.arange(24) % 6, exact=True)
    net.E = cell(n)
    net.E.add_receptors(r=receptor)
    unit = receptor.weight_unit(u.UNITLESS)
    for pre, size in ((net.S, 6 * n), (net.E, n * n)):
        values = rng.uniform(0.5, 1, size) if pre is net.S else 0.4 * rng.normal(size=size)
        values = abs(values) if positive else values
        delay = rng.uniform(1, 3, size) if delays == "synaptic" else rng.uniform(1, 3)
        net.connect(
            pre,
            net.E,
            bs.AllToAll(),
            receptor="r",
            weight=weight * values * unit,
            delay=delay * u.ms,
            max_delay=5 * u.ms,
        )
    return net


def times_of(
    net, step=STEP, duration=DURATION, names=("weight", "delay", "tau", "V_th", "V_reset", "E_L", "refractory")
):
    """A sum of all spike times with random coefficients, its arguments, and the number of spikes."""
    run = bs.function(net, duration * u.ms, dt=step * u.ms, record=["E.fired_at"])
    steps = np.arange(run.n_steps)[:, None]
    coefficients = np.random.default_rng(5).normal(size=(run.n_steps, len(net.E)))

    def total(arguments):
        parameters = {path: x for path, x in arguments.items() if path in run.parameters}
        at = run(parameters, {"E.V": arguments["E.V"]})[1]["E.fired_at"]
        return jnp.sum(jnp.where(at > 0, (steps + at) * step * coefficients, 0)), jnp.sum(at > 0, axis=0)

    chosen = {path: x for path, x in run.parameters.items() if path.rpartition(".")[2] in names}
    return total, chosen | {"E.V": run.state["E.V"]}


def check(net, tolerance, least=2, **options):
    """Each derivative, along a random direction, against the central difference."""
    total, arguments = times_of(net, **options)
    (_, count), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(arguments)
    value, rng = jax.jit(total), np.random.default_rng(1)
    assert np.min(count) >= least
    for path, x in arguments.items():
        along = rng.normal(size=x.shape)
        step = 1e-6 * np.mean(np.abs(x))
        (more, n_more), (less, n_less) = (value(arguments | {path: x + s * step * along}) for s in (1, -1))
        np.testing.assert_array_equal(n_more, n_less)
        found = float(np.sum(gradient[path] * along))
        assert found == pytest.approx(float(more - less) / (2 * step), rel=tolerance, abs=1e-7), path


def test_the_first_spike_under_a_constant_current_moves_as_the_equation_says():
    r"""t = tau ln(RI / (RI - theta)), also with steps as long as tau / 4; and in float32."""

    def first():
        net = bs.Network()
        net.E = lif(1, E_L=0 * u.mV, V=0 * u.mV, V_reset=0 * u.mV, V_th=15 * u.mV)
        net.E.refractory = 15 * u.ms  # one spike
        net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
        run = bs.function(net, 20 * u.ms, dt=2.5 * u.ms, record=["E.fired_at"])

        def time(parameters):
            at = run(parameters, {})[1]["E.fired_at"][:, 0]
            return jnp.sum(jnp.where(at > 0, (jnp.arange(8) + at) * 2.5, 0))

        return jax.jit(jax.value_and_grad(time))({name: run.parameters[name] for name in expected})

    expected = {"E.tau": np.log(4), "E.V_th": 10 / 5, "E.R": 10 * (1 / 100 - 0.2 / 5)}
    expected["E.drive.amplitude"] = 10 * (1 / 200 - 0.1 / 5)
    for x64, tolerance in ((True, 1e-11), (False, 2e-4)):
        with jax.enable_x64(x64):
            time, slope = first()
            assert float(time) == pytest.approx(10 * np.log(4), rel=tolerance)
            for path, value in expected.items():
                assert float(jnp.sum(slope[path])) == pytest.approx(value, rel=tolerance), path


def test_derivatives_with_delays_and_recurrence():
    check(recurrent(lif, bs.receptors.Exponential(tau=[2, 3, 4] * u.ms), 600), 1e-6)


def test_a_jump_over_the_threshold_fires_when_it_arrives():
    """Its spike time moves with the arrival, and not with the weight."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [2.3] * u.ms, [0], exact=True)
    net.E = lif(1)
    net.E.add_receptors(r=bs.receptors.Delta())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="r", weight=20 * u.mV, delay=1.4 * u.ms, max_delay=3 * u.ms)
    total, arguments = times_of(net, duration=5.0)
    run = lambda delay, weight: total(arguments | {"S->E.delay": delay, "S->E.weight": weight})[0]
    at = arguments["S->E.delay"], arguments["S->E.weight"]
    coefficient = run(*at) / 3.7
    np.testing.assert_allclose(jax.jit(jax.grad(run, (0, 1)))(*at), [coefficient, 0], rtol=1e-12, atol=1e-12)


def test_spikes_that_arrive_at_once_have_their_own_derivatives():
    """Two inputs with the same time: that of each delay is in proportion to its weight."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, [2.3, 2.3] * u.ms, [0, 1], exact=True)
    net.E = lif(1)
    net.E.add_receptors(r=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(
        net.S, net.E, bs.AllToAll(), receptor="r", weight=[800, 200] * u.pA, delay=[1.4, 1.4] * u.ms, max_delay=3 * u.ms
    )
    total, arguments = times_of(net, duration=10.0)
    delays = arguments["S->E.delay"]
    slope_at = jax.jit(jax.grad(lambda delay: total(arguments | {"S->E.delay": delay})[0]))
    slope = slope_at(delays).ravel()
    assert abs(slope[0]) > 0.1 and float(slope[0] / slope[1]) == pytest.approx(4, rel=1e-10)
    apart = slope_at(delays + jnp.array([0, 1e-7]).reshape(delays.shape)).ravel()
    np.testing.assert_allclose(slope, apart, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["alpha", "axonal", "delta", "conductance", "ALIF", "QIF", "ExpIF", "AdEx"])
def test_derivatives_of_many_kinds(kind):
    """Without an end of the upstroke the solution is that of Runge-Kutta steps, and the derivative is that of this solution."""
    r, exponential = bs.receptors, bs.receptors.Exponential(tau=3 * u.ms)
    other = lambda kind: lambda n: kind(n, refractory=1 * u.ms, spike_times="exact")
    net = {
        "alpha": lambda: recurrent(lif, r.Alpha(tau=2 * u.ms), 400),
        "axonal": lambda: recurrent(lif, exponential, 600, delays="axonal"),
        "delta": lambda: recurrent(lif, r.Delta(), 8),
        "conductance": lambda: recurrent(lif, r.Exponential(tau=3 * u.ms, reversal=0 * u.mV), 20, positive=True),
        "ALIF": lambda: recurrent(other(bs.neurons.ALIF), exponential, 30_000),
        "QIF": lambda: recurrent(other(bs.neurons.QIF), exponential, 30_000),
        "ExpIF": lambda: recurrent(other(bs.neurons.ExpIF), exponential, 500),
        "AdEx": lambda: recurrent(other(bs.neurons.AdEx), exponential, 2000),
    }[kind]()
    check(net, 1e-6, least=1)
