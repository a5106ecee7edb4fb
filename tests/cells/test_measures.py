"""Measures of morphologies against numbers worked out by hand, and against other programs' where there are any."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

from brainsim.cells import Branch, Builder, Morphology, ball_and_stick, discretise, rall_tree, read_swc

DATA = Path(__file__).parents[3] / "shared" / "data" / "swc"


@pytest.fixture(scope="module")
def fork():
    """A soma, a trunk from its end with two twigs, one of which goes on and forks, and an axon from its middle."""
    cell = Builder()
    soma = cell.add(10 * u.um, 10 * u.um, type="soma")
    trunk = cell.add(100 * u.um, np.array([4.0, 2.0]) * u.um, parent=soma)
    cell.add(50 * u.um, 1 * u.um, parent=trunk)
    long = cell.add(60 * u.um, 1 * u.um, parent=trunk)
    on = cell.add(20 * u.um, 1 * u.um, parent=long)
    cell.add(5 * u.um, 1 * u.um, parent=on)
    cell.add(6 * u.um, 1 * u.um, parent=on)
    cell.add(30 * u.um, 1 * u.um, type="axon", parent=soma, at=0.5)
    return cell.build()


def test_area_and_volume_are_those_of_truncated_cones(fork):
    found = fork.measures
    slant = np.hypot(100, 1)
    np.testing.assert_allclose(found.areas.to_decimal(u.um**2)[:3], [np.pi * 100, np.pi * 3 * slant, np.pi * 50])
    np.testing.assert_allclose(found.volumes.to_decimal(u.um**3)[:3], np.pi * np.array([250, 700 / 3, 12.5]))
    assert found.areas.mantissa.dtype == np.float64
    np.testing.assert_allclose(found.diameters.to_decimal(u.um)[:3], [10, 3, 1])
    assert found.by_type["axon"] == {
        "branches": 1, "length": 30 * u.um, "area": pytest.approx(np.pi * 30) * u.um**2,
        "volume": pytest.approx(np.pi * 7.5) * u.um**3,
    }  # fmt: skip
    assert float(found.length / u.um) == pytest.approx(281)


def test_a_cone_cut_in_pieces_has_the_same_area_and_volume():
    x = np.linspace(0, 10, 7)
    one = Morphology([Branch(np.array([[0, 0, 0], [10.0, 0, 0]]), np.array([3.0, 1.0]))]).measures
    many = Morphology([Branch(np.stack([x, 0 * x, 0 * x], 1), 3 - 0.2 * x)]).measures
    assert float(many.area / one.area) == pytest.approx(1, rel=1e-12)
    assert float(many.volume / one.volume) == pytest.approx(1, rel=1e-12)


def test_distances_orders_and_ends(fork):
    found = fork.measures
    assert found.path_distances.to_decimal(u.um)[[1, 3, 5, 7]].tolist() == [[10, 110], [110, 170], [190, 195], [5, 35]]
    assert found.order.tolist() == [0, 1, 2, 2, 2, 3, 3, 1]
    assert found.strahler.tolist() == [2, 2, 1, 2, 2, 1, 1, 1]
    assert found.tips.tolist() == [2, 5, 6, 7]
    assert found.bifurcations.tolist() == [1, 4]
    np.testing.assert_allclose(found.distances.to_decimal(u.um)[1], [5, 105])  # straight, from the middle of the soma
    np.testing.assert_allclose(found.tortuosity, 1)
    np.testing.assert_allclose(found.extent.to_decimal(u.um)[[0, 2]], [np.ptp([b.xyz[:, 0] for b in fork]), 0])
    assert "4 tips, 2 bifurcations, order up to 3, Strahler number 2" in repr(found)


def test_a_full_binary_tree_has_its_depth_as_strahler_number():
    found = rall_tree(5).measures
    assert found.strahler[0] == 5
    assert (len(found.tips), len(found.bifurcations), found.order.max()) == (16, 15, 4)


def test_sholl_counts_every_crossing():
    out_and_back = np.array([[0, 0, 0], [30, 0, 0], [30, 5, 0], [0, 5, 0.0]])
    past = np.array([[-20, 12, 0], [20, 12, 0.0]])  # comes within 12 um of the centre
    cell = Morphology([Branch(out_and_back, np.ones(4)), Branch(past, np.ones(2), "axon", 0, 0.0)])
    radii = np.array([4.0, 10.0, 15.0, 29.9, 40.0]) * u.um
    assert cell.measures.sholl(radii).tolist() == [1, 2, 4, 2, 0]
    assert cell.measures.sholl(radii, type="axon").tolist() == [0, 0, 2, 0, 0]
    ball = ball_and_stick(20.0 * u.um, 100.0 * u.um).measures
    assert ball.sholl([5.0, 11.0, 109.0, 111.0] * u.um).tolist() == [0, 1, 1, 0]  # the soma does not count


def test_measures_of_a_reconstruction_are_those_of_its_compartments():
    if not DATA.exists():
        pytest.skip("needs ../shared/data/swc")
    cell = read_swc(DATA / "ca1_n120.swc")
    parts = discretise(cell, 1)
    np.testing.assert_allclose(cell.measures.areas.mantissa, parts.area, rtol=1e-10)
    np.testing.assert_allclose(cell.measures.path_distances.mantissa.mean(1), parts.distance, rtol=1e-10)
    np.testing.assert_array_equal(cell.measures.order, parts.order)
    # L-Measure's definitions: 75 bifurcations and 78 tips of neurites; counted from the file by parents alone.
    assert (len(cell.measures.bifurcations), len(cell.measures.tips)) == (75, 78)
