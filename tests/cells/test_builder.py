"""Morphologies made from numbers."""

import brainunit as u
import numpy as np
import pytest

from brainsim._errors import UnitError, UnknownNameError
from brainsim.cells import Builder, ball_and_stick, cable, cylinder, rall_tree


def test_a_cylinder_has_its_length_and_diameter():
    (branch,) = cylinder(30.0 * u.um, 5.0 * u.um)
    assert (branch.type, branch.length_um, branch.radius.tolist()) == ("soma", 30.0, [2.5, 2.5])
    (branch,) = cable(1.0 * u.mm, np.array([4.0, 2.0, 1.0]) * u.um)
    assert (branch.type, branch.radius.tolist()) == ("dend", [2.0, 1.0, 0.5])
    assert branch.length_um == pytest.approx(1000.0, rel=1e-12)


def test_a_cable_may_be_several_branches_in_a_row():
    row = cable(90.0 * u.um, np.array([4.0, 1.0]) * u.um, branches=3)
    assert row.parents.tolist() == [-1, 0, 1]
    np.testing.assert_allclose([b.length_um for b in row], 30.0)
    np.testing.assert_allclose([b.radius for b in row], [[2.0, 1.5], [1.5, 1.0], [1.0, 0.5]])
    np.testing.assert_allclose(row[2].xyz[0], row[1].xyz[-1])


def test_ball_and_stick():
    ball, stick = ball_and_stick(20.0 * u.um, 400.0 * u.um, 1.0 * u.um)
    assert ball.length_um == 2 * ball.radius[0] == 20.0  # lateral area pi d^2: that of the sphere
    assert (stick.parent, stick.at, stick.length_um, stick.radius[0]) == (0, 1.0, 400.0, 0.5)


def test_rall_tree_is_that_of_rallpack_2():
    tree = rall_tree(10)
    lengths, diameters = {b.length_um for b in tree}, {2 * b.radius[0] for b in tree}
    assert len(tree) == 1023
    # Bhalla, Bilitch and Bower (1992), table of Rallpack 2: length and diameter of each level, in um.
    np.testing.assert_allclose(
        np.unique(np.round(sorted(lengths, reverse=True), 3))[::-1][:5], [32.0, 25.4, 20.16, 16.0, 12.7], rtol=1e-3
    )
    np.testing.assert_allclose(
        np.unique(np.round(sorted(diameters, reverse=True), 3))[::-1][:5], [16.0, 10.08, 6.35, 4.0, 2.52], rtol=1e-3
    )


def test_the_three_halves_rule_holds_at_every_end():
    tree = rall_tree(4, diameter=3.0 * u.um, length=80.0 * u.um, children=3, soma=15.0 * u.um)
    assert [b.type for b in tree][:2] == ["soma", "dend"]
    for k, branch in enumerate(tree):
        grown = [b.radius[0] ** 1.5 for b in tree if b.parent == k]
        if grown and branch.type == "dend":
            assert sum(grown) == pytest.approx(branch.radius[-1] ** 1.5, rel=1e-12)


def test_branches_grow_where_they_are_told_and_none_lies_on_another():
    tree = rall_tree(6, soma=20.0 * u.um)
    for branch in tree.branches[1:]:
        np.testing.assert_allclose(branch.xyz[0], tree[branch.parent].xyz[-1], atol=1e-9)
    tips = np.array([b.xyz[-1] for b in tree])
    apart = np.linalg.norm(tips[:, None] - tips[None], axis=-1) + 1e3 * np.eye(len(tips))
    assert apart.min() > 0.5


def test_a_branch_may_be_added_to_a_morphology():
    cell = Builder(ball_and_stick())
    side = cell.add(50.0 * u.um, 1.0 * u.um, type="apic", parent="dend[0]", at=0.25, labels=["oblique"])
    twig = cell.add(20.0 * u.um, 0.5 * u.um, type="apic", parent=side, direction=(0.0, 0.0, 2.0), name="twig")
    built = cell.build()
    assert built.labels["oblique"].tolist() == [side]
    np.testing.assert_allclose(built[side].xyz[0], built["dend[0]"].xyz[0] + [125.0, 0, 0])
    np.testing.assert_allclose(built["twig"].xyz[1] - built["twig"].xyz[0], [0, 0, 20.0])
    cell.add(1.0 * u.um, 1.0 * u.um, parent=twig)
    assert (len(built), len(cell.build())) == (4, 5)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"length": -1.0 * u.um}, ValueError, r"branch 2: length must be a positive length, given -1"),
        ({"diameter": 0.0 * u.um}, ValueError, r"diameter must be a positive length or a row of such"),
        ({"diameter": 2.0}, UnitError, r"branch 2: diameter: expected um, given a number without unit"),
        ({"length": 2.0 * u.mV}, UnitError, r"branch 2: length: expected um, given mV"),
        ({"parent": 5}, ValueError, r"its parent must be one of the 2 branches so far, given 5"),
        ({"parent": "dent[0]"}, UnknownNameError, r"no branch 'dent\[0\]'. Did you mean 'dend\[0\]'"),
        ({"at": 1.5}, ValueError, r"fraction of its parent's length from 0 to 1, given 1.5"),
        ({"name": "soma[0]"}, ValueError, r"branch soma\[0\]: another branch has this name"),
        ({"direction": (0, 0, 0)}, ValueError, r"direction must be three numbers, not all zero"),
    ],
)
def test_bad_branches_are_refused(settings, error, message):
    cell = Builder(ball_and_stick())
    with pytest.raises(error, match=message):
        cell.add(**{"length": 1.0 * u.um, "diameter": 1.0 * u.um, "parent": 0} | settings)
