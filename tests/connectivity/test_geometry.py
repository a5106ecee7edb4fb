"""Positions, layouts and distances."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import UnitError
from brainsim.connectivity import Grid, Positions, Ring, Space, UniformBox


def test_grids_of_equal_extent_lie_over_each_other():
    coarse, fine = (Grid(extent=[1, 2] * u.mm).place(shape) for shape in ((2, 2), (4, 8)))
    np.testing.assert_allclose(coarse.coordinates, [[0.25, 0.5], [0.25, 1.5], [0.75, 0.5], [0.75, 1.5]])
    np.testing.assert_allclose(fine.coordinates.mean(0), coarse.coordinates.mean(0))
    assert coarse.unit == u.mm and np.isinf(coarse.period).all()


def test_a_grid_follows_the_shape_of_the_population():
    population = bs.neurons.LIF((2, 3), positions=Grid(spacing=50 * u.um, periodic=True))
    np.testing.assert_allclose(population.positions.coordinates, 50 * np.argwhere(np.ones((2, 3))))
    np.testing.assert_allclose(population.positions.period, [100, 150])
    np.testing.assert_allclose(population[1].positions.coordinates, [[50, 0], [50, 50], [50, 100]])
    np.testing.assert_allclose(bs.neurons.LIF(3).positions.coordinates, [[0], [1], [2]])


def test_distances_go_the_shorter_way_round():
    torus = Grid(periodic=True).place((10, 10))
    space = Space(torus, torus)
    np.testing.assert_allclose(space.distances(0, [1, 9, 90, 99, 55]), [1, 1, 1, np.sqrt(2), np.sqrt(50)])
    ring = Ring(start=-np.pi).place(8)
    np.testing.assert_allclose(ring.coordinates[:, 0], np.arange(8) * np.pi / 4 - np.pi)
    np.testing.assert_allclose(Space(ring, ring).distances(0, np.arange(8)) / (np.pi / 4), [0, 1, 2, 3, 4, 3, 2, 1])
    np.testing.assert_allclose(Space(ring, ring).displacements(0, [7])[0], -np.pi / 4)


def test_units_of_the_two_sides_are_converted():
    a, b = Positions([0.0, 1.0] * u.mm), Positions([500.0] * u.um)
    np.testing.assert_allclose(Space(a, b).distances([0, 1], [0, 0]), [0.5, 0.5])
    np.testing.assert_allclose(Space(b, a).distances([0, 0], [0, 1]), [500, 500])


def test_random_positions_depend_on_seed_and_path_only():
    def placed(seed, other=False):
        net = bs.Network(seed=seed)
        if other:
            net.A = bs.neurons.LIF(3, positions=UniformBox([1.0, 1.0]))
        net.E = bs.neurons.LIF(1000, positions=UniformBox([2, 1] * u.mm, periodic=True))
        return net.E.positions

    one = placed(1)
    assert one.coordinates.min() >= 0 and (one.coordinates.max(0) < [2, 1]).all()
    # Significance 1e-4
    np.testing.assert_allclose(one.coordinates.mean(0), [1, 0.5], atol=3.9 * 2 / np.sqrt(12 * 1000))
    np.testing.assert_array_equal(one.coordinates, placed(1, other=True).coordinates)
    assert not np.array_equal(one.coordinates, placed(2).coordinates)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: bs.neurons.LIF(4, positions=np.zeros((3, 2))),
            ValueError,
            "given 3 points; the population has 4 neurons",
        ),
        (lambda: bs.neurons.LIF((2, 2), positions=Grid(spacing=[1, 1, 1] * u.um)), ValueError, "has 2 axes"),
        (lambda: Grid(spacing=1.0, extent=2.0), ValueError, "give one of them"),
        (lambda: Grid(spacing=-1 * u.um), ValueError, "give positive, finite lengths"),
        (lambda: Ring([1.0, 2.0]), ValueError, "give one length"),
        (lambda: Positions([[np.nan]]), ValueError, "must be finite"),
        (lambda: Positions(np.zeros((2, 2, 2))), ValueError, "give one row of coordinates per neuron"),
        (lambda: Positions("here"), TypeError, "give a quantity or an array"),
        (lambda: Positions([1.0] * u.um, period=1 * u.ms), UnitError, "period: expected um"),
        (lambda: Space(Positions([1.0] * u.um), Positions([1.0])), UnitError, "presynaptic ones are in um"),
        (lambda: Space(Positions([1.0]), Positions([[1.0, 2.0]])), ValueError, "give both in one space"),
        (lambda: Space(Positions([1.0], 2.0), Positions([1.0], 3.0)), ValueError, "differ between the two sides"),
        (lambda: UniformBox([1.0]).place(3), TypeError, "give a numpy.random.Generator"),
    ],
)
def test_what_is_no_place_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
