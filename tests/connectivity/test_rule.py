"""What every connection rule keeps, for every rule that exists: a new one is covered once `FACTORIES` makes it."""

import dataclasses
import inspect
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsim import connectivity
from brainsim.connectivity import _sampling, _space

# How to make each rule for given sizes, with synapses enough to show an error.
FACTORIES = {
    connectivity.OneToOne: lambda n_pre, n_post, **options: connectivity.OneToOne(**options),
    connectivity.AllToAll: lambda n_pre, n_post, **options: connectivity.AllToAll(**options),
    connectivity.FixedProbability: lambda n_pre, n_post, **options: connectivity.FixedProbability(0.4, **options),
    connectivity.FixedInDegree: lambda n_pre, n_post, **options: connectivity.FixedInDegree(n_pre // 3, **options),
    connectivity.FixedOutDegree: lambda n_pre, n_post, **options: connectivity.FixedOutDegree(
        2 * n_post // 3, **options
    ),
    connectivity.FixedTotalNumber: lambda n_pre, n_post, **options: connectivity.FixedTotalNumber(
        n_pre * n_post // 2, **options
    ),
    connectivity.FromArrays: lambda n_pre, n_post, **options: _from_arrays(n_pre, n_post, **options),
    connectivity.FromMatrix: lambda n_pre, n_post, **options: connectivity.FromMatrix(_mask(n_pre, n_post), **options),
    connectivity.FromTable: lambda n_pre, n_post, **options: _from_table(n_pre, n_post, **options),
    connectivity.DistanceDependent: lambda n_pre, n_post, **options: connectivity.DistanceDependent(
        connectivity.Gaussian(0.5), 0.8, **options
    ),
    connectivity.Radial: lambda n_pre, n_post, **options: connectivity.Radial(connectivity.Disc(0.4), 0.9, **options),
    connectivity.Nearest: lambda n_pre, n_post, **options: connectivity.Nearest(n_post // 3, **options),
    connectivity.SmallWorld: lambda n_pre, n_post, **options: connectivity.SmallWorld(2 * (n_pre // 6), 0.3, **options),
    connectivity.ScaleFree: lambda n_pre, n_post, **options: connectivity.ScaleFree(n_pre // 4, **options),
    connectivity.DirectedScaleFree: lambda n_pre, n_post, **options: connectivity.DirectedScaleFree(**options),
    connectivity.BlockModel: lambda n_pre, n_post, **options: connectivity.BlockModel(
        (n_pre // 2, n_pre - n_pre // 2), [[0.6, 0.2], [0.1, 0.5]], (n_post // 3, n_post - n_post // 3), **options
    ),
    connectivity.Procedural: lambda n_pre, n_post, **options: connectivity.Procedural(
        connectivity.FixedProbability(0.4), **options
    ),
    connectivity.Where: lambda n_pre, n_post, **options: connectivity.Where(_near, p=0.8, **options),
    connectivity.Union: lambda n_pre, n_post, **options: connectivity.Union(*_two(), **options),
    connectivity.Sum: lambda n_pre, n_post, **options: connectivity.Sum(
        connectivity.Where(_near, 0.5), connectivity.Where(_far), **options
    ),
    connectivity.Difference: lambda n_pre, n_post, **options: connectivity.Difference(*_two(), **options),
    connectivity.Intersection: lambda n_pre, n_post, **options: connectivity.Intersection(*_two(), **options),
    connectivity.Part: lambda n_pre, n_post, **options: connectivity.Part(
        connectivity.FixedProbability(0.4), slice(None, None, 2), slice(None, None, -1), **options
    ),
}
EQUAL_SIZES = (connectivity.OneToOne, connectivity.SmallWorld, connectivity.ScaleFree, connectivity.DirectedScaleFree)
WITHOUT_AUTAPSES = (connectivity.SmallWorld, connectivity.ScaleFree)
CONTIGUOUS = (connectivity.Procedural,)
N = 30
# Name, presynaptic view, postsynaptic view.
VIEWS = {
    "sizes": (N, N),
    "indices": (np.arange(N), np.arange(N)),
    "overlap": (np.arange(N), np.arange(N // 2, N // 2 + N)),
    "scattered": (np.random.default_rng(3).permutation(50)[:N], np.random.default_rng(4).permutation(50)[:N]),
    "disjoint": (np.arange(N), np.arange(N, 2 * N)),
    "wide": (np.arange(20), np.arange(10, 57)),
    "tall": (np.arange(10, 57), 20),
}


def _mask(n_pre, n_post):
    return np.random.default_rng(0).random((n_pre, n_post)) < 0.4


def _near(i, j):
    return (i + j) % 3 > 0


def _far(i, j):
    return (i + j) % 3 == 0


def _two():
    return connectivity.FixedProbability(0.5), connectivity.Where(_near)


def _from_arrays(n_pre, n_post, multiple=True, **options):
    rng = np.random.default_rng(1)
    if multiple:
        pre, post = rng.integers(0, n_pre, n_pre * n_post), rng.integers(0, n_post, n_pre * n_post)
    else:
        pre, post = rng.permutation(np.argwhere(_mask(n_pre, n_post))).T
    return connectivity.FromArrays(pre, post, multiple=multiple, **options)


def _from_table(n_pre, n_post, multiple=True, **options):
    listed = _from_arrays(n_pre, n_post, multiple=multiple)
    table = {"pre": listed.pre, "post": listed.post, "weight": np.arange(len(listed.pre))}
    return connectivity.FromTable(table, multiple=multiple, **options)


def connect(rule, pre, post, rng, same=False):
    """``rule.connect`` with positions in the unit square for rules that need them."""
    if not isinstance(rule, connectivity.SpatialRule):
        return rule.connect(pre, post, rng, same=same)
    box = connectivity.UniformBox([1.0, 1.0])
    sizes = [_size(view) if isinstance(_size(view), int) and _size(view) >= 0 else N for view in (pre, post)]
    places = [box.place(n, np.random.default_rng(n)) for n in sizes]
    return rule.connect(pre, post, rng, same=same, space=connectivity.Space(*places))


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


RULES = sorted(
    {
        cls
        for cls in _subclasses(connectivity.ConnectionRule)
        if cls.__module__.startswith("brainsim") and not inspect.isabstract(cls)
    },
    key=lambda c: c.__name__,
)


def _options(cls):
    """Every combination of the rule's options."""
    has_multiple = any(f.name == "multiple" for f in dataclasses.fields(cls))
    for self_connections in (True, False):
        for multiple in (True, False) if has_multiple else (None,):
            yield {"self_connections": self_connections} | ({} if multiple is None else {"multiple": multiple})


def _size(view):
    return view if np.ndim(view) == 0 else len(view)


def _ids(view):
    return np.arange(view) if np.ndim(view) == 0 else view


def cases(cls):
    """Options and views of a rule, each with what it is called in a failure."""
    for options in _options(cls):
        for name, views in VIEWS.items():
            unequal, scattered = name in ("wide", "tall"), name == "scattered"
            if not (cls in EQUAL_SIZES and unequal) and not (cls in CONTIGUOUS and scattered):
                yield options, views, f"{options}, {name}"


def make(cls, pre, post, **options):
    return FACTORIES[cls](_size(pre), _size(post), **options)


def check_rows(synapses, n_pre, n_post):
    """Assert that the synapses are well-formed rows with ascending targets in range."""
    indptr, indices = synapses.indptr, synapses.indices
    assert indptr.dtype == np.int32 and indices.dtype == np.int32
    assert indptr.shape == (n_pre + 1,)
    assert indptr[0] == 0 and indptr[-1] == len(indices) == synapses.size
    assert (np.diff(indptr) >= 0).all()
    assert not len(indices) or 0 <= indices.min() <= indices.max() < n_post
    key = synapses.pre.astype(np.int64) * n_post + indices
    assert (np.diff(key) >= 0).all()
    assert indices.flags.c_contiguous and indices.flags.writeable
    return key


def test_every_rule_is_covered_and_exported():
    assert set(RULES) == set(FACTORIES)
    assert all(getattr(connectivity, cls.__name__) is cls for cls in RULES)


@pytest.mark.parametrize("block", [_sampling.BLOCK, 5], ids=["one-block", "many-blocks"])
@pytest.mark.parametrize("cls", RULES)
def test_rows_are_sorted_and_respect_the_options(cls, block, monkeypatch):
    monkeypatch.setattr(_sampling, "BLOCK", block)
    monkeypatch.setattr(_space, "BLOCK", block)
    for options, (pre, post), case in cases(cls):
        rule = make(cls, pre, post, **options)
        synapses = connect(rule, pre, post, np.random.default_rng(0), same=True)
        key = check_rows(synapses, _size(pre), _size(post))
        if not options.get("multiple", False):
            assert (np.diff(key) > 0).all(), case
        is_self = _ids(pre)[synapses.pre] == _ids(post)[synapses.indices]
        if not options["self_connections"]:
            assert not is_self.any(), case
        elif np.ndim(pre) == np.ndim(post) == 0 and cls not in WITHOUT_AUTAPSES:
            assert is_self.any(), case  # each factory makes enough synapses for some to be autapses
        assert synapses.size <= rule.expected_synapses(_size(pre), _size(post)), case


EXACT = (
    connectivity.FixedOutDegree,
    connectivity.FixedInDegree,
    connectivity.FixedTotalNumber,
    connectivity.AllToAll,
    connectivity.OneToOne,
)


@pytest.mark.parametrize("cls", EXACT)
def test_counts_are_exact(cls):
    for options, (pre, post), case in cases(cls):
        rule = make(cls, pre, post, **options)
        synapses = connect(rule, pre, post, np.random.default_rng(0), same=True)
        if cls is connectivity.FixedOutDegree:
            assert (np.diff(synapses.indptr) == rule.k).all(), case
        elif cls is connectivity.FixedInDegree:
            assert (np.bincount(synapses.indices, minlength=_size(post)) == rule.k).all(), case
        elif cls is connectivity.FixedTotalNumber:
            assert synapses.size == rule.n, case
        elif cls is connectivity.AllToAll:
            shared = len(np.intersect1d(_ids(pre), _ids(post)))
            assert synapses.size == _size(pre) * _size(post) - (0 if options["self_connections"] else shared), case
        else:
            kept = np.ones(N, bool) if options["self_connections"] else _ids(pre) != _ids(post)
            np.testing.assert_array_equal(synapses.pre, np.flatnonzero(kept), err_msg=case)
            np.testing.assert_array_equal(synapses.indices, np.flatnonzero(kept), err_msg=case)


@pytest.mark.parametrize("cls", RULES)
def test_result_depends_on_the_generator_only(cls):
    rule = make(cls, N, N)
    np.random.seed(0)
    first = connect(rule, N, N, np.random.default_rng(7))
    np.random.seed(1)
    again = connect(make(cls, N, N), N, N, np.random.default_rng(7))
    np.testing.assert_array_equal(first.indptr, again.indptr)
    np.testing.assert_array_equal(first.indices, again.indices)
    other = connect(rule, N, N, np.random.default_rng(8))
    drawn = first.order is None and cls not in (connectivity.OneToOne, connectivity.AllToAll, connectivity.Nearest)
    assert drawn == (not np.array_equal(first.indices, other.indices))


@pytest.mark.parametrize("cls", RULES)
def test_self_connections_matter_within_one_population_only(cls):
    allowed = connect(make(cls, N, N), N, N, np.random.default_rng(0), same=False)
    excluded = connect(make(cls, N, N, self_connections=False), N, N, np.random.default_rng(0), same=False)
    np.testing.assert_array_equal(allowed.indices, excluded.indices)


@pytest.mark.parametrize("cls", RULES)
def test_rules_are_values(cls):
    rule, same = make(cls, N, N), make(cls, N, N)
    different = make(cls, N, N, self_connections=False)
    assert rule == same and hash(rule) == hash(same)
    assert rule != different
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert repr(rule).startswith(cls.__name__ + "(") and len(repr(rule)) < 90
    assert (
        "self_connections=False" in repr(different) or connect(rule, N, N, np.random.default_rng(0)).order is not None
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.self_connections = False


@pytest.mark.parametrize("cls", RULES)
def test_empty_views(cls):
    for n_pre, n_post in ((0, 0),) if cls in EQUAL_SIZES else ((0, 0), (0, 4), (4, 0)):
        if cls in (
            connectivity.FixedOutDegree,
            connectivity.FixedInDegree,
            connectivity.Nearest,
            connectivity.ScaleFree,
        ):
            rule = cls(0)
        else:
            rule = make(cls, n_pre, n_post)
        for same in (False, True):
            synapses = connect(rule, n_pre, n_post, np.random.default_rng(0), same=same)
            check_rows(synapses, n_pre, n_post)
            assert synapses.size == 0


@pytest.mark.parametrize("cls", RULES)
def test_memory_is_the_result_and_one_copy(cls):
    one_to_one = cls is connectivity.OneToOne
    n = 10**6 if one_to_one else 1500  # about 10**6 synapses
    rule = FACTORIES[cls](n, n, self_connections=one_to_one)  # else nothing would be left of it
    rng = np.random.default_rng(0)
    tracemalloc.start()
    try:
        synapses = connect(rule, n, n, rng, same=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    result = synapses.indices.nbytes + synapses.indptr.nbytes + (0 if synapses.order is None else synapses.order.nbytes)
    for part in (getattr(rule, "first", None), getattr(rule, "second", None)):
        if part is not None:  # those of what it is made of are there beside it
            result += connect(part, n, n, rng, same=True).indices.nbytes
    # Masks and the byte per synapse that scipy moves come on top of the copy; blocks add up to a dozen megabytes.
    assert peak < 3 * result + 12e6


@pytest.mark.parametrize("cls", RULES)
def test_wrong_arguments_of_connect_are_refused(cls):
    rule, rng = make(cls, N, N), np.random.default_rng(0)
    name = cls.__name__
    for wrong_rng in (0, None, np.random.RandomState(0)):
        with pytest.raises(TypeError, match=rf"{name}: rng is .*numpy.random.Generator"):
            connect(rule, N, N, wrong_rng)
    with pytest.raises(ValueError, match=rf"{name}: pre = -1 is not accepted; give a whole number"):
        connect(rule, -1, N, rng)
    with pytest.raises(TypeError, match=rf"{name}: post = 2.5 is not accepted"):
        connect(rule, N, 2.5, rng)
    with pytest.raises(TypeError, match=rf"{name}: post holds bool values.*np.flatnonzero"):
        connect(rule, N, np.ones(N, bool), rng)
    with pytest.raises(ValueError, match=rf"{name}: pre has shape \(1, 30\)"):
        connect(rule, np.arange(N)[None], N, rng)
    with pytest.raises(ValueError, match=rf"{name}: pre\[0\] = -2 is negative"):
        connect(rule, np.arange(N) - 2, N, rng)
    with pytest.raises(TypeError, match=rf"{name}: same = 1 is not accepted"):
        connect(rule, N, N, rng, same=1)
    with pytest.raises(ValueError, match=rf"{name}: post lists a neuron more than once"):
        connect(make(cls, N, N, self_connections=False), N, np.zeros(N, int), rng, same=True)
    with pytest.raises(TypeError, match=rf"{name}: self_connections = 'no' is not accepted; give True or False"):
        make(cls, N, N, self_connections="no")


@pytest.mark.parametrize(
    "cls", [connectivity.FixedInDegree, connectivity.FixedOutDegree, connectivity.FixedTotalNumber]
)
def test_counts_are_validated(cls):
    name = cls.__name__
    for wrong in (-1, np.int64(-5)):
        with pytest.raises(
            ValueError, match=rf"{name}: [kn] = .*-\d.* is not accepted; give a whole number, 0 or larger"
        ):
            cls(wrong)
    for wrong in (2.0, 2.5, "3", None, True, np.nan):
        with pytest.raises(TypeError, match=rf"{name}: [kn] = .* is not accepted"):
            cls(wrong)
    with pytest.raises(TypeError, match=rf"{name}: multiple = 1 is not accepted"):
        cls(1, multiple=1)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan, np.inf, "0.5", None, True, np.ones(2)])
def test_probability_is_validated(wrong):
    with pytest.raises(
        ValueError, match="FixedProbability: p = .* is not a probability; give a number between 0 and 1"
    ):
        connectivity.FixedProbability(wrong)


def test_more_partners_than_there_are():
    rng = np.random.default_rng(0)
    with pytest.raises(
        ValueError, match=r"FixedInDegree: k = 6, .*only 5 possible presynaptic.*give k <= 5, or multiple=True"
    ):
        connectivity.FixedInDegree(6).connect(5, 9, rng)
    with pytest.raises(ValueError, match=r"FixedOutDegree: k = 10, .*only 9 possible postsynaptic"):
        connectivity.FixedOutDegree(10).connect(5, 9, rng)
    with pytest.raises(ValueError, match=r"neuron 0 has only 4 possible .*itself not counted"):
        connectivity.FixedInDegree(5, self_connections=False).connect(5, 5, rng, same=True)
    with pytest.raises(
        ValueError, match=r"FixedTotalNumber: n = 21, .*only 20 possible pairs without self connections"
    ):
        connectivity.FixedTotalNumber(21, multiple=False, self_connections=False).connect(5, 5, rng, same=True)
    # One neuron that may not connect to itself has no partner, with multapses neither.
    for rule in (connectivity.FixedInDegree, connectivity.FixedOutDegree, connectivity.FixedTotalNumber):
        with pytest.raises(ValueError, match=rf"{rule.__name__}: .* only 0 possible"):
            rule(1, multiple=True, self_connections=False).connect(1, 1, rng, same=True)
    assert connectivity.FixedInDegree(6, multiple=True).connect(5, 9, rng).size == 54
    assert connectivity.FixedTotalNumber(100).connect(5, 5, rng).size == 100


def test_one_to_one_needs_equal_sizes():
    with pytest.raises(
        ValueError, match="OneToOne: 3 presynaptic and 4 postsynaptic neurons; give views of equal size"
    ):
        connectivity.OneToOne().connect(3, 4, np.random.default_rng(0))


sizes = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=100)
@given(n_pre=sizes, n_post=sizes, offset=st.integers(0, 45), fraction=st.floats(0, 1), seed=seeds, data=st.data())
def test_any_drawn_rule_on_any_overlap(n_pre, n_post, offset, fraction, seed, data):
    pre, post = np.arange(n_pre), np.arange(offset, offset + n_post)
    possible = ~np.equal.outer(pre, post)
    self_connections, multiple = data.draw(st.booleans()), data.draw(st.booleans())
    if self_connections:
        possible[:] = True
    out = int(fraction * possible.sum(axis=1).min())
    into = int(fraction * possible.sum(axis=0).min())
    total = int(fraction * possible.sum())
    for rule, degrees in (
        (connectivity.FixedProbability(fraction, self_connections=self_connections), None),
        (connectivity.FixedOutDegree(out, self_connections=self_connections, multiple=multiple), (1, out)),
        (connectivity.FixedInDegree(into, self_connections=self_connections, multiple=multiple), (0, into)),
        (connectivity.FixedTotalNumber(total, self_connections=self_connections, multiple=multiple), (None, total)),
    ):
        synapses = connect(rule, pre, post, np.random.default_rng(seed), same=True)
        check_rows(synapses, n_pre, n_post)
        dense = np.zeros((n_pre, n_post), int)
        np.add.at(dense, (synapses.pre, synapses.indices), 1)
        assert not dense[~possible].any()
        if degrees is not None:
            assert (dense.sum(axis=degrees[0]) == degrees[1]).all()
        if degrees is None or not multiple:
            assert dense.max() <= 1


def test_select_keeps_rows():
    synapses = connectivity.FixedProbability(0.3).connect(40, 50, np.random.default_rng(0))
    keep = np.random.default_rng(1).random(synapses.size) < 0.5
    selected = synapses.select(keep)
    check_rows(selected, 40, 50)
    whole = scipy.sparse.csr_array((keep.astype(int), synapses.indices, synapses.indptr), shape=(40, 50)).toarray()
    np.testing.assert_array_equal(np.argwhere(whole), np.stack([selected.pre, selected.indices], axis=1))


def test_a_procedural_rule_has_the_synapses_of_its_rule():
    """Binomial within five standard deviations; and an exact number for each neuron."""
    rng = np.random.default_rng(0)
    drawn = connectivity.Procedural(connectivity.FixedProbability(0.4)).connect(200, 200, rng)
    assert abs(len(drawn.indices) - 16_000) < 5 * np.sqrt(16_000 * 0.6)
    fixed = connectivity.Procedural(connectivity.FixedOutDegree(7, multiple=True)).connect(20, 30, rng)
    assert np.all(np.diff(fixed.indptr) == 7)


BLOCKS = connectivity.BlockModel(
    (20, 1, 29), None, (25, 25), n=[[50_000, 7], [0, 3], [300, 60_000]], self_connections=False
)


def test_procedural_blocks_have_exactly_their_numbers_with_uniform_pairs():
    """Every pair of two blocks is as likely as the others, with repeats: chi-square over pairs within its 1e-4 tails."""
    drawn = connectivity.Procedural(BLOCKS).connect(50, 50, np.random.default_rng(0), same=True)
    check_rows(drawn, 50, 50)
    counts = np.zeros((50, 50), int)
    np.add.at(counts, (drawn.pre, drawn.indices), 1)
    assert not np.diag(counts).any()
    rows, columns = (slice(0, 20), slice(20, 21), slice(21, 50)), (slice(0, 25), slice(25, 50))
    assert [[int(counts[r, c].sum()) for c in columns] for r in rows] == [list(row) for row in BLOCKS.n]
    for r, c in ((rows[0], columns[0]), (rows[2], columns[1])):
        block = counts[r, c][~np.eye(50, dtype=bool)[r, c]]
        low, high = scipy.stats.chi2.ppf([5e-5, 1 - 5e-5], len(block) - 1)
        assert low < ((block - block.mean()) ** 2 / block.mean()).sum() < high
    # One of four pairs is excluded: the neuron with two partners has two thirds of the synapses
    total = connectivity.Procedural(connectivity.FixedTotalNumber(30_000, self_connections=False))
    few = total.connect(np.array([0, 1]), np.array([1, 2]), np.random.default_rng(1), same=True)
    assert abs(few.indptr[1] - 20_000) < 3.9 * np.sqrt(30_000 * 2 / 9) and np.all(few.indices[few.indptr[1] :] == 1)
    again = connectivity.Procedural(BLOCKS).connect(50, 50, np.random.default_rng(0), same=True)
    np.testing.assert_array_equal(again.indices, drawn.indices)


def test_procedural_numbers_of_neurons_are_those_that_are_stored():
    """From one generator: after the key, which is drawn first."""
    rng, other = np.random.default_rng(3), np.random.default_rng(3)
    drawn = connectivity.Procedural(connectivity.FixedTotalNumber(900)).connect(40, 30, rng)
    other.integers(0, 2**32, 2, dtype=np.uint32)
    stored = connectivity.FixedTotalNumber(900).connect(40, 30, other)
    np.testing.assert_array_equal(drawn.indptr, stored.indptr)
    none = connectivity.Procedural(connectivity.BlockModel((3, 0), n=[[0, 0], [0, 0]])).connect(3, 3, rng)
    one = connectivity.Procedural(connectivity.BlockModel((1,), n=[[8]])).connect(1, 1, rng)
    nobody = connectivity.BlockModel((3,), None, (), n=np.zeros((1, 0)).astype(int))
    assert nobody.connect(3, 0, rng).size == connectivity.Procedural(nobody).connect(3, 0, rng).size == 0
    assert none.size == 0 and one.indptr.tolist() == [0, 8] and not one.indices.any()


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("kind", [k for k in FACTORIES if not issubclass(k, connectivity.SpatialRule)])
def test_rows_after_rows_are_as_those_of_the_whole(kind, same):
    options = {} if kind in WITHOUT_AUTAPSES else {"self_connections": not same}
    rule = FACTORIES[kind](N, N, **options)
    bounds = (0, 7, 7, 8, N)
    found = rule.connect_rows(N, N, bounds, np.random.default_rng(2), same=same)
    found = [(part.indptr, part.indices.copy()) for part in found]  # memory is used again
    assert [len(indptr) - 1 for indptr, _ in found] == list(np.diff(bounds))
    whole = rule.connect(N, N, np.random.default_rng(2), same=same)
    counts = np.concatenate([np.diff(indptr) for indptr, _ in found])
    indices = np.concatenate([targets for _, targets in found])
    if kind is connectivity.FixedProbability:  # which skips pairs otherwise
        assert abs(len(indices) - whole.size) < 6 * np.sqrt(2 * 0.24 * N * N)
    else:
        np.testing.assert_array_equal(counts, np.diff(whole.indptr))
        np.testing.assert_array_equal(indices, whole.indices)
    rows = np.repeat(np.arange(N), counts)
    assert np.all(np.diff(indices)[np.diff(rows) == 0] >= 0)
    if same and not rule.self_connections:
        assert np.all(rows != indices)


def test_a_rule_that_draws_in_a_way_of_its_own_is_not_drawn_in_parts_of_another():
    @dataclasses.dataclass(frozen=True, repr=False)
    class Own(connectivity.FixedProbability):
        def _draw(self, pairs, rng):
            return connectivity.AllToAll()._draw(pairs, rng)

    rng = np.random.default_rng(0)
    assert connectivity.FixedProbability(0.1).parts([5, 4], rng) is not None
    assert Own(0.1).parts([5, 4], rng) is None
    assert sum(part.size for part in Own(0.1).connect_rows(4, 6, (0, 1, 4), rng)) == 24
