"""What is recorded at places of cells: the same numbers as by index, and labels that lead back to branch and point."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells
from tests.cells.test_multi_compartment import CUT, hh_cell

N = len(CUT)
TIPS = cells.at("long", 1.0) + cells.at("short", 1.0)


def cells_of(count=3):
    net = bs.Network()
    net.E = bs.neurons.LIF(4)
    net.cell = hh_cell(count)
    net.cell.add_receptors(syn=bs.receptors.Exponential().on("long"))
    net.cell.add_junctions(gap=cells.Junctions(bs.AllToAll(), g=0 * u.nS))
    net.cell[0].add_stimuli(step=bs.stimuli.Constant(0.5 * u.nA))
    return net


@pytest.fixture(scope="module")
def recorded():
    net = cells_of()
    asked = [
        "cell.V", "cell.V@soma", "cell.V@long(1)", "cell.V@cell 2, short(0.5)", ("cell.V", TIPS), ("cell.na.m", "soma"),
        "cell.syn.g@long(0.04)", net.cell.at("short"), net.cell[1:].at(cells.at("short", 0.0)), net.E[1:3], "cell.p.g_max",
    ]  # fmt: skip
    return net, asked, bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms, record=asked[:-1])


def test_places_are_the_elements_of_the_whole(recorded):
    net, asked, rec = recorded
    V = rec["cell.V"].mantissa.reshape(-1, N, 3)
    same = lambda label, expected: np.testing.assert_array_equal(rec[label].mantissa, expected.reshape(len(V), -1))
    same("cell.V@soma", V[:, :11])
    same("cell.V@long(1)", V[:, 21])
    same("cell.V@cell 2, short(0.5)", V[:, 27, 2])
    same(("cell.V", TIPS), V[:, [21, 32]])
    same(net.cell.at("short"), V[:, 22:])
    same(asked[8], V[:, 22, 1:])
    assert rec["cell.na.m@soma"].shape == (20, 33) and rec["cell.syn.g@long(0.04)"].shape == (20, 3)
    assert rec[net.E[1:3]].shape == (20, 2)
    assert "cell.V@(at('long', 1) + at('short', 1))" in rec and ("cell.V", TIPS) in rec


def test_labels_lead_back_to_branch_and_point(recorded, tmp_path):
    net, _, rec = recorded
    assert rec.places_of("cell.V@long(1)") == [f"cell {k}, long(0.955)" for k in range(3)]
    assert rec.places_of("cell.syn.g@long(0.04)")[1] == "cell 1, long(0.0455)"
    assert rec.places_of("cell.na.m@soma")[3] == "cell 0, branch 0, soma (0.136)"
    assert rec.places_of("cell.V")[-1] == "cell 2, short(0.955)"
    assert rec.elements_of(("cell.V", TIPS)).tolist() == [63, 64, 65, 96, 97, 98]
    again = bs.simulate(
        net, 0.1 * u.ms, dt=0.05 * u.ms, record=[f"cell.V@{name}" for name in rec.places_of("cell.V")[:36]]
    )
    assert [int(again.elements_of(label)[0]) for label in again] == list(range(36))  # what is printed can be asked for
    rec.save(tmp_path / "rec")
    loaded = bs.Recording.load(tmp_path / "rec")
    for label in rec:
        if label.startswith("cell"):
            assert loaded.places_of(label) == rec.places_of(label)
    data = rec.to_xarray()
    assert data["cell.V@long(1)_place"].values[2] == "cell 2, long(0.955)"
    with pytest.raises(ValueError, match="has no places on cells"):
        rec.places_of(net.E[1:3])


def test_every_door_takes_them():
    net = cells_of(1)
    asked = ["cell.V@long(0.5)", ("cell.V", TIPS)]
    alone = bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms, record=dict.fromkeys(asked, 0.5 * u.ms))
    net.reset()
    swept = bs.sweep(net, {"cell.step.amplitude": [0.5, 1] * u.nA}, 1 * u.ms, dt=0.05 * u.ms, record=asked)
    run = bs.function(net, 1 * u.ms, dt=0.05 * u.ms, record=net.cell.at("soma"))
    _, samples = run(run.parameters, run.state)
    assert list(samples) == ["cell.V@soma"] and samples["cell.V@soma"].shape == (20, 11)
    for label in asked:
        np.testing.assert_allclose(alone[label].mantissa, swept[0][label].mantissa[9::10], rtol=1e-12)
        assert swept[1].places_of(label) == alone.places_of(label)


def test_what_does_not_exist_is_refused_by_branch_and_point():
    net = cells_of(2)
    net.other = hh_cell(1)
    record = lambda asked: bs.simulate(net, 0.1 * u.ms, dt=0.05 * u.ms, record=asked)
    for expected, asked in [
        (r"'cell.V@axon': region 'axon': there is no such type", "cell.V@axon"),
        (r"'cell.V@axon\(0.5\)': .*'axon'.* no", "cell.V@axon(0.5)"),
        (r"'cell.V@long\(1.5\)': .*'long' is a fraction of its length from 0 to 1, given 1.5", "cell.V@long(1.5)"),
        (r"there is no cell 5; there are 2", "cell.V@cell 5, long(0.5)"),
        (r"'cell.na.m@long\(0.5\)': cell.na does not stand at cell 0, long\(0.5\), cell 1, long\(0.5\)", "cell.na.m@long(0.5)"),
        (r"'cell.V\[66\]' selects what does not exist; the variable has 66 elements, the last of which is cell 1, short\(0.955\)",
         "cell.V[66]"),
        (r"'cell.spikes@soma' asks for places, and 'cell.spikes' is not one number for each place", "cell.spikes@soma"),
        (r"'cell.gap.g@soma' asks for places", "cell.gap.g@soma"),
        (r"'E.V@soma' asks for places", "E.V@soma"),
        (r"the places are those of other, not of cell", ("cell.V", net.other.at("soma"))),
        (r"cannot read 3; write a path", [3]),
        (r"something is asked for twice", ["cell.V@soma", ("cell.V", "soma")]),
    ]:  # fmt: skip
        with pytest.raises((ValueError, AttributeError, IndexError), match=expected):
            record(asked)
