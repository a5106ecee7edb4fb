"""Channels of the neocortical pyramidal cell against NEURON, which ran the published files (``make_hay2011.py``)."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels
from tests.references import make_hay2011 as make

#: by the name of the published file
CLASSES = {
    "NaTa_t": channels.NaTa_Hay2011, "NaTs2_t": channels.NaTs_Hay2011, "Nap_Et2": channels.NaP_Hay2011,
    "K_Tst": channels.KT_Hay2011, "K_Pst": channels.KP_Hay2011, "SKv3_1": channels.Kv3_Hay2011, "Im": channels.KM_Hay2011,
    "Ih": channels.Ih_Hay2011, "Ca_HVA": channels.CaHT_Reuveni1993, "Ca_LVAst": channels.CaLVA_Hay2011,
    "SK_E2": channels.SK_Hay2011,
}  # fmt: skip


@pytest.fixture(scope="module")
def neuron():
    return dict(np.load(Path(make.__file__).with_name("hay2011.npz")))


@pytest.mark.parametrize("name", CLASSES)
def test_gates_and_currents_are_neurons(neuron, name):
    """To 1e-9, of every gate at rest and 3 ms after a step of V, and of the current then."""
    channel = CLASSES[name](g_max=make.G * u.siemens / u.cm2)
    before, after, Ca = (x.ravel() for x in np.meshgrid(make.BEFORE, make.AFTER, make.CALCIUM, indexing="ij"))
    if name != "SK_E2":
        before, after = (x.ravel() for x in np.meshgrid(make.BEFORE, make.AFTER, indexing="ij"))
        Ca = None
    n, rows = len(channel.gates), neuron[name]
    ions = lambda amount: {} if Ca is None else {"Ca": amount * u.mM}
    start = channel.steady_state(before * u.mV, **ions(Ca))
    end = channel.steady_state(after * u.mV, **ions(make.CALCIUM[2]))
    at_zero = channel.slopes(after * u.mV, **ions(make.CALCIUM[2]), **dict.fromkeys(channel.gates, 0.0))
    reached = {}
    for k, gate in enumerate(channel.gates):
        np.testing.assert_allclose(start[gate], rows[:, k], rtol=1e-9, err_msg=gate)
        decay = np.exp(-make.DT * make.STEPS * np.asarray((at_zero[gate] / end[gate]).to_decimal(u.kHz)))
        reached[gate] = end[gate] + (start[gate] - end[gate]) * decay
        np.testing.assert_allclose(reached[gate], rows[:, n + k], rtol=1e-9, err_msg=gate)
    current = channel.current(after * u.mV, **reached).to_decimal(u.mA / u.cm2)
    np.testing.assert_allclose(-current, rows[:, 2 * n], rtol=1e-9, atol=1e-20)


def test_calcium_and_its_nernst_potential_are_neurons(neuron):
    """A patch too large for its potential to move, 100 ms; NEURON with a tenth of the step."""
    p = make.POOL
    net = bs.Network()
    net.patch = bs.cells.MultiCompartment(
        1, bs.cells.cylinder(10 * u.um, 10 * u.um), compartments=1, V=-20 * u.mV, C=1e9 * u.uF / u.cm2, g_L=0 * u.mS / u.cm2,
        channels=dict(hva=channels.CaHT_Reuveni1993(g_max=make.G * u.siemens / u.cm2, E=None)),
        pools=dict(Ca=channels.Calcium_Hay2011(gamma=p["gamma"], tau=p["decay"] * u.ms)),
    )  # fmt: skip
    rec = bs.simulate(net, 100 * u.ms, dt=make.DT * u.ms, record="patch.Ca.concentration", sample_every=1 * u.ms)
    Ca = rec["patch.Ca.concentration"].to_decimal(u.mM)[:, 0]
    np.testing.assert_allclose(Ca, neuron["pool"][:, 0], rtol=3e-6)
    nernst = net.patch.Ca.reversal(neuron["pool"][:, 0] * u.mM).to_decimal(u.mV)
    np.testing.assert_allclose(nernst, neuron["pool"][:, 2], atol=2e-3)
