"""What every exported operation keeps: kernel and plain JAX agree, derivatives are exact, batches equal loops."""

import inspect
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events

RTOL = {jnp.float32: 1e-5, jnp.float64: 1e-12}
DEPTH = 5
FORMATS = [x for n in events.__all__ if inspect.isclass(x := getattr(events, n)) and issubclass(x, events.Format)]
FORMATS = [x for x in FORMATS if not inspect.isabstract(x)]


class Case(NamedTuple):
    """An operation as a function of arrays, and which of them it is differentiable in."""

    function: callable
    arguments: tuple
    smooth: tuple
    distribution: bool = False  # whether kernel and plain JAX agree in distribution only


class Given:
    """Arguments of every kind for one connectivity."""

    def __init__(self, conn, rng, dtype=jnp.float64, spikes=bool, scalar=False):
        self.conn = conn
        self.dtype = dtype
        self.index = events.transpose_index(conn)
        self.pre, self.post = (self._spikes(rng, n, spikes) for n in (conn.n_pre, conn.n_post))
        self.weight = self._real(rng, () if scalar else conn.weight_shape)
        self.weights = self._real(rng, conn.weight_shape)
        self.values_pre, self.values_post = self._real(rng, conn.n_pre), self._real(rng, conn.n_post)
        self.ring = self._real(rng, (DEPTH, conn.n_post))
        self.line = self._real(rng, (DEPTH, conn.n_pre))
        self.delay = jnp.asarray(rng.integers(1, DEPTH + 1, conn.weight_shape), jnp.int32)
        self.steps = jnp.asarray(rng.uniform(1, DEPTH - 2, () if scalar else conn.weight_shape), dtype)
        self.matrix = self._real(rng, (conn.n_pre, 70))
        self.bounds = jnp.asarray(-1.0, dtype), jnp.asarray(1.0, dtype)
        self.key = jnp.asarray(rng.integers(0, 2**32, 2), jnp.uint32)
        self.spikes = spikes
        self.scalar = scalar

    def _spikes(self, rng, n, kind):
        fired = rng.random(n) < 0.3
        return jnp.asarray(fired if kind is bool else fired * rng.normal(size=n), kind if kind is bool else self.dtype)

    def _real(self, rng, shape):
        return jnp.asarray(rng.normal(size=shape), self.dtype)

    def smooth(self, *positions):
        """Positions of floats; that of the spikes (-1 stands before them) only where they are floats."""
        return positions if self.spikes is not bool else positions[1:]


def case_deliver(g):
    return Case(lambda *a: events.deliver(g.conn, *a), (g.pre, g.weight, g.values_post), g.smooth(0, 1, 2))


def case_deliver_delayed(g):
    def function(spikes, weight, ring, into):
        return events.deliver_delayed(g.conn, spikes, weight, g.delay, ring, 8, into)

    return Case(function, (g.pre, g.weight, g.ring, g.values_post), g.smooth(0, 1, 2, 3))


def calendar(g):
    """Half of the neurons sent something in the last steps; beside it are bits that count for nothing."""
    rng = np.random.default_rng(5)
    order = np.lexsort((np.asarray(g.delay).ravel(), np.asarray(g.conn.coo()[0])))
    delay = np.asarray(g.delay).ravel()[order].reshape(g.conn.weight_shape)
    begins = jnp.asarray(events.calendar_of(g.conn, delay, DEPTH))
    fired = jnp.asarray(rng.integers(0, 2**32, (g.conn.n_pre, 1)), jnp.uint32)
    waiting = jnp.asarray(rng.integers(0, 2**32, -(-g.conn.n_pre // 32)), jnp.uint32)
    return begins, jnp.asarray(order, jnp.int32), fired, waiting


def case_deliver_sorted(g):
    begins, _, fired, waiting = calendar(g)

    def function(spikes, weight, fired, waiting, into):
        return events.deliver_sorted(g.conn, spikes != 0, weight, begins, fired, waiting, 8, into)

    return Case(function, (g.pre, g.weight, fired, waiting, g.values_post), (1, 4))


def case_is_due(g):
    begins, order, *words = calendar(g)
    return Case(lambda *words: events.is_due(events.Due(g.conn, begins, 8, order, *words)), tuple(words), ())


def case_deliver_due(g):
    begins, order, *words = calendar(g)

    def function(fired, waiting, *rest):
        return events.deliver_due(events.Due(g.conn, begins, 8, order, fired, waiting), *rest)

    return Case(function, (*words, g.weight, g.values_post), (2, 3))


def case_add_on_due(g):
    begins, order, *words = calendar(g)

    def function(fired, waiting, *rest):
        *rest, past = rest
        return events.add_on_due(events.Due(g.conn, begins, 8, order, fired, waiting), *rest, None, past)

    return Case(function, (*words, g.weights, g.values_post, *g.bounds, g.line), (2, 3, 4, 5, 6))


def case_add_on_post_of_the_past(g):
    delay = jnp.minimum(g.delay, DEPTH - 1)

    def function(*a):
        return events.add_on_post(g.conn, g.index, *a, None, events.Ago(delay, jnp.int32(8)))

    return Case(function, (g.post, g.weights, g.line, *g.bounds), (1, 2, 3, 4))


def case_seen_ago(g):
    return Case(lambda values: events.seen_ago(g.conn, values, g.delay, 8), (g.line,), (0,))


def case_deliver_interpolated(g):
    def function(spikes, weight, delay, ring, into):
        return events.deliver_interpolated(g.conn, spikes, weight, delay, ring, 8, into)

    return Case(function, (g.pre, g.weight, g.steps, g.ring, g.values_post), g.smooth(0, 1, 2, 3, 4))


def case_deliver_transposed(g):
    return Case(lambda *a: events.deliver_transposed(g.conn, *a), (g.values_post, g.weight), (0, 1))


def case_weight_gradient(g):
    def function(*a):
        return events.weight_gradient(g.conn, *a, scalar=g.scalar)

    return Case(function, (g.pre, g.values_post), g.smooth(0, 1))


def case_multiply(g):
    """A spike that is not there is no factor of zero: no derivative passes there."""
    return Case(lambda *a: events.multiply(g.conn, *a), (g.pre, g.weight, g.values_post), (1, 2))


def case_overwrite(g):
    return Case(lambda *a: events.overwrite(g.conn, *a)[0], (g.pre, g.weight, g.values_post), (1, 2))


def case_spike_matmul(g):
    matrix = g.weight * jnp.ones((g.conn.n_pre, 3), g.dtype) if g.scalar else g.matrix
    return Case(lambda *a: events.spike_matmul(*a), (g.pre, matrix), g.smooth(0, 1))


def case_convolve(g):
    kernel = g.weight * jnp.ones((3, 1, 6), g.dtype) if g.scalar else g.matrix[:3, None]

    def function(spikes, kernel):
        return events.convolve(spikes.astype(g.dtype).reshape(1, -1, 1), kernel, (2,), ((1, 1),), (1,))

    return Case(function, (g.pre, kernel), g.smooth(0, 1))


def case_delay_line(g):
    return Case(lambda ring, spikes: events.delay_line(ring, spikes, 7), (g.line, g.values_pre), (0, 1))


def case_add_on_pre(g):
    arguments = (g.pre, g.weights, g.values_post, *g.bounds)
    return Case(lambda *a: events.add_on_pre(g.conn, *a), arguments, (1, 2, 3, 4))


def case_add_on_post(g):
    arguments = (g.post, g.weights, g.values_pre, *g.bounds)
    return Case(lambda *a: events.add_on_post(g.conn, g.index, *a), arguments, (1, 2, 3, 4))


def case_poisson_counts(g):
    mean = jnp.abs(g.values_pre)
    return Case(lambda k, s, m: events.poisson_counts(k, s, m, g.conn.n_pre), (g.key, jnp.int32(3), mean), (), True)


def case_poisson_input(g):
    mean = jnp.abs(g.values_post)
    weight = g.weight if g.scalar else g.values_post
    arguments = (g.key, jnp.int32(3), mean, weight, g.values_post)
    return Case(lambda *a: events.poisson_input(*a), arguments, (3, 4), True)  # a function of its own: jit caches by it


def case_bernoulli_spikes(g):
    p = jnp.abs(g.values_pre) / 4
    return Case(lambda k, s, p: events.bernoulli_spikes(k, s, p, g.conn.n_pre), (g.key, jnp.int32(3), p), (), True)


def case_append_events(g):
    buffers = jnp.zeros(9, jnp.int32), jnp.zeros(9, jnp.int32), jnp.int32(2)
    return Case(lambda *a: events.append_events(*a), (*buffers, g.pre, jnp.int32(3), jnp.int32(100)), ())


CASES = {name[5:]: function for name, function in dict(globals()).items() if name.startswith("case_")}
NOT_OPERATIONS = {
    "due",  # programs of several operations, which tests/events/test_reached.py holds against a loop
    "visit",
    "calendar_of",
    "nothing_under_way",
    "implementation",
    "kernels",
    "served_by",
    "transpose_index",
    "whole_and_rest",
}


def close(one, other, dtype=jnp.float64):
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=RTOL[dtype], atol=10 * RTOL[dtype])


def stacked(rng, x, size=3):
    """A batch of arguments like x; of NumPy, as JAX would compile each of these lines for each shape."""
    x = np.asarray(x)
    if x.dtype == bool:
        return rng.random((size, *x.shape)) < 0.3
    if np.issubdtype(x.dtype, np.floating):
        return x[None] * rng.uniform(0.5, 1.5, (size, *x.shape)).astype(x.dtype)
    return x[None] + np.arange(size, dtype=x.dtype).reshape(-1, *[1] * x.ndim)


def loop(function, axes, *arguments):
    arguments = [np.asarray(x) for x in arguments]
    size = next(x.shape[0] for x, axis in zip(arguments, axes, strict=True) if axis == 0)
    picked = [[x if axis is None else x[b] for x, axis in zip(arguments, axes, strict=True)] for b in range(size)]
    return jax.tree.map(lambda *xs: np.stack(xs), *(function(*p) for p in picked))


def test_every_exported_operation_has_a_case():
    functions = {n for n in events.__all__ if inspect.isfunction(getattr(events, n))}
    assert functions - NOT_OPERATIONS == set(CASES) - {"add_on_post_of_the_past"}


PER_FORMAT = {name for name in CASES if "deliver" in name or "weight" in name or "add_on" in name}
PER_FORMAT |= {"multiply", "overwrite", "is_due", "seen_ago"}


@pytest.fixture(params=sorted(CASES))
def operation(request):
    return CASES[request.param]


@pytest.fixture
def csr(build, rng):
    return build(events.CSR, rng)


PAIRS = [(n, f) for n in sorted(CASES) for f in FORMATS if n in PER_FORMAT or f is events.CSR]


@pytest.fixture(params=PAIRS, ids=str)
def pair(request, build, rng):
    """Each operation on each format, and once where the format does not matter."""
    name, kind = request.param
    return CASES[name], build(kind, rng)


def differentiated():
    """Rules of derivatives see weights of one axis and of two; what they are made of is tested on every format."""
    for name, kind in PAIRS:
        marks = [] if kind in (events.CSR, events.FixedFanOut) else [pytest.mark.slow]
        yield pytest.param("kernel", name, kind, marks=marks, id=f"kernel-{name}-{kind.__name__}")
        if kind is events.CSR:
            yield pytest.param("plain", name, kind, id=f"plain-{name}")


@pytest.mark.parametrize(("dtype", "spikes", "scalar"), [(jnp.float32, bool, False), (jnp.float64, float, True)])
def test_kernel_equals_plain(pair, rng, spikes, scalar, dtype, both):
    operation, conn = pair
    case = operation(Given(conn, rng, dtype, spikes, scalar))
    kernel, plain = both(lambda: jax.jit(lambda *arguments: case.function(*arguments))(*case.arguments))
    if case.distribution:
        assert [(x.shape, x.dtype) for x in jax.tree.leaves(kernel)] == [
            (x.shape, x.dtype) for x in jax.tree.leaves(plain)
        ]
    else:
        close(kernel, plain, dtype)


def smooth_part(case):
    """The operation as a curved function of what it is differentiable in."""

    def function(*smooth):
        arguments = list(case.arguments)
        for i, x in zip(case.smooth, smooth, strict=True):
            arguments[i] = x
        return jax.tree.map(lambda y: y * jnp.sin(y), case.function(*arguments))

    return function, [case.arguments[i] for i in case.smooth]


@pytest.mark.parametrize(("implementation", "name", "kind"), [*differentiated()], indirect=["implementation"])
def test_derivatives_are_exact(name, kind, build, rng, implementation):
    case = CASES[name](Given(build(kind, rng), rng, spikes=float))
    if case.smooth:
        function, at = smooth_part(case)
        check_grads(jax.jit(function), [np.asarray(x) for x in at], order=1, eps=1e-5)


@pytest.mark.parametrize(
    ("spikes", "scalar"), [(bool, False), (float, True), pytest.param(float, False, marks=pytest.mark.slow)]
)
def test_second_derivatives_are_exact(operation, csr, rng, spikes, scalar):
    """The derivative of the gradient along a line, by central differences of the gradient."""
    case = operation(Given(csr, rng, spikes=spikes, scalar=scalar))
    if not case.smooth:
        pytest.skip("nothing to differentiate")
    function, at = smooth_part(case)
    gradient = jax.grad(lambda xs: sum(y.sum() for y in jax.tree.leaves(function(*xs))))
    at = [np.asarray(x) for x in at]
    along = [rng.normal(size=x.shape) for x in at]

    @jax.jit
    def derivative(xs):
        return jax.jvp(gradient, (xs,), (along,))[1], gradient(xs)

    moved = [derivative([x + h * d for x, d in zip(at, along, strict=True)])[1] for h in (-1e-5, 1e-5)]
    for found, low, high in zip(derivative(at)[0], *moved, strict=True):
        np.testing.assert_allclose(found, (high - low) / 2e-5, rtol=1e-5, atol=1e-5)


def test_a_batch_equals_a_loop_over_each_argument(operation, csr, rng, implementation):
    case = operation(Given(csr, rng, spikes=float))
    n = len(case.arguments)
    function = jax.jit(case.function)
    alone = [{i} for i in range(n)] if implementation == "kernel" else [{0}]
    for batched in [*alone, set(range(n))]:
        axes = [0 if i in batched else None for i in range(n)]
        arguments = [stacked(rng, x) if i in batched else x for i, x in enumerate(case.arguments)]
        close(jax.jit(jax.vmap(case.function, axes))(*arguments), loop(function, axes, *arguments))


def test_two_levels_of_batch_equal_two_loops(operation, csr, rng):
    case = operation(Given(csr, rng))
    n = len(case.arguments)
    outer = [0 if i % 2 == 0 else None for i in range(n)]
    inner = [0 if i % 3 == 0 or i == n - 1 else None for i in range(n)]
    arguments = case.arguments
    for axes, size in ((inner, 2), (outer, 3)):
        arguments = [x if axis is None else stacked(rng, x, size) for x, axis in zip(arguments, axes, strict=True)]
    function = jax.jit(case.function)
    expected = loop(lambda *a: loop(function, inner, *a), outer, *arguments)
    close(jax.jit(jax.vmap(jax.vmap(case.function, inner), outer))(*arguments), expected)


def test_a_level_within_another_equals_one_around_it(operation, csr, rng):
    """The batch is the second axis of each argument, behind that of the other level."""
    case = operation(Given(csr, rng))
    n = len(case.arguments)
    outer, inner = stacked_twice(rng, case.arguments)
    for some in (range(n), [0, n - 1]):
        axes = [1 if i in some else None for i in range(n)]
        arguments = [outer[i] if i in some else inner[i] for i in range(n)]
        expected = loop(lambda *a: loop(jax.jit(case.function), [0] * n, *a), [0 if i in some else None for i in range(n)],
                        *(np.moveaxis(x, 1, 0) if i in some else x for i, x in enumerate(arguments)))  # fmt: skip
        close(jax.jit(jax.vmap(jax.vmap(case.function), axes))(*arguments), expected)


def stacked_twice(rng, arguments):
    """Arguments with levels of 3 and, within it, of 2; and with the one of 3 alone."""
    outer = [stacked(rng, x, 3) for x in arguments]
    return [np.moveaxis(stacked(rng, x, 2), 0, 1) for x in outer], outer


@pytest.mark.parametrize("scalar", [False, True], ids=["weights", "scalar"])
def test_gradients_of_batches_and_batches_of_gradients(operation, csr, rng, scalar):
    case = operation(Given(csr, rng, spikes=float, scalar=scalar))
    if not case.smooth:
        pytest.skip("nothing to differentiate")

    def loss(*arguments):
        return sum((y * y * y).sum() for y in jax.tree.leaves(case.function(*arguments)))

    n = len(case.arguments)
    gradient = jax.jit(jax.grad(loss, case.smooth))
    batched = {0, n - 1}
    axes = [0 if i in batched else None for i in range(n)]
    arguments = [stacked(rng, x) if i in batched else x for i, x in enumerate(case.arguments)]

    @jax.jit
    def both_ways(*arguments):
        total = jax.grad(lambda *a: jax.vmap(loss, axes)(*a).sum(), case.smooth)(*arguments)
        return jax.vmap(gradient, axes)(*arguments), total

    expected = loop(gradient, axes, *arguments)
    each, total = both_ways(*arguments)
    close(each, expected)
    close(total, [x if i in batched else x.sum(0) for i, x in zip(case.smooth, expected, strict=True)])


def test_derivatives_survive_scan_and_checkpoint(csr, rng, implementation):
    conn = csr
    g = Given(conn, rng, spikes=float)

    def step(carry, n, weight):
        into, ring, line = carry
        line, late = events.delay_line(line, jnp.tanh(line[0] + events.deliver_transposed(conn, into, weight)), n)
        into, ring = events.deliver_delayed(conn, late, weight, g.delay, ring, n, 0.9 * into)
        return events.deliver(conn, late, weight, into), ring, line

    start = g.values_post, g.ring, g.line

    def unrolled(weight):
        carry = start
        for n in range(7):
            carry = step(carry, jnp.int32(n), weight)
        return (carry[0] ** 2).sum()

    def scanned(weight):
        body = jax.checkpoint(lambda c, n: (step(c, n, weight), None))
        return (jax.lax.scan(body, start, jnp.arange(7, dtype=jnp.int32))[0][0] ** 2).sum()

    weight = g.weights * 0.1
    expected, found = jax.jit(jax.grad(unrolled))(weight), jax.jit(jax.grad(scanned))(weight)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * float(jnp.abs(expected).max()))


@pytest.mark.parametrize("kind", [events.CSR, events.FixedFanOut])
def test_batched_connectivity_is_served_one_after_the_other(kind, rng, implementation):
    indices = jnp.asarray(rng.integers(0, 6, (3, 12)), jnp.int32)
    spikes, into = jnp.asarray(rng.random(4) < 0.5), jnp.zeros(6)
    weight = jnp.asarray(rng.normal(size=12))

    def function(indices):
        if kind is events.CSR:
            return events.deliver(events.CSR(jnp.array([0, 3, 3, 8, 12]), indices, 6), spikes, weight, into)
        return events.deliver(events.FixedFanOut(indices.reshape(4, 3), 6), spikes, weight.reshape(4, 3), into)

    close(jax.vmap(function)(indices), loop(function, [0], indices))
