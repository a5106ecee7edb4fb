"""Morphologies of NeuroML 2. Lengths and areas in all are those of Arbor 0.12.2 (`arbor.neuroml`)."""

import numpy as np
import pytest

from brainsim._errors import UnknownNameError
from brainsim.cells import read_neuroml

from .test_swc import frusta

SEGMENTS = """
<segment id="0" name="soma"><proximal x="0" y="0" z="0" diameter="10"/><distal x="0" y="12" z="0" diameter="8"/></segment>
<segment id="1" name="d0"><parent segment="0"/><proximal x="0" y="12" z="0" diameter="2"/>
  <distal x="0" y="40" z="0" diameter="1.5"/></segment>
<segment id="2" name="d1"><parent segment="1"/><distal x="0" y="60" z="5" diameter="1"/></segment>
<segment id="4" name="d3"><parent segment="2"/><distal x="-10" y="80" z="5" diameter="0.5"/></segment>
<segment id="3" name="d2"><parent segment="2"/><distal x="10" y="80" z="5" diameter="1"/></segment>
<segment id="5" name="side"><parent segment="1" fractionAlong="0.5"/><distal x="20" y="26" z="0" diameter="0.5"/></segment>
<segment id="6" name="ax"><parent segment="0" fractionAlong="0"/><proximal x="0" y="0" z="0" diameter="1"/>
  <distal x="0" y="-50" z="0" diameter="1"/></segment>
"""
GROUPS = """
<segmentGroup id="dendrite_group"><include segmentGroup="trunk"/><include segmentGroup="tips"/><member segment="5"/></segmentGroup>
<segmentGroup id="trunk" neuroLexId="sao864921383"><member segment="1"/><member segment="2"/></segmentGroup>
<segmentGroup id="soma_group"><member segment="0"/></segmentGroup>
<segmentGroup id="tips"><member segment="3"/><member segment="4"/></segmentGroup>
<segmentGroup id="axon_group"><member segment="6"/></segmentGroup>
"""


@pytest.fixture
def read(tmp_path):
    def read(segments, groups="", after="", **settings):
        path = tmp_path / "cell.nml"
        path.write_text(
            '<?xml version="1.0"?>\n<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="doc"><cell id="pyr">'
            f'<morphology id="m">{segments}{groups}</morphology></cell>{after}</neuroml>'
        )
        return read_neuroml(path, **settings)

    return read


def test_segments_become_branches_and_groups_become_labels(read):
    cell = read(SEGMENTS, GROUPS)
    assert [(b.name, b.type, b.parent, round(b.at, 6), b.source.tolist()) for b in cell] == [
        ("soma[0]", "soma", -1, 1.0, [-1, 0]),
        ("trunk", "dend", 0, 1.0, [-1, 1, 2]),
        ("dend[1]", "dend", 1, 1.0, [-1, 3]),
        ("dend[2]", "dend", 1, 1.0, [-1, 4]),
        ("dend[3]", "dend", 1, round(14 / (28 + np.hypot(20, 5)), 6), [-1, 5]),
        ("axon[0]", "axon", 0, 0.0, [-1, 6]),
    ]
    assert {name: ids.tolist() for name, ids in cell.labels.items()} == {
        "trunk": [1], "soma_group": [0], "tips": [2, 3], "axon_group": [5], "dendrite_group": [1, 2, 3, 4],
    }  # fmt: skip
    assert sum(b.length_um for b in cell) == pytest.approx(175.33688767808408, rel=1e-6)
    assert sum(map(frusta, cell)) == pytest.approx(926.1127076731843, rel=1e-6)
    np.testing.assert_allclose(cell["dend[3]"].xyz[0], [0, 26, 0])
    np.testing.assert_allclose(cell["dend[3]"].radius, [0.875, 0.25])


def test_paths_and_subtrees_part_a_cable_where_they_begin(read):
    more = """<segmentGroup id="above"><subTree><from segment="2"/></subTree></segmentGroup>
    <segmentGroup id="way"><path><from segment="1"/><to segment="3"/></path></segmentGroup>"""
    cell = read(SEGMENTS, GROUPS + more)
    assert [b.source.tolist() for b in cell][1:3] == [[-1, 1], [-1, 2]]
    assert (cell.labels["above"].tolist(), cell.labels["way"].tolist()) == ([2, 3, 4], [1, 2, 3])


def test_a_segment_of_no_length_is_a_sphere(read):
    point = '<segment id="0" name="Soma"><proximal x="1" y="2" z="3" diameter="10"/><distal x="1" y="2" z="3" diameter="10"/></segment>'
    (soma,) = read(point)
    assert (soma.type, soma.length_um) == ("soma", 10)
    assert frusta(soma) == pytest.approx(100 * np.pi)


def test_one_of_several_cells(read):
    other = f'<cell id="other" morphology="shape"/><morphology id="shape">{SEGMENTS}</morphology>'
    alone = '<segment id="7" name="axon"><proximal x="0" y="0" z="0" diameter="1"/><distal x="9" y="0" z="0" diameter="1"/></segment>'
    assert len(read(alone, after=other, cell="other")) == 6
    assert read(alone, after=other, cell="pyr")[0].type == "axon"
    with pytest.raises(ValueError, match="several cells, name one of them: m, other, pyr, shape"):
        read(alone, after=other)
    with pytest.raises(UnknownNameError, match="no cell 'pyra'. Did you mean 'pyr'"):
        read(alone, cell="pyra")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('<parent segment="1"/>', '<parent segment="9"/>', "segment 2: its parent 9 does not exist"),
        ('<parent segment="1"/>', '<parent segment="3"/>', "segment 2: it is its own ancestor"),
        ('diameter="1.5"', 'diameter="0"', "segment 1: a point needs x, y, z and a positive diameter"),
        ('<distal x="0" y="-50" z="0" diameter="1"/>', "", "segment 6: it has no distal point"),
        ('<proximal x="0" y="0" z="0" diameter="10"/>', "", "segment 0: it has no proximal point"),
        ('fractionAlong="0.5"', 'fractionAlong="2"', "segment 5: fractionAlong must be from 0 to 1, given 2"),
        ('id="6"', 'id="5"', "segment 5: another segment has this id"),
        ('id="6"', 'id="six"', "id of a segment must be a whole number, given 'six'"),
        (
            '<include segmentGroup="tips"/>',
            '<include segmentGroup="tip"/>',
            "no segment group 'tip'. Did you mean 'tips'",
        ),
        ('<member segment="6"/>', '<member segment="8"/>', "segment group 'axon_group': there is no segment 8"),
        (
            '<member segment="0"/>',
            '<include segmentGroup="soma_group"/>',
            "segment group 'soma_group': it includes itself",
        ),
        ("<segment ", "<segment", "it is not XML"),
    ],
)
def test_what_is_broken_is_refused_with_its_segment(read, old, new, message):
    with pytest.raises((ValueError, UnknownNameError), match=message):
        read(SEGMENTS.replace(old, new), GROUPS.replace(old, new))
