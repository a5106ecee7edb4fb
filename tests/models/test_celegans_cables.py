"""Command interneurons as cables: closed forms, and the nervous system of points where cables are short.

Independent numbers (BDF, of 279 points): see test_celegans_connectome.
"""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells
from models.celegans_swimmer import cable_neurons as cables
from models.celegans_swimmer import connectome

measured = pytest.mark.skipif(
    not (connectome.DATA / "celegans_connectome.csv").is_file(), reason="the connectome's table is not there"
)


def test_a_cable_is_as_long_as_its_length_constant():
    """Alone, a steady potential at its head falls to 1/cosh(l/lambda) at its tail, lambda 446 um at half a millimetre."""
    (cut,) = cables.shapes(["AVBL"])
    assert cut.area.sum() == pytest.approx(cables.AREA, rel=1e-9)
    d = cables.AREA / np.pi / cables.LENGTH
    scale = 1e4 * np.sqrt(1e3 * cables.R_M * 1e-4 * d / (4 * cables.R_A))
    assert scale == pytest.approx(446, abs=1)
    rest = cells.Electrotonics(
        cells.discretise(cut.morphologies[0], 200), g=1 / cables.R_M * u.mS / u.cm2, R_a=cables.R_A * u.ohm * u.cm
    )
    attenuation = rest.attenuation(cells.at("soma", 0.0), cells.at("soma", 1.0))
    np.testing.assert_allclose(np.ravel(attenuation)[0], np.cosh(cables.LENGTH / scale), rtol=5e-3)


def test_where_contacts_are():
    names = ["AVBL", "VB1", "VB11", "RIBL"]
    places = cables.Places(names, dict(zip(names, (10, 1, 1, 1))))
    assert places.of("AVBL", "VB1") == 0 and places.of("AVBL", "VB11") == 9 and places.of("AVBL", "RIBL") == 0
    assert [places.of(name, "AVBL") for name in names[1:]] == [10, 11, 12]
    assert cables.along("DB4") == pytest.approx(0.5) and cables.along("AVBL") is None and cables.along("VC") is None


@measured
def test_thresholds_are_those_of_points_where_cables_are_short():
    with jax.enable_x64(True):
        net = cables.build(length=7.0)
        names = connectome.neurons(None, pharynx=False)
        places = cables.Places(names, {name: 10 if name in cables.COMMAND else 1 for name in names})
        half = np.asarray(net["exc"].terminal.V_half.to_decimal(u.mV))
        for name, expected in dict(DB4=497, VB4=547, PVR=1907, PLMR=4836).items():
            np.testing.assert_allclose(half[places.first[name]], expected, rtol=2e-3)
        assert net.neurons.sites == 369 and net.neurons.gap.count == 514
        rec = bs.simulate(net, 20 * u.ms, dt=1 * u.ms, record=["neurons.V"])
        assert np.isfinite(np.asarray(rec["neurons.V"].to_decimal(u.mV))).all()


@measured
@pytest.mark.slow
def test_short_cables_move_as_points_and_long_ones_do_not():
    with jax.enable_x64(True):
        short, long = (cables.experiment(length=length, dt=1 * u.ms) for length in (7.0, 500.0))
        names = connectome.neurons(None, pharynx=False)
        moved = {name: short[0][1500:, names.index(name)].std() for name in ("PVR", "VB4", "DB4", "AVBL", "VD6")}
        for name, expected in dict(PVR=30.6, VB4=16.6, DB4=15.8, AVBL=8.0, VD6=1.8).items():
            np.testing.assert_allclose(moved[name], expected, rtol=0.03)
        np.testing.assert_allclose(short[2]["frequency"], 0.47, rtol=0.05)
        assert short[2]["decay"] > 0.99 and long[2]["decay"] < 0.6
        assert long[2]["two_modes"] > 0.99 and long[2]["frequency"] < short[2]["frequency"]
