"""Rules in space against the probability of each pair. Significances are stated; seeds are fixed."""

import brainunit as u
import numpy as np
import pytest
import scipy.stats

from brainsim import UnitError, connectivity
from brainsim.connectivity import _space

C = connectivity


def distance(x):
    return np.sqrt((x**2).sum(-1))


def gaussian(x, sigma):
    return np.exp(-(distance(x) ** 2) / (2 * sigma**2))


TORUS = C.Grid(periodic=True).place((9, 8))
SHEET = C.Grid().place((5, 6))
RING = C.Ring().place(60)
# Rule, presynaptic and postsynaptic positions, and the probability of plain displacements.
CASES = {
    "gaussian on a torus": (C.DistanceDependent(C.Gaussian(1.5), 0.7), TORUS, TORUS, lambda x: 0.7 * gaussian(x, 1.5)),
    "gaussian in 3-D": (
        C.DistanceDependent(C.Gaussian(1.5), 0.7),
        C.Grid().place((4, 5, 4)),
        C.UniformBox([4.0, 5.0, 4.0]).place(70, np.random.default_rng(0)),
        lambda x: 0.7 * gaussian(x, 1.5),
    ),
    "exponential on rings": (
        C.DistanceDependent(C.ExponentialDecay(0.2)),
        RING,
        C.Ring().place(90),
        lambda x: np.exp(-distance(x) / 0.2),
    ),
    "mexican hat on a ring": (
        C.DistanceDependent(C.DifferenceOfGaussians(0.3, 0.6, 0.5)),
        RING,
        RING,
        lambda x: np.clip(gaussian(x, 0.3) - 0.5 * gaussian(x, 0.6), 0, 1),
    ),
    "a function on a line": (
        C.DistanceDependent(lambda d: 1 / (1 + d), 0.5),
        C.Grid().place(40),
        C.Grid(spacing=2.0).place(30),
        lambda x: 0.5 / (1 + distance(x)),
    ),
    "a function with a cutoff": (
        C.DistanceDependent(lambda d: 1 / (1 + d), 0.5, cutoff=4.0),
        C.Grid().place(40),
        C.Grid().place(30),
        lambda x: 0.5 / (1 + distance(x)) * (distance(x) <= 4),
    ),
    "gaussian in an annulus": (
        C.DistanceDependent(C.Gaussian(2.0), mask=C.Annulus(1.0, 3.0)),
        SHEET,
        SHEET,
        lambda x: gaussian(x, 2.0) * (distance(x) >= 1) * (distance(x) <= 3),
    ),
    "von Neumann": (C.Radial(C.VonNeumann(2), 0.3), SHEET, SHEET, lambda x: 0.3 * (abs(x).sum(-1) <= 2)),
    "a box beside": (
        C.Radial(C.Box([0.0, -1.0], [2.0, 1.0])),
        SHEET,
        SHEET,
        lambda x: ((x >= [0, -1]) & (x <= [2, 1])).all(-1) * 1.0,
    ),
    "a disc": (C.Radial(C.Disc(2.0)), TORUS, TORUS, lambda x: (distance(x) <= 2) * 1.0),
}


@pytest.mark.parametrize("far", [_space.FAR, 0.01], ids=["far pairs apart", "all in cells"])
@pytest.mark.parametrize("name", CASES)
def test_each_pair_has_its_probability(name, far, monkeypatch):
    """Over 100 draws: the chi-square of likely pairs lies within its 1e-4 tails, as does the total; 0 and 1 are exact."""
    monkeypatch.setattr(_space, "FAR", far)
    rule, pre, post, probability = CASES[name]
    space, rng, repeats = C.Space(pre, post), np.random.default_rng(1), 100
    n, m = len(pre), len(post)
    found = np.zeros((n, m))
    for _ in range(repeats):
        synapses = rule.connect(n, m, rng, space=space)
        np.add.at(found, (synapses.pre, synapses.indices), 1)
    i, j = np.indices((n, m))
    p = probability(space.displacements(i.ravel(), j.ravel())).reshape(n, m)
    assert not found[p == 0].any() and (found[p == 1] == repeats).all()
    variance = repeats * p * (1 - p)
    likely = variance > 2
    if likely.any():
        chi2 = ((found - repeats * p)[likely] ** 2 / variance[likely]).sum()
        # A binomial count has excess kurtosis, up to 1 / variance, which widens the chi-square a little.
        low, high = scipy.stats.chi2.ppf([5e-5, 1 - 5e-5], likely.sum())
        assert low < chi2 < high + 0.1 * np.sqrt(likely.sum())
    assert abs(found.sum() - repeats * p.sum()) <= 3.9 * np.sqrt(variance.sum())


def test_a_kernel_is_recovered_from_the_synapses():
    """Fit of sigma and amplitude to the fraction connected at each distance; standard errors are below 1 %."""
    n = 100 * 100
    space = C.Space(*[C.Grid(spacing=10 * u.um, periodic=True).place((100, 100))] * 2)
    rule = C.DistanceDependent(C.Gaussian(0.05 * u.mm), 0.4, self_connections=False)
    synapses = rule.connect(n, n, np.random.default_rng(2), same=True, space=space)
    d = space.distances(synapses.pre, synapses.indices)
    squares = np.round((d / 10) ** 2).astype(int)
    all_squares = np.round((space.distances(0, np.arange(n)) / 10) ** 2).astype(int)
    pairs, taken = n * np.bincount(all_squares)[1:101], np.bincount(squares, minlength=101)[1:101]
    there = pairs > 0
    slope, intercept = np.polyfit(
        np.flatnonzero(there) + 1, np.log(taken[there] / pairs[there]), 1, w=np.sqrt(taken[there])
    )
    assert np.sqrt(-1 / (2 * slope)) * 10 == pytest.approx(50, rel=0.01)
    assert np.exp(intercept) == pytest.approx(0.4, rel=0.02)
    assert abs(synapses.size / (n * 2 * np.pi * 25 * 0.4 - 0.4 * n) - 1) < 0.01  # the integral of the kernel
    assert synapses.size <= rule.expected_in(space) < 1.05 * synapses.size


def test_amplitudes_differ_by_the_types_of_the_neurons():
    """A liquid of mixed types on a 3-D grid, P = C exp(-(D / lambda)^2): views of one population, one amplitude each."""
    places = C.Grid().place((6, 6, 6))[np.random.default_rng(0).permutation(216)]
    kernel, ids = C.Gaussian(3.0 / np.sqrt(2)), {"E": np.arange(172), "I": np.arange(172, 216)}
    rng = np.random.default_rng(3)
    for pair, amplitude in {"EE": 0.3, "EI": 0.2, "IE": 0.4, "II": 0.1}.items():
        pre, post = (ids[kind] for kind in pair)
        space = C.Space(places[pre], places[post])
        rule = C.DistanceDependent(kernel, amplitude, self_connections=False)
        count = sum(rule.connect(pre, post, rng, same=True, space=space).size for _ in range(20))
        d = space.distances(*np.indices((len(pre), len(post))))
        p = np.where(np.equal.outer(pre, post), 0, amplitude * np.exp(-((d / 3) ** 2)))
        assert abs(count - 20 * p.sum()) < 3.9 * np.sqrt(20 * (p * (1 - p)).sum())  # significance 1e-4


@pytest.mark.parametrize(
    ("mask", "neighbours"), [(C.VonNeumann(1), 4), (C.Moore(1), 8), (C.VonNeumann(2), 12), (C.Moore(2), 24)]
)
def test_neighbourhoods_of_a_torus(mask, neighbours):
    space = C.Space(*[C.Grid(periodic=True).place((7, 6))] * 2)
    synapses = C.Radial(mask, self_connections=False).connect(42, 42, np.random.default_rng(0), same=True, space=space)
    assert (np.diff(synapses.indptr) == neighbours).all()
    assert (np.bincount(synapses.indices) == neighbours).all()


@pytest.mark.parametrize(("shape", "k"), [((11,), 2), ((7, 6), 4), ((5, 4, 6), 6)])
def test_nearest_neighbours_of_a_periodic_grid_are_one_step_away(shape, k):
    n = int(np.prod(shape))
    space = C.Space(*[C.Grid(spacing=0.1, periodic=True).place(shape)] * 2)
    synapses = C.Nearest(k, self_connections=False).connect(n, n, np.random.default_rng(0), same=True, space=space)
    np.testing.assert_allclose(space.distances(synapses.pre, synapses.indices), 0.1)


def test_nearest_are_nearest():
    rng = np.random.default_rng(4)
    for periodic in (False, True):
        box = C.UniformBox([1.0, 2.0], periodic=periodic)
        space = C.Space(box.place(40, rng), box.place(50, rng))
        synapses = C.Nearest(7).connect(40, 50, rng, space=space)
        d = space.distances(*np.indices((40, 50)))
        expected = np.sort(np.argsort(d, axis=1)[:, :7], axis=1)
        np.testing.assert_array_equal(synapses.indices.reshape(40, 7), expected)


def test_what_does_not_fit_is_refused():
    rng, space = np.random.default_rng(0), C.Space(RING, RING)
    with pytest.raises(ValueError, match="DistanceDependent: space is NoneType; give Space"):
        C.DistanceDependent(C.Gaussian(1.0)).connect(60, 60, rng)
    with pytest.raises(
        ValueError, match="space has 60 presynaptic and 60 postsynaptic positions; the views have 50 and 60"
    ):
        C.DistanceDependent(C.Gaussian(1.0)).connect(50, 60, rng, space=space)
    with pytest.raises(UnitError, match="Gaussian: distance: expected um"):
        C.DistanceDependent(C.Gaussian(1.0 * u.um)).connect(60, 60, rng, space=space)
    with pytest.raises(UnitError, match="DistanceDependent: cutoff: expected a number without unit"):
        C.DistanceDependent(C.Gaussian(1.0), cutoff=1 * u.mm).connect(60, 60, rng, space=space)
    with pytest.raises(ValueError, match="kernel gives 2.0 for distances"):
        C.DistanceDependent(lambda d: 2 + 0 * d).connect(60, 60, rng, space=space)
    with pytest.raises(TypeError, match="kernel is 3; give a kernel such as Gaussian"):
        C.DistanceDependent(3)
    with pytest.raises(TypeError, match="mask is 3; give a mask such as Disc"):
        C.Radial(3)
    with pytest.raises(ValueError, match="Gaussian: sigma = -1.0; give a positive length"):
        C.Gaussian(-1.0)
    with pytest.raises(ValueError, match="the center's the smaller one"):
        C.DifferenceOfGaussians(2.0, 1.0, 0.5)
    with pytest.raises(ValueError, match="Annulus: given inner = 2.0, outer = 1.0; give finite lengths"):
        C.Annulus(2.0, 1.0)
    with pytest.raises(ValueError, match="Nearest: k = 61, .* give k <= 60"):
        C.Nearest(61).connect(60, 60, rng, space=space)


KERNELS = (C.Gaussian(0.3 * u.mm), C.ExponentialDecay(0.3 * u.mm), C.DifferenceOfGaussians(0.3 * u.mm, 0.9 * u.mm, 0.5))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_kernels_keep_their_bound(kernel):
    r = np.linspace(0, 5, 1001)
    assert (kernel.profile(r) <= kernel.bound(r) + 1e-15).all() and (np.diff(kernel.bound(r)) <= 0).all()
    for level in (0.9, 0.1, 1e-6):
        assert kernel.bound(np.array(kernel.reach(level))) == pytest.approx(level)
    np.testing.assert_allclose(kernel(np.array([0.3, 300.0]) * u.um), kernel.profile(np.array([0.0003, 0.3])))


def test_every_kernel_mask_and_layout_is_exported_and_covered():
    exported = {x for x in vars(C).values() if isinstance(x, type)}
    for base, covered in (
        (C.Kernel, {type(k) for k in KERNELS}),
        (C.Mask, {C.Disc, C.Annulus, C.Box, C.Moore, C.VonNeumann}),
        (C.Layout, {C.Grid, C.Ring, C.UniformBox}),
    ):
        assert {x for x in exported if issubclass(x, base) and x is not base} == covered
