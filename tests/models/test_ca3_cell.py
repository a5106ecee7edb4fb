"""The pyramidal cell of CA3 and its network against P. F. Pinsky, J. Rinzel (1994), and another program with the same
equations.

The whole table of regimes is tested with the neuron, in tests/channels/test_cells.py.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from models.ca3_memory import burst_fit, cell, population_bursts
from models.ca3_memory.cell import CONDUCTANCE, CURRENT


def test_regimes_by_somatic_current():
    currents = np.array([-0.5, 0.75, 1.25, 2.0, 3.0, 2.5])
    _, found = cell.fI_curve(currents)
    np.testing.assert_allclose(found.events[:3], [0.0, 2.02, 4.38], atol=0.25, rtol=0.02)
    np.testing.assert_allclose(found.per_event[1:3], 2.0, atol=0.05)
    # At 2.0 some of the silences last about 25 ms, so that rounding decides where an event begins
    assert found.events[3] == pytest.approx(23.4, rel=0.1)
    assert found.spikes[3] == pytest.approx(46.8, rel=0.05)
    np.testing.assert_allclose(found.spikes[4:], [49.3, 44.0], rtol=0.025)
    np.testing.assert_array_equal(found.calcium, [False, True, True, False, False, False])
    # At 2.5 doublets of 52 spikes/s are stable too; another step or precision may find them.
    assert np.all(found.events[4:] <= 0.25)  # tonic


def test_bursting_needs_a_coupling_between():
    """At I = 0.75: spikes of an isolated soma, bursts, single events of one compartment."""
    coupling = np.array([0.0, 1.5, 2.1, 5.0, 20.0])
    found = cell.regimes(I=np.full(5, 0.75) * CURRENT, g_c=coupling * CONDUCTANCE)
    np.testing.assert_allclose(found.spikes[:2], [32.0, 23.8], rtol=0.02)
    np.testing.assert_allclose(found.events[2:], [2.02, 2.17, 3.28], atol=0.25)
    np.testing.assert_array_equal(found.calcium, [False, False, True, True, True])


@pytest.fixture(scope="module")
def bursts():
    conductances = 0.009, 0.012, 0.014, 0.020
    return dict(zip(conductances, population_bursts.by_conductance(conductances, duration=1.5 * u.second)))


def test_a_kick_to_one_cell_becomes_population_bursts(bursts):
    """Other program, another wiring: none at 0.009, 6 at 0.012, unending at 0.014, one at 0.020."""
    number = {g: len(found.times) for g, found in bursts.items()}
    assert number[0.009] == 0
    assert 3 <= number[0.012] <= 12
    assert number[0.014] >= 7 and bursts[0.014].times[-1] > 1350
    assert number[0.020] <= 2  # then all cells fire tonically
    assert 80 <= bursts[0.014].interval <= 170


def test_ampa_synchronises(bursts):
    """Most cells that begin to fire in 5 ms: 14 to 25 with, 7 to 13 without in the other program.

    The ratio of the medians is 1.4 to 2, as compilers round: the bursts are chaotic.
    """
    slow = population_bursts.by_conductance([0.012, 0.014], duration=1.5 * u.second, g_AMPA=0.0 * CONDUCTANCE)
    for g, without in zip((0.012, 0.014), slow):
        assert 14 <= np.median(bursts[g].peaks) <= 35
        assert 6 <= np.median(without.peaks) <= 15
        assert np.median(bursts[g].peaks) > 1.2 * np.median(without.peaks)


def test_synapses_open_while_the_presynaptic_cell_is_depolarised():
    """S and W of two cells, one of them held at known potentials, are the solutions of their equations."""
    net = bs.Network()
    net.post = bs.neurons.PinskyRinzel(1)
    net.held = bs.neurons.PinskyRinzel(1, V=-45.0 * u.mV, C=1e12 * u.uF / u.cm2)
    nmda = population_bursts.NMDA(conductance=0.0 * CONDUCTANCE, into="I_d")
    ampa = population_bursts.AMPA(conductance=0.0 * CONDUCTANCE, into="I_d")
    net.post.add_receptors(nmda=nmda, ampa=ampa)
    for name in ("nmda", "ampa"):
        net.connect(net.held, net.post, bs.AllToAll(), receptor=name, weight=2.0)
    rec = bs.simulate(net, 200 * u.ms, dt=0.1 * u.ms, record=["post.nmda.S", "post.ampa.S"], progress=False)
    t = np.asarray(rec.times / u.ms)
    expected = np.minimum(2.0 * 150.0 * (1 - np.exp(-t / 150.0)), 125.0)
    np.testing.assert_allclose(np.asarray(rec["post.nmda.S"])[:, 0], expected, atol=1e-9)
    assert np.all(np.asarray(rec["post.ampa.S"]) == 0.0)  # -45 mV is below its threshold


def test_a_burst_has_a_gradient():
    """The slope of the error by the coupling, through 20 ms with a burst, is that of central differences."""
    run = bs.function(
        burst_fit.build(pulses=np.array([6.0]) * CURRENT), 20.0 * u.ms, dt=burst_fit.DT, record=burst_fit.RECORD
    )

    @jax.jit
    def error(g_c):
        return jnp.mean((burst_fit.both(run({"cell.g_c": g_c}, {})[1]) + 60.0) ** 2)

    at = jnp.asarray(1.9)
    by_differences = (error(at + 1e-5) - error(at - 1e-5)) / 2e-5
    assert abs(by_differences) > 1.0
    np.testing.assert_allclose(jax.jit(jax.grad(error))(at), by_differences, rtol=1e-4)


@pytest.mark.slow
def test_conductances_are_found_from_a_burst():
    result = burst_fit.fit()
    assert max(abs(error) for error in result.errors().values()) < 0.01
    assert np.abs(result.fitted - result.target).max() < 5.0 < np.abs(result.initial - result.target).max()
