"""NMODL files that write a concentration and a current, against NEURON 9.0.2: each is a pool and a channel at once."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim.io import read_mod
from tests.io import mechanisms

#: cai (mM), held (mM um), V (mV) of a cylinder of 20 x 4 um after steps of 0.025 ms; 0.01 mA/cm2 flow in during the first 100
PUMPED = {
    0: (1.6666667430555552e-05, 6.666666805555555e-05),
    1: (2.9557629557807177e-05, 6.673056377035399e-05),
    100: (0.0010429175242533688, 0.0002763571548919908, -43.95185601097511),
    200: (0.0006705496674855018, 0.00041865814338899304, -52.54451749221169),
    400: (0.0003056648636760649, 0.0003144004039370832, -64.4616232343939),
}
#: V (mV), cai (mM) and m of a sphere of 20 um with 20 pA at 10, 20 and 30 ms, in steps of 0.025 and of 0.0125 ms
WHOLE = {
    0.025: [
        (-60.5882274226456, 0.000179671630293098, 0.1984459688981503),
        (-62.86980252721868, 0.00025367915633727573, 0.18246233207890641),
        (-65.3341836387708, 0.0002592235491448658, 0.1369179411886711),
    ],
    0.0125: [
        (-60.58898591077911, 0.0001796801612626902, 0.19842646651264478),
        (-62.87462408991318, 0.00025364115606242213, 0.1824195049295613),
        (-65.33552927918983, 0.000259149537132475, 0.13689775181290637),
    ],
}


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("mod"), {}
    for name in ("PUMP", "WHOLE", "INFLUX"):
        path = folder / f"{name.lower()}.mod"
        path.write_text(getattr(mechanisms, name))
        found[name] = read_mod(path)
    return found


def network(width, g_L=0.0, **parts):
    net = bs.Network()
    shape = bs.cells.cylinder(20 * u.um, width * u.um, type="soma")
    passive = dict(g_L=g_L * u.mS / u.cm2, E_L=-65 * u.mV, V=-65 * u.mV)
    net.c = bs.cells.MultiCompartment(1, shape, compartments=1, **passive, **parts)
    return net


def test_a_pump_starts_at_its_rest_and_takes_out_what_has_come_in(classes):
    """It reads the current of all that flows, and its own apart from it; its area and diameter are those of the cell."""
    with jax.enable_x64(True):
        net = network(4, 0.1, channels=dict(influx=classes["INFLUX"]()), pools=dict(Ca=classes["PUMP"]()))
        Ca = net.c.Ca
        assert Ca.diam == 4 * u.um and Ca.carries == {"ica": "Ca"}
        np.testing.assert_allclose(Ca.area.to_decimal(u.um2), np.pi * 80, rtol=1e-12)
        found = [(Ca.concentration.to_decimal(u.mM)[0], Ca.held.to_decimal(u.mM * u.um)[0])]
        for steps, i0 in ((1, -0.01), (99, -0.01), (100, 0), (200, 0)):
            net.c.influx.i0 = i0 * u.mA / u.cm2
            bs.simulate(net, steps * 0.025 * u.ms, dt=0.025 * u.ms)
            found.append((Ca.concentration.to_decimal(u.mM)[0], Ca.held.to_decimal(u.mM * u.um)[0]))
        V = float(net.c.V.to_decimal(u.mV)[0])
    np.testing.assert_allclose(found, [row[:2] for row in PUMPED.values()], rtol=1e-9)
    np.testing.assert_allclose(V, PUMPED[400][2], atol=2e-2)  # concentrations move before V here, and after it there


def test_a_file_of_channels_and_their_calcium(classes):
    """V, eca of its own calcium, ek of no pool, currents of three kinds; gates start from V. Both programs are of order 1, and
    agree where dt is 0: from two steps of each.
    """
    with jax.enable_x64(True):
        net = network(20, pools=dict(Ca=classes["WHOLE"]()))
        net.c.add_stimuli(drive=bs.stimuli.Constant(20 * u.pA))
        cell, found = net.c, {}
        np.testing.assert_allclose(cell.Ca.m, 1 / (1 + np.exp(15 / 8)), rtol=1e-12)
        names = ["c.V", "c.Ca.concentration", "c.Ca.m"]
        for dt in WHOLE:
            net.reset()
            rec = bs.simulate(net, 30 * u.ms, dt=dt * u.ms, record=names)
            found[dt] = np.stack(
                [np.asarray(u.get_mantissa(rec[x]))[round(10 / dt) - 1 :: round(10 / dt), 0] for x in names], 1
            )
    two = lambda of: 2 * np.asarray(of[0.0125]) - np.asarray(of[0.025])
    np.testing.assert_allclose(two(found), two(WHOLE), rtol=3e-6)
    coarse = np.abs(np.asarray(found[0.025]) - WHOLE[0.025]).max(0)
    assert (coarse < [2e-2, 1e-6, 1e-3]).all()


def test_a_pool_is_called_as_its_ion(classes):
    with pytest.raises(bs.UnknownNameError, match="depends on the concentration 'Ca'"):
        network(20, pools=dict(calcium=classes["WHOLE"]()))
