"""Protocols and features of BluePyOpt: each number stands where the file says, and what is not known is refused."""

import json

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, io
from brainsim.train import Features, Protocol, Protocols

PROTOCOLS = {
    "bAP": {
        "stimuli": [{"delay": 5, "amp": 0.4, "duration": 3, "totduration": 20}],
        "extra_recordings": [
            {"var": "v", "somadistance": 60, "type": "somadistance", "name": "dend1", "seclist_name": "apical"}
        ],
    },
    "Step": {
        "type": "StepProtocol",
        "stimuli": {
            "holding": {"delay": 0, "amp": -0.02, "duration": 25, "totduration": 25},
            "step": {"delay": 5, "amp": 0.1, "duration": 15, "thresh_perc": 150, "totduration": 25},
        },
    },
}
FEATURES = {
    "bAP": {"soma": {"AP_height": [25.0, 5.0], "Spikecount": [1.0, 0.01]}, "dend1": {"maximum_voltage": [-20.0, 9.0]}},
    "Step": {"soma.v": [{"feature": "AHP_slow_time", "val": [0.1, 0.1]}, {"feature": "voltage_base", "val": [-70, 2.0]}]},
}  # fmt: skip
DT = 0.05 * u.ms


def network():
    builder = cells.Builder()
    soma = builder.add(20 * u.um, 20 * u.um, type="soma")
    builder.add(30 * u.um, 2 * u.um, type="apic", parent=soma)
    builder.add(100 * u.um, 2 * u.um, type="apic", parent=soma)
    ch = bs.channels
    net = bs.Network()
    net.cell = cells.MultiCompartment(
        1,
        cells.discretise(builder.build(), [1, 3, 10]),
        V=-70 * u.mV,
        channels=dict(na=ch.Na_TraubMiles().on("soma"), k=ch.K_TraubMiles().on("soma")),
    )
    return net


def read(protocols=PROTOCOLS, features=FEATURES, net=None, **options):
    options = dict(dt=DT, without=["AHP_slow_time"]) | options
    return io.read_protocols(network() if net is None else net, "cell", protocols, features, **options)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The experiment of the files, and one by hand."""
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "protocols.json").write_text(json.dumps(PROTOCOLS))
    (folder / "features.json").write_text(json.dumps(FEATURES))
    limits = dict(dend1=-40 * u.mV)
    found = read(folder / "protocols.json", folder / "features.json", thresholds=limits, bound=3.0)
    net = network()
    net.cell.add_stimuli(
        pulse=bs.stimuli.Constant(0 * u.nA, start=5 * u.ms, stop=8 * u.ms), held=bs.stimuli.Constant(0 * u.nA)
    )
    made = Protocols(
        net, 25 * u.ms, dt=DT, record=dict(soma=net.cell.at("soma"), dend1=net.cell.at(cells.at("apic[1]", 0.55))),
        bound=3.0,
        bAP=Protocol({"cell.pulse.amplitude": 0.4 * u.nA}, [
            Features("soma", {"AP_height": (25, 5), "Spikecount": (1, 0.01)}, start=5 * u.ms, stop=8 * u.ms),
            Features("dend1", {"maximum_voltage": (-20, 9)}, start=5 * u.ms, stop=8 * u.ms, threshold=-40 * u.mV),
        ]),
        Step=Protocol(
            {"cell.pulse.amplitude": 0.1 * u.nA, "cell.pulse.stop": 20 * u.ms, "cell.held.amplitude": -0.02 * u.nA},
            [Features("soma", {"voltage_base": (-70, 2)}, start=5 * u.ms, stop=20 * u.ms)],
        ),
    )  # fmt: skip
    return found, made


def test_it_is_the_experiment_by_hand(both):
    found, made = both
    assert found.names == ("bAP", "Step") and found.labels == made.labels
    one, other = (jax.jit(x.responses)() for x in both)
    for name in found.names:
        for place in ("soma", "dend1"):
            np.testing.assert_allclose(one[name][place], other[name][place], rtol=1e-9)
    np.testing.assert_allclose(found.residuals(), made.residuals(), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(features={"Steq": {}}), "there is no protocol 'Steq'.*Did you mean 'Step'"),
        (dict(features={"Step": {"dend2": {}}}), "Step: nothing is recorded at 'dend2'.*'dend1'"),
        (dict(without=[]), "Step.soma: there is no feature 'AHP_slow_time'.*Leave it out by without="),
        (dict(thresholds={"dend": 0 * u.mV}), "thresholds: there is no place 'dend'"),
    ],
)
def test_unknown_names_are_refused(change, message):
    with pytest.raises(bs.UnknownNameError, match=message):
        read(**change)


def changed(protocol, **values):
    return PROTOCOLS | {protocol: PROTOCOLS[protocol] | values}


@pytest.mark.parametrize(
    ("protocols", "message"),
    [
        (changed("Step", type="RampProtocol"), "Step is a RampProtocol; those of square pulses"),
        (changed("Step", stimuli=[]), "Step has no stimuli"),
        (changed("Step", stimuli=[{"amp": 1, "delay": 0}]), "a stimulus of Step says no duration, totduration"),
        (
            changed("bAP", extra_recordings=[PROTOCOLS["bAP"]["extra_recordings"][0] | {"somadistance": 600}]),
            "recording 'dend1': no branch of apical reaches 600 um",
        ),
        (
            changed("bAP", extra_recordings=[{"type": "nrnseclistcomp", "name": "dend1"}]),
            "recording 'dend1': V at a somadistance is read",
        ),
    ],
)
def test_what_is_not_read_is_refused(protocols, message):
    with pytest.raises(ValueError, match=message):
        read(protocols)


def test_the_population_is_one_cell_with_a_shape():
    net = bs.Network()
    net.cell = bs.neurons.LIF(1)
    with pytest.raises(TypeError, match="'cell' must be a population of one cell with a shape"):
        read(net=net)
