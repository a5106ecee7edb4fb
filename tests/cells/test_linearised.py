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


def test_the_squids_membrane():
    cells = hh(cylinder(20 * u.um, 20 * u.um, type="soma"), 2, V=[-65, -60] * u.mV, compartments=1)
    found = Linearised(cells).admittance(HERTZ)
    np.testing.assert_allclose(found, [squid(-65.0), squid(-60.0)], rtol=1e-4)  # float32
    z = Electrotonics.of(cells, 1).input_impedance(0, HERTZ * u.Hz).to_decimal(u.Mohm)[:, 0]
    np.testing.assert_allclose(z, 1e-6 / (squid(-60.0) * np.pi * 20 * 20 * 1e-8), rtol=1e-4)
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


def test_channels_count_where_they_stand():
    cells = hh(forked(), 2, compartments=1)
    found = Linearised(cells).admittance(HERTZ).reshape(5, 2, -1)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    np.testing.assert_allclose(found[0, 0], squid(-65.0), rtol=1e-4)
    assert (np.abs(found[1:, 0, 0]) < abs(squid(-65.0)[0])).all()  # no potassium there
    z = Electrotonics.of(cells).input_impedance(at("soma", 0.5), HERTZ * u.Hz).to_decimal(u.Mohm)[:, 0]
    assert np.abs(z).argmax() in (1, 2)  # it resonates


def test_concentrations_take_part():
    def admittance(E, **pools):
        cells = MultiCompartment(
            1,
            discretise(cylinder(20 * u.um, 20 * u.um), 1),
            channels=dict(ca=channels.CaL_MH1992(E=E)),
            pools=pools,
            V=-20 * u.mV,
        )
        return Linearised(cells).admittance(np.array([0.0, 1e6]))[0]

    follows, fixed = admittance(None, Ca=channels.Calcium()), admittance(120 * u.mV)
    np.testing.assert_allclose(follows[1], 1e-6 * 2j * np.pi * 1e6, rtol=1e-3)  # a capacitance at last
    # Calcium that comes in lowers its own driving force: current falls less with V.
    assert follows[0].real != pytest.approx(fixed[0].real, rel=1e-3)
    assert np.isfinite(follows).all()
