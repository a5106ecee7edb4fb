"""Neurolucida's ASC files. The numbers are those of NEURON 9.0.2: `Import3d_Neurolucida3`, `Import3d_GUI.instantiate`,
then `sec.L`, `sec(0.5).area()` with one segment, `sec.parentseg().x`."""

import warnings

import numpy as np
import pytest

from brainsim.cells import read_asc

from .test_swc import by_type, frusta

CELL = """;	V3 text file
(ImageCoords Filename "a.tif" Merge 65535 65535)
(Thumbnail (Cols 4) (Rows 2) (00 0A 3F 00))
("CellBody"
  (Color RGB (255, 0, 0))
  (CellBody)
  (MBFObjectType 5)
  ( -5.0  -6.0 0.0 0.2)  ; 1, 1
  (  0.0  -9.0 0.0 0.2)
  (  6.0  -5.0 0.0 0.2)
  (  7.0   3.0 0.0 0.2)
  (  2.0  10.0 0.0 0.2)
  ( -4.0   7.0 0.0 0.2)
  ( -7.0   1.0 0.0 0.2)
)  ;  End of contour
( (Color Cyan)
  (Axon)
  (Set "axons")
  (  0.0  -8.0  0.0  1.2)  ; Root
  (  0.0 -20.0  1.0  1.0)  ; 1, R
  (  1.0 -30.0  1.0  0.8)
  (
    (  5.0 -40.0  1.0  0.6)  ; 1, R-1
    (  9.0 -60.0  2.0  0.5)
     Normal
  |
    ( -5.0 -40.0  1.0  0.6)  ; 1, R-2
    (Cross (Color White) (Name "Marker 1") (-5.5 -41.0 1.0 0.2) )
    ( -9.0 -55.0  2.0  0.4)
     Incomplete
  )  ;  End of split
)  ;  End of tree
( (Color Magenta)
  (Dendrite)
  (  5.0   5.0   0.0  2.0)  ; Root
  ( 20.0  15.0   3.0  1.5)
    <  (Class 4 "none")
  (Color MediumGray)
  (Generated 0)
(    21  14   3.00     0.4)>  ; Spine
  ( 30.0  25.0   4.0  1.0)
  (
    ( 30.0 25.0 4.0 0.8)
    ( 40.0 25.0 4.0 0.7)
    (
      ( 50.0 25.0 4.0 0.6 S1)
      Generated
    |
      ( 50.0 35.0 4.0 0.6)
      ( 60.0 45.0 4.0 0.6)
      ( (70 45 4 0.5) Normal | (70 55 4 0.4) (71 60 4 0.4) Normal | (75 65 8 0.4) Normal )
    )
  |
    ( 30.0 40.0 4.0 0.8)
    Normal
  )
)
( (Apical) ( 0 9 0 3) ( 0 100 5 2) ( 0 200 9 1.5) Normal )
( (Color White) (Font "MS Sans Serif" 12) ( 7.79 -0.89 -4.31) "a (text" )
("pia" (Closed) (0 1 2 3) (3 4 5 4) (6 7 8 5))
(Dot (Color Red) (Name "x") (1 2 3 4))
"""
STACK = """("CellBody" (Color Red) (-5 -5 0 0.1) (5 -5 0 0.1) (6 4 0 0.1) (0 8 0 0.1) (-6 4 0 0.1))
("CellBody" (Color Red) (-7 -7 3 0.1) (7 -7 3 0.1) (8 5 3 0.1) (0 10 3 0.1) (-8 5 3 0.1))
("CellBody" (Color Red) (-4 -4 6 0.1) (4 -4 6 0.1) (4 3 6 0.1) (0 5 6 0.1) (-4 3 6 0.1))
( (Color Red) (Dendrite) (0 7 2 2) (0 20 2 1.5) (5 40 2 1) Normal )
( (Color Red) (Axon) (0 -7 2 1) (0 -20 2 1) ( (5 -30 2 1) Normal | (-5 -30 2 1) (-5 -40 2 1) Normal ) )
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "cell.asc"
        path.write_text(text)
        return read_asc(path)

    return read


def test_branches_are_the_sections_of_neuron(read):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cell = read(CELL)
    found = by_type(cell)
    # NEURON cannot read markers within a branch, thumbnails and the S1 of a point; they were left out for it.
    assert found["soma"] == pytest.approx((1, 18.4433, 673.0954), rel=1e-5)
    assert found["axon"] == pytest.approx((3, 80.5006, 172.0354), rel=1e-5)
    assert found["dend"] == pytest.approx((8, 150.2965, 361.2966), rel=1e-5)
    assert [b.name for b in cell][:5] == ["soma[0]", "axon[0]", "axon[1]", "axon[2]", "dend[0]"]
    assert cell.parents.tolist() == [-1, 0, 1, 1, 0, 4, 5, 5, 7, 7, 7, 4, 0]
    assert [b.at for b in cell if b.parent == 0] == [0.5, 0.5, 0.5]
    np.testing.assert_array_equal(cell["axon[0]"].xyz[0], [0, -8, 0])
    np.testing.assert_array_equal(cell["axon[1]"].radius, [0.3, 0.3, 0.25])  # it begins as wide as its own first point


def test_outlines_above_each_other_are_one_soma(read):
    found = by_type(read(STACK))
    assert found["soma"] == pytest.approx((1, 6.2296, 388.4339), rel=1e-5)
    assert found["dend"] == pytest.approx((1, 33.6155, 152.4474), rel=1e-5)
    assert found["axon"] == pytest.approx((3, 45.3607, 142.5048), rel=1e-5)


def test_trees_without_a_soma_are_roots(read):
    cell = read(
        "((Dendrite) (0 0 0 2) (0 20 0 1.5) ((0 40 0 1) Normal | (20 20 0 1) (30 20 0 1))) ((Axon) (9 0 0 1) (9 9 0 1))"
    )
    assert cell.roots.tolist() == [0, 3]
    assert by_type(cell)["dend"] == pytest.approx((3, 70.0, 267.0440), rel=1e-5)


def test_a_cell_body_of_one_point_or_of_a_few_corners_is_a_sphere(read):
    cell = read('("CellBody" (CellBody) (0 0 0 10)) ((Dendrite) (0 4 0 1) (0 20 0 1))')
    assert frusta(cell[0]) == pytest.approx(100 * np.pi)
    assert (cell[1].parent, cell[1].at) == (0, 0.5)
    square = '("Cell Body" (1 0 0 0.1) (1 1 0 0.1) (-1 1 0 0.1) (-1 0 0 0.1))'  # NEURON has a soma without area
    assert 2 * np.pi < frusta(read(square)[0]) < 4 * np.pi


def test_what_is_mended_is_told_once(read):
    text = CELL.replace("( 0 9 0 3)", "( 0 90 0 3)") + '((Dendrite) (0 0 0 1)) ("CellBody" (0 0 0 1) (1 1 1 1))'
    with pytest.warns(UserWarning) as caught:
        cell = read(text)
    assert len(caught) == 1
    assert str(caught[0].message) == (
        "cell.asc: 1 outlines of the cell body are no outlines and were left out; 1 trees begin outside the soma and "
        "were joined to the middle of the nearest; 1 branches of no length left out."
    )
    assert by_type(cell)["soma"][0] == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("((Axon)\n(0 0 0 1)\n(0 1 0 1)", "line 1: this parenthesis is not closed"),
        ("((Axon)\n(0 0 0 1)))", "line 2: this parenthesis closes nothing"),
        ("((Axon)\n(0 0 0 1)\n(0 1 0 0))", "line 3: the diameter must be positive, given 0"),
        ("((Axon)\n(0 0 0 1)\n(0 1 0))", "line 3: the diameter must be positive, given nan"),
        ("((Axon)\n(0 0 0 1)\n(0 x 0 1))", "line 3: expected x, y, z and a diameter"),
        ("((Axon)\n(0 0 0 1)\n((1 1 1 1) | (2 2 2 2))\n(0 1 0 1))", "line 4: a point follows the split on line 3"),
        ("(Dot (1 2 3 4))", "neither a tree nor a cell body"),
    ],
)
def test_what_is_broken_is_refused_with_its_line(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)
