"""Membranes with channels as linear ones: against the equations of Hodgkin and Huxley, and passive cells."""

import brainunit as u
import numpy as np
import pytest

from brainsim import channels
from brainsim.cells import Electrotonics, Linearised, MultiCompartment, at, by_region, cable, cylinder, discretise
from tests.cells.shapes import forked

DENSITY = u.siemens / u.cm**2
HERTZ = np.array([0.0, 20, 60, 200, 1000])


def rates(V):
    return (
        (0.1 * (V + 40) / (1 - np.exp(-(V + 40) / 10)), 4 * np.exp(-(V + 65) / 18)),
        (0.07 * np.exp(-(V + 65) / 20), 1 / (1 + np.exp(-(V + 35) / 10))),
        (0.01 * (V + 55) / (1 - np.exp(-(V + 55) / 10)), 0.125 * np.exp(-(V + 65) / 80)),
    )


def squid(V):
    """Admittance in S/cm2 of the squid's membrane, by hand (Mauro et al. 1970): every gate a conductance in series."""
    m, h, n = (a / (a + b) for a, b in rates(V))
    w = 2e-3j * np.pi * HERTZ
    Y = 0.12 * m**3 * h + 0.036 * n**4 + 3e-4 + 1e-3 * w
    slopes = (0.36 * m**2 * h * (V - 50), 0.12 * m**3 * (V - 50), 0.144 * n**3 * (V + 77))
    up, down = ([a / (a + b) for a, b in rates(V + e)] for e in (1e-4, -1e-4))
    for slope, (a, b), more, less in zip(slopes, rates(V), up, down):
        Y = Y + slope * (more - less) / 2e-4 / (1 + w / (a + b))
    return Y


def hh(shape, size=1, V=-65 * u.mV, **values):
    return MultiCompartment(
        size,
        shape,
        V=V,
        E_L=-54.3 * u.mV,
        g_L=3e-4 * DENSITY,
        channels=dict(na=channels.Na_HH1952(), k=channels.K_HH1952().on("soma")),
        **values,
    )


def test_the_squids_membrane_where_it_stands():
    # Two cells, one at -65 mV and one at -60; potassium channels on the soma only.
    cells = hh(forked(), 2, compartments=1, V=np.tile([-65.0, -60], 5) * u.mV)
    found = Linearised(cells).admittance(HERTZ).reshape(5, 2, -1)
    np.testing.assert_allclose(found[0], [squid(-65.0), squid(-60.0)], rtol=1e-4)  # float32
    assert (np.abs(found[1:, 0, 0]) < abs(squid(-65.0)[0])).all()
    whole = Electrotonics.of(cells, 1)
    z = whole.input_impedance(at("soma", 0.5), HERTZ * u.Hz).to_decimal(u.Mohm)[:, 0]
    dense = np.zeros((5, 6, 6), complex)  # one branch point
    c = cells.compartments
    dense[:, range(5), range(5)] = 1e-2 * (c.area[:, None] * found[:, 1]).T
    for i, (p, g) in enumerate(zip(c.parent, c.coupling(100 * u.ohm * u.cm).to_decimal(u.uS))):
        if p >= 0:
            dense[:, [i, p], [i, p]] += g
            dense[:, [i, p], [p, i]] -= g
    np.testing.assert_allclose(z, np.linalg.inv(dense)[:, 0, 0], rtol=1e-5)
    with pytest.raises(IndexError, match="no cell 2; there are 2"):
        Electrotonics.of(cells, 2)


def test_a_passive_cell_is_what_it_is_without_channels():
    g = by_region({"soma": 1e-3 * DENSITY}, default=5e-5 * DENSITY)
    R_a = by_region({"dend": 150 * u.ohm * u.cm}, default=80 * u.ohm * u.cm)
    cells = MultiCompartment(
        2, [forked(), cable(500 * u.um, 2 * u.um)], compartments=3, R_a=R_a, C=0.9 * u.uF / u.cm**2, g_L=g
    )
    expected = Electrotonics(cells.compartments, g=g, R_a=R_a, C=0.9 * u.uF / u.cm**2)
    found = Electrotonics.of(cells)
    for frequency in (0 * u.Hz, 100 * u.Hz):
        z, right = (e.transfer_impedance("all", "all", frequency).mantissa for e in (found, expected))
        np.testing.assert_allclose(z, right, rtol=1e-5)
        np.testing.assert_allclose(
            found.length_constant(frequency).mantissa, expected.length_constant(frequency).mantissa, rtol=1e-5
        )


def test_concentrations_take_part():
    cells = MultiCompartment(
        1,
        discretise(cylinder(20 * u.um, 20 * u.um), 1),
        channels=dict(ca=channels.CaL_MH1992(E=None)),
        pools=dict(Ca=channels.Calcium()),
        V=-20 * u.mV,
        g_L=0.1 * u.mS / u.cm**2,
    )
    linear = Linearised(cells)
    V, Ca = (list(cells.present()).index(name) for name in ("V", "Ca.concentration"))
    A = linear.jacobian[0]
    # I = g (E - V) with E = RT / 2F ln([Ca]o / [Ca]): what V does through g, calcium does through g RT / (2 F [Ca]).
    g = -A[V, V] - 0.1
    np.testing.assert_allclose(A[V, Ca], -g * 8.314463 * 309.15 / (2 * 96485.33) * 1e3 / 2.4e-4, rtol=1e-4)
    # Inflow I / (2 F d) in mM/ms: 1 uA/cm2 over 1 um is 1e-2 A/m2 / (2 * 96485 C/mol * 1e-6 m) = 5.182e-5 mM/ms.
    np.testing.assert_allclose(A[Ca, V], -g * 5.1821e-5, rtol=1e-4)
    np.testing.assert_allclose(linear.admittance(np.array([1e6]))[0], 2j * np.pi, rtol=1e-3)  # a capacitance at last
