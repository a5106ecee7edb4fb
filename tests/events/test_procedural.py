"""Procedural connectivity: kernel, plain JAX and stored form agree bit for bit, and follow their law. Seeds are fixed."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.test_util import check_grads

from brainsim import events
from brainsim.events import _philox
from brainsim.events.procedural import gap_table

N_PRE, N_POST = 37, 45
NORMAL = events.Quantiles(1.0 + 0.5 * scipy.stats.norm.ppf(events.Quantiles.probabilities()))
PART = {"pre": (3, 30), "post": (2, 41), "self_connections": False}
# Nobody, blocks of one, of none, rows of none, and rows that go on after a chunk of words
DEGREES = np.random.default_rng(2).integers(0, 4, (27, 4)) * [9, 0, 1, 5] * (np.arange(27) != 4)[:, None]
DEGREES[6, 2] = 0  # neuron 9 itself
CASES = {
    "probability": lambda: events.ProceduralFixedProbability(N_PRE, N_POST, 0.2, 5),
    "probability, weights, part": lambda: events.ProceduralFixedProbability(N_PRE, N_POST, 0.4, 6, NORMAL, **PART),
    "rare": lambda: events.ProceduralFixedProbability(N_PRE, 4000, 0.002, 7, NORMAL),
    "out-degree": lambda: events.ProceduralFixedOutDegree(N_PRE, N_POST, 9, 8),
    "out-degree, weights, part": lambda: events.ProceduralFixedOutDegree(N_PRE, N_POST, 50, 9, NORMAL, **PART),
    "out-degrees, weights, part": lambda: events.ProceduralOutDegrees(
        N_PRE, N_POST, DEGREES, [7, 0, 1, 31], 10, NORMAL, **PART
    ),
}


@pytest.fixture(params=CASES)
def procedural(request):
    return CASES[request.param]()


def by(implementation):
    if implementation == "kernel" and not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    return events.served_by(implementation)


def test_every_exported_rule_is_covered():
    exported = {
        x for n in events.__all__ if inspect.isclass(x := getattr(events, n)) and issubclass(x, events.Unstored)
    }
    assert {x for x in exported if not inspect.isabstract(x)} == {type(make()) for make in CASES.values()}


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_published_words(key, counter, expected):
    """Known answers of philox4x32-10, published with Salmon et al. (2011)."""
    found = _philox.philox(tuple(map(jnp.uint32, key)), tuple(map(jnp.uint32, counter)))
    assert tuple(int(x) for x in found) == expected


def reference_rows(conn):
    """The targets of each row by the definition, in Python's own integers."""
    first, size = conn.post_begin, conn.post_end - conn.post_begin
    key = [int(x) for x in conn.key]

    def words(row):
        block = 0
        while True:
            c, k = [block, row, 0, 16], list(key)
            for _ in range(10):
                a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
                c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
                k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
            yield from c
            block += 1

    for i in range(conn.pre_begin, conn.pre_end):
        targets, stream = [], words(i)
        if isinstance(conn, events.ProceduralOutDegrees):
            begin = first
            for k, n in zip(DEGREES[i - conn.pre_begin], np.diff(conn.bounds).tolist(), strict=True):
                others = [j for j in range(begin, begin + n) if conn.loops or j != i]
                targets += [others[next(stream) * len(others) >> 32] for _ in range(k)]
                begin += n
        elif isinstance(conn, events.ProceduralFixedOutDegree):
            own = i - first if not conn.loops and first <= i < conn.post_end else None
            for _ in range(conn.k):
                j = next(stream) * (size - (own is not None)) >> 32
                targets.append(first + j + (own is not None and j >= own))
        else:
            threshold, alias = np.asarray(conn.threshold), np.asarray(conn.alias)
            bits, at = len(threshold).bit_length() - 1, 0
            while at < size:
                word = next(stream)
                column = word >> (32 - bits)
                gap = column if (word << bits & 0xFFFFFFFF) < int(threshold[column]) else int(alias[column])
                if gap == len(threshold) - 1:
                    at += gap
                    continue
                if at + gap < size and (conn.loops or first + at + gap != i):
                    targets.append(first + at + gap)
                at += gap + 1
        yield i, targets


def test_the_stored_form_is_the_definition(procedural):
    stored, weights = procedural.materialise()
    indptr, indices = np.asarray(stored.indptr), np.asarray(stored.indices)
    rows = dict(reference_rows(procedural))
    for i in range(N_PRE):
        assert indices[indptr[i] : indptr[i + 1]].tolist() == rows.get(i, [])
    assert weights.shape == (stored.n_synapses,) and weights.dtype == np.float32


@pytest.mark.parametrize("implementation", ["kernel", "plain"])
def test_each_row_agrees_bit_for_bit_with_the_stored_form(procedural, implementation):
    """One neuron at a time, where each target gets its weights in the same order."""
    stored, weights = procedural.materialise()
    weight, into = jnp.float32(2.5), jnp.zeros(procedural.n_post, jnp.float32)
    expected = jax.jit(jax.vmap(lambda s: events.deliver(stored, s, weight * weights, into)))(
        jnp.eye(N_PRE, dtype=bool)
    )
    with by(implementation):
        found = jax.jit(jax.vmap(lambda s: events.deliver(procedural, s, weight, into)))(jnp.eye(N_PRE, dtype=bool))
    np.testing.assert_array_equal(found, expected)


def test_kernels_add_in_the_same_order_too(procedural, rng):
    if not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    stored, weights = procedural.materialise()
    spikes, into = jnp.asarray(rng.random(N_PRE) < 0.5), jnp.asarray(rng.normal(size=procedural.n_post), jnp.float32)
    found = events.deliver(procedural, spikes, jnp.float32(0.3), into)
    np.testing.assert_array_equal(found, events.deliver(stored, spikes, np.float32(0.3) * weights, into))


OPERATIONS = [(name, "kernel", dtype) for name in CASES for dtype in (jnp.float32, jnp.float64)]
# Plain JAX compiles the generator anew each time: the two rules, one with weights.
OPERATIONS += [("probability, weights, part", "plain", jnp.float64), ("out-degree", "plain", jnp.float32)]


@pytest.mark.parametrize(("name", "implementation", "dtype"), OPERATIONS)
def test_operations_equal_those_of_the_stored_form(name, implementation, dtype, rng):
    procedural, rtol = CASES[name](), 1e-5 if dtype == jnp.float32 else 1e-12
    stored, weights = procedural.materialise(np.dtype(dtype))
    spikes = jnp.asarray(rng.normal(size=N_PRE) * (rng.random(N_PRE) < 0.4), dtype)
    values, weight = jnp.asarray(rng.normal(size=procedural.n_post), dtype), jnp.asarray(0.7, dtype)

    def loss(conn, relative):
        def function(spikes, weight, values):
            delivered = events.deliver(conn, spikes, weight * relative, jnp.sin(values))
            back = events.deliver_transposed(conn, values, weight * relative)
            return (delivered**2).sum() + (back * jnp.cos(back)).sum()

        return jax.jit(jax.value_and_grad(function, (0, 1, 2)))

    expected = loss(stored, weights)(spikes, weight, values)
    with by(implementation):
        found = loss(procedural, 1.0)(spikes, weight, values)
        total = events.weight_gradient(procedural, spikes, values)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=rtol, atol=100 * rtol)
    each = events.weight_gradient(stored, spikes, values)
    np.testing.assert_allclose(total, (each * weights).sum(), rtol=rtol, atol=10 * rtol)


def test_derivatives_and_batches(rng):
    conn = CASES["probability, weights, part"]()
    if not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    spikes, weight = jnp.asarray(rng.normal(size=(2, 3, N_PRE))), jnp.asarray(rng.normal(size=3))
    into = jnp.asarray(rng.normal(size=N_POST))

    def function(spikes, weight, into):
        y = events.deliver(conn, spikes, weight, into)
        return y * jnp.sin(y)

    check_grads(jax.jit(function), (spikes[0, 0], weight[0], into), order=1, eps=1e-5)
    two = jax.jit(jax.vmap(jax.vmap(function, (0, 0, None)), (0, None, None)))(spikes, weight, into)
    gradient = jax.jit(jax.grad(lambda w: jax.vmap(lambda s: function(s, w, into))(spikes[0]).sum()))(weight[0])
    one = jax.jit(function)
    alone = sum(jax.jit(jax.grad(lambda w, s: function(s, w, into).sum()))(weight[0], s) for s in spikes[0])
    loop = jnp.stack([jnp.stack([one(spikes[a, b], weight[b], into) for b in range(3)]) for a in range(2)])
    np.testing.assert_allclose(two, loop, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, alone, rtol=1e-10)


def test_out_degrees_and_targets_are_uniform():
    """Chi-square over targets, within its 1e-4 tails."""
    conn = events.ProceduralFixedOutDegree(2000, 100, 50, 1, self_connections=False)
    stored, _ = conn.materialise()
    assert (np.diff(stored.indptr) == 50).all() and conn.n_synapses == stored.n_synapses == 100_000
    pre, post = (np.asarray(x) for x in stored.coo())
    assert not (pre == post).any()
    counts = np.bincount(post[pre >= 100], minlength=100)
    low, high = scipy.stats.chi2.ppf([5e-5, 1 - 5e-5], 99)
    assert low < ((counts - counts.mean()) ** 2 / counts.mean()).sum() < high


@pytest.mark.parametrize(("p", "n_post"), [(0.5, 200), (0.03, 1000), (1e-4, 100_000)])
def test_pairs_are_independent_with_probability_p(p, n_post):
    """Total, out-degrees (variance), targets (chi-square of 50 groups) within their 1e-4 tails."""
    rows = 1000
    conn = events.ProceduralFixedProbability(rows, n_post, p, 11)
    stored, _ = conn.materialise()
    mean = rows * n_post * p
    assert conn.n_synapses == round(mean)
    assert abs(stored.n_synapses - mean) < 3.9 * np.sqrt(mean * (1 - p))
    pre, post = (np.asarray(x) for x in stored.coo())
    assert len(np.unique(pre.astype(np.int64) * n_post + post)) == len(pre)
    degrees = np.diff(stored.indptr)
    low, high = scipy.stats.chi2.ppf([5e-5, 1 - 5e-5], rows)
    assert low < ((degrees - n_post * p) ** 2).sum() / (n_post * p * (1 - p)) < high
    counts = np.bincount(post * 50 // n_post, minlength=50)
    low, high = scipy.stats.chi2.ppf([5e-5, 1 - 5e-5], 50)
    assert low < ((counts - mean / 50) ** 2).sum() / (mean / 50 * (1 - p)) < high


def test_certain_and_impossible_pairs():
    assert events.ProceduralFixedProbability(5, 70, 1.0).materialise()[0].n_synapses == 350
    assert events.ProceduralFixedProbability(5, 70, 0.0).materialise()[0].n_synapses == 0
    assert events.ProceduralFixedOutDegree(5, 70, 0).materialise()[0].n_synapses == 0
    assert events.ProceduralOutDegrees(5, 0, np.zeros((5, 0), int), []).materialise()[0].n_synapses == 0


@pytest.mark.parametrize("p", [0.0, 1e-7, 0.013, 0.5, 0.999, 1.0])
def test_the_table_of_gaps_says_the_geometric_law(p):
    """What each column and alias give, summed exactly, is the law to 2**-32 per gap."""
    threshold, alias = gap_table(p)
    n = len(threshold)
    full = 2**32 // n
    share = np.minimum((threshold.astype(np.uint64) + n - 1) // n, full).astype(np.int64)  # words of a column that stay
    found = share.copy()
    np.add.at(found, alias, full - share)
    assert found.sum() == 2**32
    expected = p * (1 - p) ** np.arange(n)
    expected[-1] = (1 - p) ** (n - 1)
    np.testing.assert_allclose(found / 2**32, expected, atol=n * 2.0**-32)


def test_drawn_weights_follow_their_distribution(rng):
    """Kolmogorov-Smirnov against the normal law (level 1e-4) and a quantile far in the tail."""
    words = jnp.asarray(rng.integers(0, 2**32, 200_000, np.uint32))
    drawn = np.asarray(NORMAL.at(words, np.dtype(np.float64)))
    assert scipy.stats.kstest((drawn - 1) / 0.5, "norm").pvalue > 1e-4
    q = np.array([1e-9, 1e-6, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.99])
    # The first bit picks the tail, the others count from its far end.
    word = np.where(q < 0.5, q * 2**32, 2**31 + np.minimum((1 - q) * 2**32, 2**31 - 1)).astype(np.uint32)
    meant = np.where(q < 0.5, word / 2.0**32, 1 - (word - 2.0**31) / 2**32)
    exact = 1 + 0.5 * scipy.stats.norm.ppf(meant)
    np.testing.assert_allclose(NORMAL.at(jnp.asarray(word), np.dtype(np.float64)), exact, atol=5e-5)


def test_uniform_weights_are_exact():
    conn = events.ProceduralFixedOutDegree(
        50, 20, 40, 3, events.Quantiles(2.0 + 3.0 * events.Quantiles.probabilities())
    )
    _, weights = conn.materialise()
    assert weights.min() >= 2 and weights.max() <= 5
    assert scipy.stats.kstest((weights - 2) / 3, "uniform").pvalue > 1e-4


def degrees(*given, **options):
    return events.ProceduralOutDegrees(2, 2, *given, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: events.ProceduralFixedProbability(3, 3, 1.5), "p is a probability; got 1.5"),
        (lambda: events.ProceduralFixedProbability(-3, 3, 0.5), "n_pre is a number of neurons, 0 or more; got -3"),
        (
            lambda: events.ProceduralFixedProbability(3, 3, 0.5, pre=(2, 5)),
            r"pre is a range .* within 0 to 3; got \(2, 5\)",
        ),
        (lambda: events.ProceduralFixedProbability(3, 3, 0.5, key=0.5), "key is an integer or uint32"),
        (lambda: events.ProceduralFixedOutDegree(3, 0, 2), "k = 2, but there is nobody to connect to"),
        (lambda: events.ProceduralFixedOutDegree(1, 1, 2, self_connections=False), "nobody to connect to"),
        (lambda: degrees([[1, 0], [0, 1]], [2, 1]), r"sizes are of blocks that have 2 targets together; got \[2, 1\]"),
        (lambda: degrees([[1, 0], [0, 1]], [0.5, 1.5]), r"sizes are of blocks .*; got \[0.5, 1.5\]"),
        (lambda: degrees([[1], [0]], [1, 1]), r"one for each neuron and block, \[2, 2\]; got int64\[2, 1\]"),
        (lambda: degrees([[1, 0], [0.0, 1]], [1, 1]), r"got float64\[2, 2\]"),
        (lambda: degrees([[1, 0], [-1, 1]], [1, 1]), "some of them negative"),
        (lambda: degrees([[1, 0], [1, 1]], [2, 0]), "neuron 1 has 1 synapses to block 1, but there is nobody"),
        (lambda: degrees([[0, 1], [0, 1]], [1, 1], self_connections=False), "neuron 1 has 1 synapses to block 1"),
        (lambda: degrees([[2**31, 0], [1, 0]], [1, 1]), r"fewer than 2\^31 synapses; got 2147483648"),
        (lambda: events.Quantiles(np.zeros(3)), r"Quantiles: values are finite and of shape \[2, 32, 33\]; got \[3\]"),
    ],
)
def test_what_is_no_rule_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_needs_stored_synapses_is_refused():
    conn = CASES["probability"]()
    with pytest.raises(
        TypeError, match="transpose_index: a ProceduralFixedProbability stores nothing for single synapses"
    ):
        events.transpose_index(conn)
    with pytest.raises(ValueError, match=r"weight of a ProceduralFixedProbability is a float, of shape \[\]"):
        events.deliver(conn, jnp.zeros(N_PRE, bool), jnp.ones(7), jnp.zeros(N_POST))
