"""One temperature of a whole cell: what it is for its parts, against giving it to each."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels
from brainsim.io import read_mod
from tests.io.mechanisms import GATES

A = u.uA / u.cm2


def spiking(**values):
    own = values.pop("own", {})
    return bs.neurons.ConductanceBased(
        1,
        channels=dict(
            na=channels.Na_HH1952(**own),
            k=channels.K_HH1952(**own),
            ca=channels.CaT_HM1992(E=None, g_max=0.1 * u.mS / u.cm2, **values.pop("ca", {})),
        ),
        pools=dict(Ca=channels.Calcium(**values.pop("pool", {}))),
        g_L=0.3 * u.mS / u.cm2,
        E_L=-54.3 * u.mV,
        V=-65 * u.mV,
        **values,
    )


def network(cell):
    net = bs.Network()
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(10 * A))
    return net


def V_of(net):
    return np.asarray(bs.simulate(net, 10 * u.ms, dt=0.025 * u.ms, record="E.V")["E.V"].to_decimal(u.mV))[:, 0]


def by_hand(celsius):
    phi = {name: channels.q10(q, celsius, 24.0) for name, q in (("phi_m", 5), ("phi_h", 3))}
    temperature = dict(temperature=(celsius + 273.15) * u.kelvin)
    return spiking(own=dict(phi=channels.q10(3, celsius, 6.3)), ca=phi, pool=temperature)


def test_parts_take_the_temperature_of_the_cell():
    """Rates by their Q10, Nernst potentials; as given to each by hand, at once and after it has changed."""
    with jax.enable_x64(True):
        net = network(spiking(celsius=16.3))
        assert net.E.na.phi is None and net.E.ca.phi_m is None and net.E.Ca.temperature is None
        np.testing.assert_allclose(V_of(net), V_of(network(by_hand(16.3))), rtol=0, atol=1e-9)
        net.reset()
        net.E.celsius = 12.0
        np.testing.assert_allclose(V_of(net), V_of(network(by_hand(12.0))), rtol=0, atol=1e-9)
        own = network(spiking(celsius=12.0, own=dict(phi=3.0)))
        assert own.E.na.phi == 3.0
        assert np.abs(V_of(own) - V_of(net)).max() > 1.0


def test_it_is_swept_and_has_a_derivative():
    with jax.enable_x64(True):
        net = network(spiking(celsius=16.3))
        found = bs.sweep(net, {"E.celsius": [12.0, 16.3]}, 10 * u.ms, dt=0.025 * u.ms, record="E.V")
        V = [np.asarray(one["E.V"].to_decimal(u.mV))[:, 0] for one in found]
        for row, celsius in zip(V, (12.0, 16.3)):
            np.testing.assert_allclose(row, V_of(network(by_hand(celsius))), rtol=0, atol=1e-9)
        run = bs.function(net, 2 * u.ms, dt=0.025 * u.ms, record="E.V")
        last = jax.jit(lambda c: u.get_mantissa(run({**run.parameters, "E.celsius": c}, run.state)[1]["E.V"])[-1, 0])
        slope = (last(16.31) - last(16.29)) / 0.02
        np.testing.assert_allclose(jax.jit(jax.grad(last))(16.3), slope, rtol=1e-4)


def test_mechanisms_of_files_take_it(tmp_path):
    (tmp_path / "gates.mod").write_text(GATES)
    gates = read_mod(tmp_path / "gates.mod")
    net = network(bs.neurons.ConductanceBased(1, channels=dict(x=gates()), celsius=16.0, V=-65 * u.mV))
    own = network(bs.neurons.ConductanceBased(1, channels=dict(x=gates(celsius=16.0)), V=-65 * u.mV))
    assert net.E.x.celsius is None and own.E.x.celsius == 16.0
    np.testing.assert_allclose(V_of(net), V_of(own), rtol=1e-5)


def test_what_is_refused_and_warned_of():
    with pytest.raises(ValueError, match="has none: give celsius"):
        spiking(own=dict(phi=None))
    with pytest.raises(ValueError, match="fixed when it is made"):
        spiking().celsius = 20.0
    with pytest.raises(ValueError, match="fixed when it is made"):
        spiking(celsius=20.0).celsius = None
    with pytest.warns(
        UserWarning, match=r"celsius = 36 is more than 25 degrees from where the rates of .*na.phi \(6.3 °C\), .*k.phi"
    ):
        spiking(celsius=36.0)
    cell = spiking(celsius=20.0, own=dict(phi=1.0), ca=dict(phi_m=1.0, phi_h=1.0))
    with pytest.warns(UserWarning, match="between 0 and 50"):
        cell.celsius = 60.0
    with pytest.raises(bs.UnknownNameError, match="phi"):
        bs.sweep(network(spiking(celsius=16.3)), {"E.na.phi": [1.0, 2.0]}, 1 * u.ms)
