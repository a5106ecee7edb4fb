"""Cells at rest: against a long run of NEURON, dense matrices, published bifurcations and differences.

NEURON 9.0.2: the cell of tests/cells/test_multi_compartment after 2,000 ms; V of soma and long dendrite near its end, m, h, n.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, channels
from brainsim._core.structure import split
from tests.cells.test_junctions import joined
from tests.cells.test_multi_compartment import CUT, hh_cell

NEURON = [-64.97965754065305, -64.9825294876739, 0.05305958332915618, 0.5954091520298339, 0.3179886942496303]
SMALL = cells.discretise(cells.rall_tree(2, soma=20 * u.um), 2)


def squid(I=0.0, **values):
    """The membrane of the squid axon, under a current."""
    channel = dict(na=channels.Na_HH1952(), k=channels.K_HH1952())
    given = dict(g_L=0.3 * u.mS / u.cm2, E_L=-54.3 * u.mV, V=-65 * u.mV) | values
    return bs.neurons.ConductanceBased(1, channels=channel, **given)


def test_rest_is_what_neuron_comes_to():
    cell = hh_cell(2)
    rest = cell.resting_state()
    V = rest["V"].to_decimal(u.mV).reshape(len(CUT), 2)
    found = [V[5, 0], V[21, 0], *(rest[name][10] for name in ("na.m", "na.h", "k.n"))]
    np.testing.assert_allclose(found, NEURON, rtol=1e-10)
    np.testing.assert_allclose(V[:, 0], V[:, 1], rtol=1e-14)


def test_a_passive_net_of_cells_with_junctions_is_a_linear_system():
    """Two of whose cells are joined by a wire; L by columns, from what flows at unit potentials."""
    cell = joined().cell
    current = np.zeros(cell.sites)
    current[cell._aside.main[0]] = 100
    found = cell.resting_state(inputs={"I": current * u.pA})["V"].to_decimal(u.mV)
    L = -np.stack([cell.between_sites.rate(row) * cell.between_sites.capacitance for row in jnp.eye(cell.sites)], 1)
    np.testing.assert_allclose(
        -cell.between_sites.matrix().toarray() * cell.between_sites.capacitance[:, None], L, atol=1e-6
    )
    G = 1e-3 * np.asarray(cell.area.mantissa)
    np.testing.assert_allclose(found, np.linalg.solve(np.diag(G) + L, G * -70 + current), rtol=1e-9)


def test_the_squid_axon_has_no_rest_between_its_two_hopf_bifurcations():
    """At 9.78 and 154.5 uA/cm2 (J. Rinzel, R. N. Miller, Math. Biosci. 49:27, 1980)."""
    axon = squid()
    at = lambda I: axon.resting_state(inputs={"I": I * u.uA / u.cm2})["V"].to_decimal(u.mV)[0]
    assert at(9.7) < -59
    with pytest.raises(
        ValueError, match=r"there is no rest.* at V = -59.6. mV at unit 0, any disturbance grows, by 0.00"
    ):
        at(9.85)
    with pytest.raises(ValueError, match="It is active by itself"):
        at(154.0)
    assert at(155.0) > -45


def test_derivatives_are_differences_and_of_all_orders():
    axon = squid()
    V = jax.jit(lambda g: axon.resting_state({"na.g_max": g * u.mS / u.cm2})["V"].to_decimal(u.mV)[0])
    slope = jax.jit(jax.grad(V))
    np.testing.assert_allclose(slope(120.0), (V(120.1) - V(119.9)) / 0.2, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.grad(slope))(120.0), (slope(120.1) - slope(119.9)) / 0.2, rtol=1e-5)
    wide = float(V(120.0))
    with jax.enable_x64(False):
        np.testing.assert_allclose(squid().resting_state()["V"].to_decimal(u.mV), wide, atol=1e-3)


def test_calcium_and_what_runs_from_rest():
    net = bs.Network()
    calcium = dict(t=channels.CaT_HM1992(E=None), h=channels.Ih_HM1992().on("soma"))
    pool = dict(Ca=channels.Calcium())
    net.cell = cells.MultiCompartment(2, SMALL, channels=calcium, pools=pool, g_L=0.05 * u.mS / u.cm2, V=-65 * u.mV)
    net.cell.come_to_rest()
    V, Ca = net.cell.V.mantissa, net.cell.Ca.concentration.mantissa
    assert np.ptp(V) > 1e-5 and (Ca > 2.4e-4 * 1.001).any()  # Ih in the soma alone, and some calcium enters
    bs.simulate(net, 20 * u.ms, dt=0.1 * u.ms)
    np.testing.assert_allclose(net.cell.V.mantissa, V, rtol=1e-10)
    np.testing.assert_allclose(net.cell.Ca.concentration.mantissa, Ca, rtol=1e-8)
    net.reset()
    np.testing.assert_allclose(net.cell.V.mantissa, V, rtol=1e-14)


def test_what_does_not_fit_is_refused():
    axon = squid()
    spreading = dict(Ca=channels.BufferedCalcium(D=0.2 * u.um2 / u.ms))
    for expected, wrong in [
        (r"Ca.concentration diffuses along the cell", cells.MultiCompartment(1, SMALL, pools=spreading).resting_state),
        (r"no parameter 'na.g'", lambda: axon.resting_state({"na.g": 1.0})),
        (r"derivative takes no input 'J'", lambda: axon.resting_state(inputs={"J": 1 * u.uA / u.cm2})),
        (r"input I", lambda: axon.resting_state(inputs={"I": 1 * u.mV})),
    ]:
        with pytest.raises((ValueError, AttributeError, bs.UnitError), match=expected):
            wrong()
    before = axon.V.mantissa
    with pytest.raises(ValueError, match="active by itself"):
        axon.come_to_rest(inputs={"I": 20 * u.uA / u.cm2})
    np.testing.assert_array_equal(axon.V.mantissa, before)


def test_cells_of_one_structure_share_a_program():
    """Another current, other parameters, another cell: nothing is compiled anew, and all have the rest of their own."""
    first, second = squid(), squid()
    other = first.resting_state({"na.g_max": 100 * u.mS / u.cm2})["V"].to_decimal(u.mV)[0]
    at = lambda I: float(second.resting_state(inputs={"I": I * u.uA / u.cm2})["V"].to_decimal(u.mV)[0])
    programs = split(first)[0].programs
    compiled = programs["resting_state"]._cache_size()
    found = [at(I) for I in (0.0, 2.0, 5.0)]
    assert found == sorted(set(found)) and found[0] != other
    assert programs is split(second)[0].programs and programs["resting_state"]._cache_size() == compiled
