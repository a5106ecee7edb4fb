"""Places that send spikes of their own: an axon's times against NEURON, and all that a population can do as a sender.

NEURON's numbers: 9.0.2, soma (1 segment) and axon (101 segments of 2,000 um by 2 um) with hh, ``usetable_hh = 0``, 6.3 degrees,
1 nA for 1 ms; crossings of 0 mV interpolated between steps of 0.01 ms at 0.5 of the soma, 0.25, 0.75 and the end of the axon.
"""

import json

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, channels

SHAPE = cells.Morphology(
    [
        cells.Branch(np.array([[0, 0, 0], [20, 0, 0.0]]), np.array([10.0, 10]), "soma"),
        cells.Branch(np.array([[20, 0, 0], [2020, 0, 0.0]]), np.array([1.0, 1]), "axon", 0, name="axon"),
    ]
)
FINE, COARSE, SHORT = (cells.discretise(SHAPE, [1, n]) for n in (101, 21, 11))
NEURON = [0.790710777945983, 1.8190873532659904, 3.9111914443735647, 4.7747817079518216]


def axons(count=2, shape=FINE, at=(0.25, 0.75, 1.0), **values):
    net = bs.Network()
    squid = dict(na=channels.Na_HH1952(), k=channels.K_HH1952())
    given = dict(R_a=100 * u.ohm * u.cm, g_L=0.3 * u.mS / u.cm2, E_L=-54.3 * u.mV, V=-65 * u.mV) | values
    net.cells = cells.MultiCompartment(count, shape, channels=squid, **given)
    net.cells.add_detectors(axon=cells.Detector().on(cells.at("axon", at)))
    net.cells[0].add_stimuli(kick=bs.stimuli.Constant(1 * u.nA, stop=1 * u.ms))
    return net


def test_a_spike_takes_its_time_along_the_axon_as_in_neuron():
    net = axons(spike_times="interpolated")
    rec = bs.simulate(net, 6 * u.ms, dt=0.01 * u.ms, record=["cells.spikes", "cells.axon.spikes"])
    found = [*rec.spikes["cells"].times.mantissa, *rec.spikes["cells.axon"].times.mantissa]
    np.testing.assert_allclose(found, NEURON, atol=1e-7)
    assert rec["cells.axon.spikes"].indices.tolist() == [0, 2, 4]  # of the first cell, at three places


@pytest.fixture(scope="module")
def sent():
    """What arrives from the soma, the axon's end, and half of its places, of two cells of which one fires."""
    net = axons(shape=COARSE)
    net.B = bs.neurons.LIF(2)
    net.B.add_receptors(**{k: bs.receptors.Exponential(tau=1000 * u.ms) for k in ("soma", "end", "late", "own")})
    end = net.cells.axon.at(cells.at("axon", 1.0))
    net.cells.add_detectors(high=cells.Detector(V_th=30 * u.mV).on(cells.at("axon", 1.0)))
    connect = lambda pre, receptor, **more: net.connect(
        pre, net.B, bs.OneToOne(), receptor=receptor, weight=1 * u.pA, **more
    )
    connect(net.cells, "soma")
    connect(end, "end")
    connect(end, "late", delay=0.5 * u.ms, name="late")
    connect(net.cells.high, "own")
    paths = [f"B.{k}.g" for k in ("soma", "end", "late", "own")]
    spikes = ["cells.spikes", "cells.axon.spikes", "cells.high.spikes"]
    rec = bs.simulate(net, 8 * u.ms, dt=0.025 * u.ms, record=[*paths, *spikes, "cells.V"])
    return net, rec


def test_projections_start_from_places(sent):
    net, rec = sent
    steps = {name: rec.spikes[name].steps for name in rec.spikes}
    np.testing.assert_array_equal(rec.spikes["cells.axon"].indices, [0, 2, 4])
    arrived = {k: np.flatnonzero(rec[f"B.{k}.g"].mantissa[:, 0])[0] + 1 for k in ("soma", "end", "late", "own")}
    assert arrived == {
        "soma": steps["cells"][0],
        "end": steps["cells.axon"][-1],
        "late": steps["cells.axon"][-1] + 20,
        "own": steps["cells.high"][0],
    }
    assert arrived["soma"] + 50 < arrived["end"] < arrived["own"]
    assert not any(rec[f"B.{k}.g"].mantissa[:, 1].any() for k in arrived)  # the second cell is silent
    V = rec["cells.V"].mantissa.reshape(-1, 22, 2)[:, 21, 0]
    assert steps["cells.high"][0] == np.flatnonzero(V > 30)[0] + 1


def test_what_it_is_called(sent):
    net, rec = sent
    assert sorted(net.projections) == ["cells->B", "cells_axon->B", "cells_high->B", "late"]
    assert net["late"].pre == "cells.axon" and net["late"].n_pre == 6 and net["late"].n_synapses == 2
    assert rec.spikes.merged("cells", "cells.axon").n == 8
    assert "cells.axon" in net.senders and "cells.axon" not in net.populations
    with pytest.raises(ValueError, match="'cells' cannot be taken out: .*late refers to it"):
        del net.cells


def test_several_places_are_one_spike_of_the_unit():
    """Fires where the first of its places does, and once, while the spike travels through them; as the axon alone does later."""
    both = [cells.at("soma", 0.5), cells.at("axon", [0.05, 0.1])]
    fired = {}
    for name, where in (
        ("soma", None),
        ("both", both),
        ("end", cells.at("axon", 1.0)),
        ("apart", [both[0], cells.at("axon", 1.0)]),
    ):
        net = axons(shape=COARSE, spikes_at=where)
        rec = bs.simulate(net, 6 * u.ms, dt=0.025 * u.ms, record=["cells.spikes", "cells.axon.spikes"])
        fired[name] = rec.spikes["cells"].of(0).mantissa.tolist()
        end = rec.spikes["cells.axon"].times.mantissa[-1]
    assert fired["both"] == fired["soma"] and len(fired["soma"]) == 1
    np.testing.assert_allclose(fired["end"], [end])
    assert fired["apart"] == fired["soma"] + fired["end"]  # the soma has been below in between


def test_cells_of_several_shapes_fire_at_their_own_places():
    net = axons(2, [COARSE, SHORT], spikes_at=[cells.at("soma", 0.5), cells.at("axon", 0.05)])
    rec = bs.simulate(net, 6 * u.ms, dt=0.025 * u.ms, record=["cells.spikes", "cells.axon.spikes"])
    assert rec.spikes["cells"].indices.tolist() == [0]
    assert rec.spikes["cells.axon"].indices.tolist() == [0, 1, 2]  # counted cell by cell


def test_spikes_of_places_have_the_surrogate_of_the_cells():
    net = axons(1, COARSE, surrogate=bs.surrogate.ATan())
    net.B = bs.neurons.LIF(1)
    net.B.add_receptors(syn=bs.receptors.Exponential(tau=1000 * u.ms))
    net.connect(net.cells.axon, net.B, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    run = bs.function(net, 5 * u.ms, dt=0.05 * u.ms)

    def arrived(g):
        return run(run.parameters | {"cells.na.g_max": g}, run.state)[0]["B.syn.g"][0]

    value, slope = jax.value_and_grad(arrived)(jnp.asarray(run.parameters["cells.na.g_max"]))
    assert value > 2.9 and np.isfinite(slope) and slope != 0


def test_copies_and_descriptions_have_their_own_detectors_and_junctions():
    net = axons(shape=COARSE)
    net.cells.add_junctions(gap=cells.Junctions(bs.FixedProbability(0.9), g=1 * u.nS))
    net.cells[1].add_stimuli(late=bs.stimuli.Constant(0.1 * u.nA, start=5 * u.ms))
    for other in (net.copy().copy(), bs.Network.from_description(json.loads(json.dumps(net.describe())))):
        axon = other.cells.axon
        assert axon is not net.cells.axon and axon._aside.sites.tolist() == net.cells.axon._aside.sites.tolist()
        assert axon.at(cells.at("axon", 1.0)).ids.tolist() == net.cells.axon.at(cells.at("axon", 1.0)).ids.tolist()
        assert other.cells.gap.ends.tolist() == net.cells.gap.ends.tolist() != []
        assert other.cells.late.runs == net.cells.late.runs is not None  # one of two cells
        with pytest.raises(ValueError, match="cells.axon does not stand at cell 0, branch 0"):
            axon.at("soma")


def test_what_does_not_fit_is_refused():
    net = axons(shape=COARSE)
    net.B = bs.neurons.LIF(2)
    net.B.add_receptors(syn=bs.receptors.Exponential())
    net.cells.add_receptors(syn=bs.receptors.Exponential())
    connect = lambda pre, post: net.connect(pre, post, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    for expected, wrong in [
        (r"cells.axon does not stand at cell 0, branch 0, soma \(0.5\), cell 1", lambda: net.cells.axon.at("soma")),
        (r"spikes_at must be a place of each cell.*cell 1 has none",
         lambda: axons(2, [COARSE, SHORT], spikes_at=cells.cells(0))),
        (r"'dend': there is no such type", lambda: axons(spikes_at="dend")),
        (r"cells.axon is not a population of this network", lambda: connect(net.B, net.cells.axon)),
        (r"expected a population or a view of one", lambda: connect(cells.Detector(), net.B)),
        (r"'axon' is taken", lambda: net.cells.add_detectors(axon=cells.Detector())),
        (r"must be a detector, given Constant", lambda: net.cells.add_detectors(x=bs.stimuli.Constant(1 * u.nA))),
        (r"cells.axon.V_th", lambda: setattr(net.cells.axon, "V_th", 3 * u.nA)),
    ]:  # fmt: skip
        with pytest.raises((ValueError, TypeError, AttributeError, u.UnitMismatchError), match=expected):
            wrong()
