"""Regions and locations: what belongs to them, on one cell and on several, how they read, and what is refused."""

import pickle
from dataclasses import replace

import brainunit as u
import numpy as np
import pytest

from brainsim._errors import UnknownNameError
from brainsim.cells import (
    Branch,
    Compartments,
    Morphology,
    at,
    below,
    branch_points,
    branches,
    cells,
    centres,
    compartments_at,
    diameter,
    discretise,
    distance,
    distances,
    every,
    labelled,
    nearest,
    of_type,
    order,
    path_to,
    point,
    region,
    root,
    tips,
    uniform,
)
from tests.cells.shapes import cable, forked

# Branches of `forked`: soma (1 compartment), dend[0] (3: 1 to 3), dend[1] (2: 4, 5), dend[2] (1: 6), axon (2: 7, 8).
CELL = discretise(forked(), [1, 3, 2, 1, 2])
TRUNK = np.hypot(100, 30)


def chosen(expression, c=CELL):
    return region(expression).indices(c).tolist()


def test_strings_are_types_labels_branches_or_all():
    assert chosen("all") == list(range(9))
    assert chosen("dend") == [1, 2, 3, 4, 5, 6]
    assert chosen("fork") == chosen(labelled("fork")) == [4, 5, 6]
    assert chosen("dend[1]") == chosen(branches("dend[1]")) == chosen(branches(2)) == [4, 5]
    assert chosen(of_type("soma", "axon")) == [0, 7, 8]
    assert chosen(branches(0, "axon")) == [0, 7, 8]


def test_regions_by_path_thickness_and_order():
    # Centres: dend[0] at 37.4, 72.2, 107.0; dend[1] at 169.4, 259.4; dend[2] at 171.8; axon at 22.5, 47.5; soma at 10.
    assert chosen(distance(30 * u.um, 110 * u.um)) == [1, 2, 3, 8]
    assert chosen(distance(0.17 * u.mm)) == [5, 6]
    assert chosen(diameter(1.4 * u.um, 3 * u.um)) == [2, 3]
    assert chosen(order(0)) == [0]
    assert chosen(order(1)) == [1, 2, 3, 7, 8]
    assert chosen(order(1, 2)) == list(range(1, 9))
    assert chosen(order(7)) == []


def test_set_operations():
    assert chosen(of_type("dend") & ~distance(0 * u.um, 100 * u.um)) == [3, 4, 5, 6]
    assert chosen("dend" - below(at("dend[1]", 0))) == [1, 2, 3, 6]
    assert chosen(of_type("axon") | "soma") == [0, 7, 8]
    assert chosen("axon" | of_type("soma")) == [0, 7, 8]
    assert chosen(~(of_type("dend") | "axon")) == [0]
    with pytest.raises(TypeError):
        of_type("dend") & 3


def test_subtrees_and_ways():
    assert chosen(below(at("dend[0]", 1))) == [4, 5, 6]
    assert chosen(below(at("dend[0]", 0.5))) == [2, 3, 4, 5, 6]
    assert chosen(below(root())) == list(range(9))
    # The axon grows from the soma's middle: it lies beyond 0.4, and not beyond 0.6.
    assert chosen(below(at("soma", 0.4))) == list(range(9))
    assert chosen(below(at("soma", 0.6))) == [1, 2, 3, 4, 5, 6]
    assert chosen(below(at("axon", 0.5) + at("dend[2]", 0))) == [6, 8]
    assert chosen(path_to(at("dend[1]", 0.5))) == [0, 1, 2, 3, 4]


def test_distances_from_places_are_shortest_paths():
    rng = np.random.default_rng(1)
    shape = Morphology(
        [
            Branch(
                rng.normal(size=(4, 3)).cumsum(0) * 20,
                np.ones(4),
                parent=int(rng.integers(0, k)) if k else -1,
                at=float(rng.choice([0, 1, 0.25, 0.6])),
            )
            for k in range(12)
        ]
    )
    c = discretise(shape, 4)
    k, x = 7, 0.3
    # By brute force: the path between two places goes through the last place that their ways to the root share.
    way = {}
    branch, along = k, x
    while branch >= 0:
        way[branch] = along
        branch, along = shape[branch].parent, shape[branch].at
    root_to = lambda b, f: c.tree.start[b] + f * c.tree.length[b]
    expected = []
    for b, f in zip(c.branch, c.x):
        there, g = int(b), float(f)
        while there not in way:
            there, g = shape[there].parent, shape[there].at
        shared = root_to(there, min(g, way[there]))
        expected.append(root_to(b, f) + root_to(k, x) - 2 * shared)
    np.testing.assert_allclose(distances(c, at(k, x)), expected, rtol=1e-12)


def test_distances_from_several_places_and_in_other_trees():
    two = Morphology([*forked(), *cable()])  # indices of the cable's only branch are those of a root
    c = discretise(two, 2)
    from_soma = distances(c, at("soma", 0.5))
    np.testing.assert_allclose(from_soma[:2], [5, 5])
    np.testing.assert_allclose(from_soma[8], 12.5)  # the axon's first half, from the place it grows from
    assert np.isinf(from_soma[-2:]).all()
    assert region(distance(0 * u.um, origin=at("soma", 0.5))).mask(c).sum() == 10
    both = distances(c, at("dend[1]", 1) + at("axon", 1))
    np.testing.assert_allclose(both, np.minimum(distances(c, at("dend[1]", 1)), distances(c, at("axon", 1))))


def test_places_at_ends_and_branchings():
    np.testing.assert_array_equal(at("dend[0]", [0, 0.4, 1]).indices(CELL), [1, 2, 3])
    assert at("dend", 0.5).indices(CELL).tolist() == [2, 5, 6]
    assert root().indices(CELL).tolist() == [0]
    assert tips().indices(CELL).tolist() == [5, 6, 8]  # not the soma
    from_middle = Morphology([forked().branches[0], *(replace(b, at=0.5) for b in forked().branches[1:2])])
    assert tips().indices(discretise(from_middle, 1)).tolist() == [1]
    assert tips().indices(discretise(Morphology(forked().branches[:1]), 1)).tolist() == [0]  # all there is
    assert [a.tolist() for a in branch_points().places(CELL)] == [[0, 1], [0.5, 1]]
    assert centres("axon").indices(CELL).tolist() == [7, 8]
    assert (tips() & "dend").indices(CELL).tolist() == [5, 6]
    assert (root() + root()).indices(CELL).tolist() == [0, 0]


def test_places_at_equal_steps_do_not_depend_on_compartments():
    for c in (CELL, discretise(forked(), 7)):
        branch, x = every(20 * u.um).places(c)
        path = c.tree.start[branch] + x * c.tree.length[branch]
        np.testing.assert_allclose((path / 20 - 0.5) % 1, np.round((path / 20 - 0.5) % 1), atol=1e-9)
        # Ends of branches in path: soma 20, trunk 124.4, dend[1] 304.4, dend[2] 219.3, axon from 10 to 60.
        assert np.bincount(branch).tolist() == [1, 5, 9, 5, 3]
    assert every(20 * u.um, "axon").indices(CELL).tolist() == [7, 7, 8]


def test_random_places_are_uniform_and_repeat():
    draw = uniform(4000, "dend", 3)
    branch, x = draw.places(CELL)
    np.testing.assert_array_equal(draw.indices(CELL), uniform(4000, "dend", 3).indices(CELL))
    np.testing.assert_allclose(draw.places(discretise(forked(), 5))[1], x, atol=1e-9)  # whatever the compartments
    lengths = np.array([TRUNK, 180, np.hypot(30, 90)])
    np.testing.assert_allclose(np.bincount(branch)[1:] / 4000, lengths / lengths.sum(), atol=0.03)
    np.testing.assert_allclose(np.histogram(x[branch == 2], 4, (0, 1))[0] / (branch == 2).sum(), 0.25, atol=0.04)
    by_area = np.bincount(uniform(4000, "dend", 3, by="area").indices(CELL), minlength=9) / 4000
    dend = CELL.type == "dend"
    np.testing.assert_allclose(by_area[dend], CELL.area[dend] / CELL.area[dend].sum(), atol=0.03)


def test_places_nearest_to_points_and_by_id():
    found = nearest(np.array([[200, 60, 5], [10, 30, -3.0], [70, 15.0, 0]]) * u.um)
    branch, x = found.places(CELL)
    assert branch.tolist() == [2, 4, 1]
    np.testing.assert_allclose(x, [(80 + 30) / 180, 22 / 50, 0.5])
    read = Morphology(
        [
            Branch(np.array([[0, 0, 0], [10.0, 0, 0]]), np.ones(2), source=np.array([1, 2])),
            Branch(np.array([[10, 0, 0], [20, 0, 0], [50.0, 0, 0]]), np.ones(3), parent=0, source=np.array([2, 3, 4])),
        ]
    )
    branch, x = point(3, 2).places(discretise(read, 1))
    assert (branch.tolist(), x.tolist()) == ([1, 0], [0.25, 1.0])
    with pytest.raises(ValueError, match="no point 9 .* from 1 to 4"):
        point(9).indices(discretise(read, 1))
    with pytest.raises(ValueError, match="no branch tells"):
        point(1).indices(CELL)


def test_on_joined_cells_they_hold_in_each():
    c = Compartments.join([CELL, discretise(cable(pieces=2), 2), CELL])
    assert at("soma", 0.5).indices(c).tolist() == [0, 13]
    assert chosen("axon", c) == [7, 8, 20, 21]
    assert chosen(branches(4), c) == [7, 8, 20, 21]
    assert chosen(cells(1), c) == [9, 10, 11, 12]
    assert chosen(cells(2) & of_type("soma"), c) == [13]
    assert len(uniform(3, "dend").indices(c)) == 9
    np.testing.assert_allclose(distances(c, at("soma", 0.5))[13:], distances(CELL, at("soma", 0.5)))
    assert np.isinf(distances(c, at("soma", 0.5))[9:13]).all()
    assert chosen(below(at("dend[1]", 0)), c) == [4, 5, 11, 12, 17, 18]
    assert c.describe(20) == "cell 2, axon(0.25)"
    assert CELL.describe(4) == "dend[1](0.25)"


def test_they_read_like_what_was_written_and_can_be_pickled():
    one = "dend" & ~distance(0 * u.um, 100 * u.um) | below(at("dend[1]", 0.5))
    assert repr(one) == "(('dend' & ~distance(0 um, 100 um)) | below(at('dend[1]', 0.5)))"
    assert repr(uniform(5, "dend", 2) + tips()) == "(uniform(5, 'dend', 2) + tips())"
    assert repr(every(20 * u.um, order(1, 2))) == "every(20 um, order(1, 2))"
    assert repr(distance(5 * u.um, origin=root())) == "distance(5 um, origin=root())"
    assert pickle.loads(pickle.dumps(one)).indices(CELL).tolist() == one.indices(CELL).tolist()


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("dent", "Did you mean 'dend'.* Types: soma, dend, axon. Labels: fork"),
        (of_type("fork"), "no type 'fork'"),
        (labelled("folk"), "Did you mean 'fork'"),
        (branches("dend[7]"), r"no branch 'dend\[7\]'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(expression, says):
    with pytest.raises(UnknownNameError, match=says):
        chosen(expression)


def test_places_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match=r"branch 'soma' .* given 1\.5"):
        at("soma", 1.5)
    with pytest.raises(IndexError, match="no branch 5; there are 5"):
        at(5, 0.5).indices(CELL)
    with pytest.raises(UnknownNameError, match="apic"):
        at("apic", 0.5).indices(CELL)
    with pytest.raises(IndexError, match="no cell 1"):
        chosen(cells(1))
    with pytest.raises(ValueError, match="larger one"):
        distance(5 * u.um, 5 * u.um)
    with pytest.raises(TypeError, match="below: a place"):
        below("dend")
    with pytest.raises(ValueError, match="nothing of cell 0 lies in order"):
        uniform(2, order(9)).indices(CELL)


def test_sites_are_told_in_any_way():
    assert compartments_at("axon", CELL).tolist() == compartments_at([7, 8], CELL).tolist() == [7, 8]
    assert compartments_at(at("soma", 0.5), CELL).tolist() == compartments_at(0, CELL).tolist() == [0]
    with pytest.raises(ValueError, match="clamp: there is no compartment 9; there are 9"):
        compartments_at([0, 9], CELL, "clamp")
    with pytest.raises(ValueError, match=r"clamp: no compartment lies at order\(7\)"):
        compartments_at(order(7), CELL, "clamp")
    with pytest.raises(TypeError, match="clamp"):
        compartments_at([0.5], CELL, "clamp")


def test_a_label_may_not_shadow_a_type():
    shape = Morphology(list(forked()), labels={"dend": [1]})
    c = discretise(shape, 1)
    with pytest.raises(ValueError, match="is a type and, with other branches, a label"):
        chosen("dend", c)
    assert chosen(labelled("dend"), c) == [1]
    assert chosen(of_type("dend"), c) == [1, 2, 3]
