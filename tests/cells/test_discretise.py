"""Compartments: areas and resistances as NEURON 9.0.2 has them, the tree, and what is refused."""

import time

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim._errors import UnitError, UnknownNameError
from brainsim.cells import Branch, Compartments, DLambda, MaxLength, Morphology, PerBranch, by_region, discretise
from tests.cells.shapes import cable, forked

R_A = 100 * u.ohm * u.cm
COUNTS = np.array([1, 3, 2, 1, 2])
# NEURON 9.0.2: area() in um2, ri() in megohm and diam of every segment of `forked`, at Ra 100, nseg COUNTS.
AREA = np.array(
    [852.7789459700965, 382.6967117454124, 273.354794103866, 164.0128764623196, 281.95803637993555]
    + [204.98956123611012, 238.43065177605558, 74.61297498230898, 66.75897810852352]
)
RI = np.array(
    [0.07957747154594767, 1.58250132217867, 5.064004230971743, 11.816009872267404, 57.29577951308232]
    + [141.1539702180534, 75.493817031785, 16.753151851853954, 39.419180413262296]
)
DIAM = [13.0, 3.5, 2.5, 1.5, 0.9972222222222222, 0.725, 0.8000000119209288, 0.9500000029802322, 0.8500000089406967]


def test_areas_resistances_and_diameters_are_those_of_neuron():
    c = discretise(forked(), COUNTS)
    np.testing.assert_allclose(c.area, AREA, rtol=1e-7)
    np.testing.assert_allclose(c.diameter, DIAM, rtol=1e-7)
    # ri() of a branch's first segment ends at the branch's start; 1 ohm cm / um is 0.01 megohm.
    starts = c.first[:-1]
    beyond = c.r_parent[: len(c)].copy()
    beyond[starts] = 0
    np.testing.assert_allclose((c.r_own[: len(c)] + beyond), RI, rtol=1e-7)


def test_the_tree():
    c = discretise(forked(), COUNTS)
    # Dendrite 0 alone at the soma's end: no branch point. Dendrites 1 and 2 share one (node 9), the axon grows sideways.
    assert c.parent.tolist() == [-1, 0, 1, 2, 9, 4, 9, 0, 7, 3]
    assert c.branch.tolist() == [0, 1, 1, 1, 2, 2, 3, 4, 4]
    assert c.order.tolist() == [0, 1, 1, 1, 2, 2, 2, 1, 1]
    assert c.type.tolist() == ["soma"] + 6 * ["dend"] + 2 * ["axon"]
    assert c.roots.tolist() == [0]
    first = np.hypot(100, 30)
    np.testing.assert_allclose(c.distance[1:4], 20 + first * np.array([1, 3, 5]) / 6)
    np.testing.assert_allclose(c.distance[4:6], 20 + first + np.array([45, 135]))
    np.testing.assert_allclose(c.distance[7:], [10 + 12.5, 10 + 37.5])
    np.testing.assert_allclose(c.xyz[5], [200, 85, 0])  # round the corner
    np.testing.assert_allclose(c.xyz[7], [10, 20.5, 0])


def test_couplings():
    c = discretise(forked(), COUNTS)
    g = c.coupling(R_A).to_decimal(u.uS)
    assert g[0] == 0
    # Two halves in series between dendrites of different resistivity: R = sum of rho times integral.
    R_a = np.where(c.type == "soma", 50.0, 200.0)
    soma_half, first = 10 / (np.pi * 8 * 5), RI[1]
    half_of_first = first  # ri() up to the soma's end
    expected = 1 / (1e-2 * 50 * soma_half + 2 * half_of_first)
    np.testing.assert_allclose(c.coupling(R_a * u.ohm * u.cm).to_decimal(u.uS)[1], expected, rtol=1e-6)
    # From the side: only the half of the axon's first compartment. To a branch point: only the parent's half.
    np.testing.assert_allclose(g[7], 1 / RI[7], rtol=1e-6)
    np.testing.assert_allclose(g[4], 1 / RI[4], rtol=1e-6)
    np.testing.assert_allclose(g[9], 1 / (np.hypot(100, 30) / 6 / (np.pi * 0.75 * 0.5)), rtol=1e-6)


def test_couplings_of_traced_and_many_resistivities():
    c = discretise(forked(), COUNTS)
    many = c.coupling(jnp.full((2, len(c)), 100.0) * u.ohm * u.cm)
    np.testing.assert_allclose(many.mantissa[1], c.coupling(R_A).mantissa, rtol=1e-6)
    slope = jax.grad(lambda R: c.coupling(R * u.ohm * u.cm).to_decimal(u.uS).sum())(jnp.full(len(c), 100.0))
    one = c.coupling(R_A).to_decimal(u.uS).sum()
    np.testing.assert_allclose(slope.sum(), -one / 100, rtol=1e-5)  # g scales as 1 / R_a
    with pytest.raises(UnitError, match="R_a"):
        c.coupling(100.0)
    with pytest.raises(ValueError, match="9 compartments"):
        c.coupling(np.ones(3) * u.ohm * u.cm)


def test_integrals_do_not_depend_on_where_a_branch_is_cut():
    rng = np.random.default_rng(0)
    xyz = np.cumsum(rng.normal(size=(20, 3)) * 10, 0)
    xyz[7] = xyz[6]  # a ring: the radius jumps
    branch = Branch(xyz, rng.uniform(0.3, 3, 20))
    coarse, fine = (discretise(Morphology([branch]), n) for n in (1, 37))
    r = branch.radius
    cones = np.pi * (r[1:] + r[:-1]) * np.hypot(branch.steps, np.diff(r))
    for c in (coarse, fine):
        np.testing.assert_allclose(c.area.sum(), cones.sum(), rtol=1e-12)
        np.testing.assert_allclose((c.diameter * c.length).sum(), (branch.steps * (r[1:] + r[:-1])).sum(), rtol=1e-12)
    # A ring belongs to the half that begins there.
    ring = Branch(np.array([[0, 0, 0], [5, 0, 0], [5, 0, 0], [10.0, 0, 0]]), np.array([1.0, 1, 2, 2]))
    c = discretise(Morphology([ring]), 2)
    np.testing.assert_allclose(c.area, [np.pi * 2 * 5, np.pi * 4 * 5 + np.pi * 3], rtol=1e-12)


def test_joints_at_starts():
    def piece(parent, at):
        return Branch(np.array([[0, 0, 0], [10.0, 0, 0]]), np.ones(2), parent=parent, at=at)

    # Two at the root's start meet it in a branch point; at the start of a branch is where that branch joins.
    c = discretise(Morphology([piece(-1, 1), piece(0, 0), piece(0, 0), piece(1, 0), piece(0, 0.5), piece(4, 0)]), 2)
    point = len(c)
    assert c.n_nodes == len(c) + 1
    assert c.parent[point] == 0
    assert c.parent[[2, 4, 6]].tolist() == 3 * [point]
    assert c.parent[[8, 10]].tolist() == [1, 1]
    np.testing.assert_allclose(c.r_parent[point], 2.5 / np.pi)
    # A taper tells the two halves apart: from the centre of the first compartment to the start, not to its other end.
    taper = Branch(np.array([[0, 0, 0], [10.0, 0, 0]]), np.array([3.0, 1.0]))
    c = discretise(Morphology([taper, piece(0, 0), piece(0, 0)]), 2)
    np.testing.assert_allclose(c.r_parent[len(c)], 2.5 / (np.pi * 3 * 2.5))
    # The compartment whose range holds 0.3 is the first of two, and 0.5 begins the second.
    c = discretise(Morphology([taper, piece(0, 0.3), piece(0, 0.5)]), [2, 1, 1])
    assert c.parent.tolist() == [-1, 0, 0, 1]
    alone = discretise(Morphology([piece(-1, 1), piece(0, 0)]), 2)
    assert alone.n_nodes == len(alone)
    assert alone.parent.tolist() == [-1, 0, 0, 2]
    np.testing.assert_allclose(alone.r_parent[2], 2.5 / np.pi)


def test_rules():
    m = forked()
    lengths = np.array([20, np.hypot(100, 30), 180, np.hypot(30, 90), 50])
    counts = lambda rule: np.bincount(discretise(m, rule).branch)
    assert counts(3).tolist() == 5 * [3]
    assert counts(PerBranch({"soma": 1, "dend": 5, "axon": 2})).tolist() == [1, 5, 5, 5, 2]
    assert counts(MaxLength(20 * u.um)).tolist() == np.ceil(lengths / 20).astype(int).tolist()
    # NEURON 9.0.2: lambda_f(100) with taper, Ra 100, cm 1, and the recipe of d_lambda 0.1.
    assert counts(DLambda(R_a=R_A)).tolist() == [1, 3, 7, 5, 3]
    # lambda_f(100) of NEURON makes these lengths of the branches.
    lengths_in_lambda = np.array([0.019663610, 0.234071305, 0.692923299, 0.375994238, 0.186833040])
    for d in (0.1, 0.03, 0.011, 0.004):
        recipe = (lengths_in_lambda / d + 0.9).astype(int) // 2 * 2 + 1
        assert counts(DLambda(d, R_a=R_A)).tolist() == recipe.tolist()
    by_type = DLambda(R_a={"soma": 1 * u.ohm * u.cm, "dend": R_A, "axon": R_A}, C=1 * u.uF / u.cm**2)
    assert counts(by_type).tolist() == [1, 3, 7, 5, 3]
    with pytest.raises(ValueError, match=r"branch 1 \(dend\[0\]\)"):
        discretise(m, [1, 0, 1, 1, 1])
    with pytest.raises(ValueError, match="whole number"):
        discretise(m, np.full(5, 1.5))
    with pytest.raises(ValueError, match="5 branches"):
        discretise(m, [1, 2])
    with pytest.raises(UnknownNameError, match="Did you mean 'dend'"):
        discretise(m, PerBranch({"soma": 1, "dend": 5, "axon": 2, "dent": 3}))
    with pytest.raises(ValueError, match="no value for type 'axon'"):
        discretise(m, PerBranch({"soma": 1, "dend": 5}))
    with pytest.raises(ValueError, match="MaxLength: length must be positive"):
        discretise(m, MaxLength(0 * u.um))
    with pytest.raises(UnitError, match="DLambda: frequency"):
        discretise(m, DLambda(frequency=100 * u.ms))


def test_joined_cells_are_those_cells():
    one, two = discretise(forked(), COUNTS), discretise(forked(), 4)
    c = Compartments.join([one, cables := discretise(cable(pieces=3), 2), two])
    assert len(c) == len(one) + 6 + len(two)
    assert c.n_nodes == len(c) + 2
    assert np.bincount(c.cell).tolist() == [9, 6, 20]
    assert c.roots.tolist() == [0, 9, 15]
    start = len(one) + 6
    np.testing.assert_array_equal(c.parent[start : start + 4], [-1, start, start + 1, start + 2])
    assert c.parent[start + 8] == len(c) + 1  # the second cell's branch point
    assert c.parent[len(c) + 1] == start + 7
    assert c.branch[start] == 8
    assert c.first_branch.tolist() == [0, 5, 8]
    g = c.coupling(R_A).mantissa
    expected = np.concatenate([p.coupling(R_A).mantissa[: len(p)] for p in (one, cables, two)])
    np.testing.assert_array_equal(g[: len(c)], expected)
    again = Compartments.join([Compartments.join([one, cables]), two])
    np.testing.assert_array_equal(again.parent, c.parent)
    np.testing.assert_array_equal(again.branch, c.branch)
    with pytest.raises(ValueError, match="nothing"):
        Compartments.join([])


def test_several_trees():
    piece = forked().branches[0]
    c = discretise(Morphology([piece, piece]), 2)
    assert c.parent.tolist() == [-1, 0, -1, 2]
    assert np.isfinite(c.coupling(R_A).mantissa).all()


def test_spines_enlarge_the_membrane_only():
    c = discretise(forked(), COUNTS)
    spiny = c.with_spines(np.where(c.type == "dend", 1.9, 1.0))
    np.testing.assert_allclose(spiny.area / c.area, np.where(c.type == "dend", 1.9, 1.0))
    np.testing.assert_array_equal(spiny.coupling(R_A).mantissa, c.coupling(R_A).mantissa)
    np.testing.assert_allclose(spiny.with_spines(2.0).spines[:2], [2, 3.8])
    np.testing.assert_array_equal(c.with_spines(by_region({"dend": 1.9}, default=1.0)).area, spiny.area)
    # Told by the morphology: 0.5 spines of 1.2 um2 per um on dendrites; twice the axon's membrane.
    shape = forked().spine_density(0.5 / u.um, 1.2 * u.um**2, "dend").multiply_area(2, "axon")
    told = discretise(shape, COUNTS)
    added = np.where(c.type == "dend", 0.6 * c.length, np.where(c.type == "axon", c.area, 0))
    np.testing.assert_allclose(told.area, c.area + added, rtol=1e-12)
    np.testing.assert_allclose(told.spines, told.area / c.area, rtol=1e-12)
    with pytest.raises(ValueError, match=r"given the factor 0\.5"):
        c.with_spines(0.5)


def test_ten_thousand_compartments_are_quick():
    rng = np.random.default_rng(0)
    tree = Morphology(
        [
            Branch(rng.normal(size=(20, 3)).cumsum(0), np.ones(20), parent=int(rng.integers(0, k)) if k else -1)
            for k in range(500)
        ]
    )
    began = time.process_time()
    assert len(discretise(tree, 20)) == 10_000
    assert time.process_time() - began < 0.5  # measured: 0.03
