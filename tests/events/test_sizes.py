"""A handler that is given other sizes than it is told refuses, and writes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events
from brainsim.events import _library
from brainsim.events._shared import (
    Append,
    Axis,
    Calendar,
    Connectivity,
    Contract,
    Convolution,
    Delivery,
    DueNow,
    Layout,
    Line,
    OnDue,
    OnPost,
    OnPre,
    Procedural,
    Put,
    Recorded,
    Recurrence,
    Ring,
    Role,
    Rows,
    Rule,
    Step,
    Take,
    Together,
    Tree,
)

pytestmark = pytest.mark.skipif(not all(events.kernels().values()), reason="the kernels are not compiled")

N, M, K, DEPTH = 4, 5, 3, 6
SYNAPSES = N * K


def real(*shape):
    return np.ones(shape, np.float32)


def ints(*shape):
    return np.zeros(shape, np.int32)


CSR = [np.arange(N + 1, dtype=np.int32) * K, ints(SYNAPSES)]
LAYOUT = Connectivity(Layout.CSR, N, M)
FIXED = Connectivity(Layout.FIXED_FAN_OUT, N, M, K)
RULE = Procedural(Rule.FIXED_PROBABILITY, 2, N, M, 0, N, 0, M, 1, N, 0, 0, Role.POST)
CHAIN = np.array([[3, 0, 1, 2], [-1, 0, 1, 2], [3, 0, 1, 2], [0, 0, 1, 2], [0, 0, 0, 1]], np.int32)
BEGINS = K * np.arange(N, dtype=np.int32)[:, None] + np.array([0, K, K], np.int32)  # all arrive after a step
KEY, STEP = np.zeros(2, np.uint32), np.uint32(1)
FIRED = np.ones(N, bool)

# Name: shared arrays, operands, numbers, and which operand each result is like (or a result of its own).
CALLS = {
    "contract": (CSR, [FIRED, real(SYNAPSES), real(M)], [*LAYOUT, *Contract(Role.POST, 0)], [2]),
    "contract towards pre": ([ints(N, K)], [real(N, K), real(M), real(N)], [*FIXED, *Contract(Role.PRE, 0)], [2]),
    "contract towards weight": (CSR, [real(N), real(M), real(SYNAPSES)], [*LAYOUT, *Contract(Role.WEIGHT, 0)], [2]),
    "contract in a ring": (
        [*CSR, ints(SYNAPSES), ints()],
        [FIRED, real(SYNAPSES), real(DEPTH, M)],
        [*LAYOUT, *Contract(Role.POST, DEPTH)],
        [2],
    ),
    "rows": ([], [np.eye(8, N) == 1, real(N, M), real(8, M)], Rows(Role.POST, 8, N, M, 64, 0), [2, np.bool_(False)]),
    "rows alone": (
        [],
        [np.eye(8, N) == 1, real(N, M)],
        Rows(Role.POST, 8, N, M, 64, 1),
        [real(8, M), np.bool_(False)],
    ),
    "rows towards weight": (
        [],
        [np.eye(8, N, dtype=np.float32), real(8, M), real(N, M)],
        Rows(Role.WEIGHT, 8, N, M, 64, 0),
        [2, np.bool_(False)],
    ),
    "convolution": (
        [],
        [real(2, N, 3), real(3, 3, M), real(2, N, M)],
        [*Convolution(Role.POST, 2, 3, M, 1, 64, 0, 1), *Axis(N, N, 3, 1, 1, 1)],
        [2],
    ),
    "convolution towards weight": (
        [],
        [real(2, N, 4), real(2, N, M)],
        [*Convolution(Role.WEIGHT, 2, 4, M, 1, 64, 1, 1), *Axis(N, N, 3, 1, 1, 1)],
        [real(3, 4, M)],
    ),
    "convolution towards pre": (
        [],
        [real(3, 4, M), real(2, N, M)],
        [*Convolution(Role.PRE, 2, 4, M, 1, 64, 1, 1), *Axis(N, N, 3, 1, 1, 1)],
        [real(2, N, 4)],
    ),
    "procedural": ([KEY, np.ones(4, np.uint32), np.ones(4, np.uint32)], [FIRED, real(), real(M)], RULE, [2]),
    "deliver_delayed": (
        [*CSR, ints(SYNAPSES), ints()],
        [FIRED, real(SYNAPSES), real(DEPTH, M), real(M)],
        [*LAYOUT, *Ring(DEPTH)],
        [3, 2],
    ),
    "delay_line": ([ints()], [real(DEPTH, N), real(N)], Line(DEPTH, N), [0, 1]),
    "add_on_pre": (
        CSR,
        [FIRED, real(SYNAPSES), real(M), real(), real(), real(), real(), real()],
        [*LAYOUT, *OnPre(1)],
        [1],
    ),
    "add_on_post": (
        [np.linspace(0, SYNAPSES, M + 1).astype(np.int32), ints(SYNAPSES), np.arange(SYNAPSES, dtype=np.int32)],
        [np.ones(M, bool), real(SYNAPSES), real(N), real(), real()],
        OnPost(N, M, SYNAPSES, 0, 0),
        [1],
    ),
    "add_on_post of the past": (
        [
            np.linspace(0, SYNAPSES, M + 1).astype(np.int32),
            ints(SYNAPSES),
            np.arange(SYNAPSES, dtype=np.int32),
            np.ones(SYNAPSES, np.uint8),
            ints(),
        ],
        [np.ones(M, bool), real(SYNAPSES), real(DEPTH, N), real(), real()],
        OnPost(N, M, SYNAPSES, 0, DEPTH),
        [1],
    ),
    "poisson_counts": ([], [KEY, STEP, real(N)], [], [ints(N)]),
    "poisson_input": ([], [KEY, STEP, real(N), real(N), real(N)], [], [4]),
    "poisson_inputs": ([], [KEY, STEP, real(N), real(), real(N), KEY, STEP, real(), real(M), real(M)], [2], [4, 9]),
    "bernoulli_spikes": ([], [KEY, STEP, real(N)], [], [FIRED]),
    "append_events": ([], [ints(9), ints(9), ints(), ints(), ints(), FIRED], Append(1), [0, 1, 2]),
    "deliver_sorted": (
        [*CSR, BEGINS, ints()],
        [FIRED, real(SYNAPSES), np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32), real(M)],
        [*LAYOUT, *Calendar(2, 1)],
        [4, 2, 3],
    ),
    "sorted_gradient": (
        [*CSR, BEGINS, ints()],
        [real(M), np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32), real(SYNAPSES)],
        [*LAYOUT, *Calendar(2, 1)],
        [3],
    ),
    "pass_on": (
        [ints(N, K), BEGINS, ints()],
        [FIRED, np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32)],
        [*FIXED, *Calendar(2, 1)],
        [1, 2],
    ),
    "take_spiking": (
        CSR,
        [FIRED, ints(2), real(SYNAPSES), real(M)],
        [*LAYOUT, *Take(7, 1, 1, 0)],
        [ints(7), ints(7), np.ones(7, bool), ints(), ints(2), real(7), real(7)],
    ),
    "take_due": (
        [*CSR, BEGINS, ints(), ints(SYNAPSES)],
        [np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32), ints(2), real(SYNAPSES), real(M)],
        [*LAYOUT, *Calendar(2, 1), *Take(7, 1, 1, 1)],
        [ints(7), ints(7), np.ones(7, bool), ints(), ints(2), real(7), real(7)],
    ),
    "is_due": (
        [*CSR, BEGINS, ints(), ints(SYNAPSES)],
        [np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32)],
        [*LAYOUT, *Calendar(2, 1), *DueNow(1)],
        [np.ones(SYNAPSES, bool)],
    ),
    "deliver_due": (
        [*CSR, BEGINS, ints()],
        [np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32), real(SYNAPSES), real(M)],
        [*LAYOUT, *Calendar(2, 1), *DueNow(0)],
        [3],
    ),
    "add_on_due": (
        [*CSR, BEGINS, ints(), ints(SYNAPSES)],
        [np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32), real(SYNAPSES), real(M), *[real()] * 5, real(DEPTH, N)],
        [*LAYOUT, *Calendar(2, 1), *OnDue(1, DEPTH, 1)],
        [2],
    ),
    "put_reached": (
        [],
        [ints(7), ints(7), ints(), real(7), real(M), real(SYNAPSES), real(7)],
        Put(7, M, SYNAPSES, 1),
        [4, 5],
    ),
    "deliver_together": (
        CSR,
        [FIRED, real(SYNAPSES), real(M), ints(9), ints(9), ints(), ints(), ints()],
        [*Together(1, 1, 1), *LAYOUT, *Calendar(0, 0), *Delivery(0, 0, 0), *Recorded(0)],
        [2, 3, 4, 5],
    ),
    # sums of eight steps are made ahead
    "deliver_together ahead": (
        [*CSR, BEGINS, ints()],
        [FIRED, real(SYNAPSES), real(M), np.zeros((N, 1), np.uint32), np.zeros(1, np.uint32), real(8, M), ints()],
        [*Together(1, 1, 1, 1), *LAYOUT, *Calendar(2, 1), *Delivery(0, 0, 0, ahead=0)],
        [2, 3, 4, 5, 6],
    ),
    # two steps of carry <- carry + x, with a constant that nothing reads
    "recurrence": (
        [],
        [real(N), real(2, N), real(1)],
        [*Recurrence(2, N, 0, 1, 0, 1), N, N, 1, 1, *(4, 1, 0, 1), 3, 3, 0, *(Step.ADD, 3, 0, 1, 0)],
        [0, real(2, N)],
    ),
    # copies of two arrays, and one that is left as memory is
    "fresh": ([], [real(N), ints(M)], [2, real(N).nbytes, 4 * M, 4 * N * M], [real(N), ints(M), ints(N, M)]),
    "finite": ([], [real(N), real(M)], [N, M], [np.zeros(2, bool)]),
    "join": ([], [real(N), real()], [N, M], [real(N + M)]),
    "split": ([], [real(N + M)], [N, M], [real(N), real(M)]),
    # a chain of four nodes, of which three are compartments
    "tree": (
        [CHAIN, np.arange(N, dtype=np.int32)[:, None], ints(N)],
        [real(N), real(N - 1), real(N - 1), real(N - 1)],
        Tree(N, N - 1, 1, 1, N - 1, N - 1, 1, N),
        [real(N - 1)],
    ),
}


def call(name, shared, operands, numbers, results, header=None):
    """A handler, called as an operation calls it, but with whatever is given."""
    header = [0, len(shared), *([0] * len(operands))] if header is None else header
    numbers = np.array([*header, *numbers], np.int64)
    results = [operands[r] if isinstance(r, int) else r for r in results]
    shapes = [jax.ShapeDtypeStruct(np.shape(r), np.asarray(r).dtype) for r in results]
    function = jax.ffi.ffi_call(_library.target(name.split()[0]), shapes)
    return jax.block_until_ready(function(*map(jnp.asarray, [*shared, *operands]), numbers=numbers))


def refused(*arguments, **options):
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT: brainsim\.\w+: "):
        call(*arguments, **options)


WRONG = {
    "shorter": lambda array: np.zeros((*array.shape, 0), array.dtype),
    "longer": lambda array: np.zeros(array.size + 7, array.dtype),
    "of another type": lambda array: array.astype(np.complex64),
}


def test_every_handler_has_a_call():
    assert {name.split()[0] for name in CALLS} == set(_library.HANDLERS)


@pytest.mark.parametrize("name", CALLS)
def test_more_or_fewer_arrays_are_refused(name):
    shared, operands, numbers, results = CALLS[name]
    call(name, shared, operands, numbers, results)
    like = [operands[r] if isinstance(r, int) else r for r in results]
    fewer = operands[: -2 if name == "deliver_together" else -1]  # without its last population a call is whole
    refused(name, shared, fewer, numbers, like, header=[0, len(shared), *([0] * len(fewer))])
    refused(name, shared, operands, numbers, [*like, real(2)])
    if len(like) > 1:
        refused(name, shared, operands, numbers, like[:-1])


@pytest.mark.parametrize("how", ["shorter", pytest.param("longer", marks=pytest.mark.slow), "of another type"])
@pytest.mark.parametrize("name", CALLS)
def test_other_sizes_and_types_are_refused(name, how):
    shared, operands, numbers, results = CALLS[name]
    like = [operands[r] if isinstance(r, int) else r for r in results]
    for k, array in enumerate(shared):
        other = WRONG[how](np.asarray(array))
        if not (len(shared) == 2 and k == 1 and other.dtype == np.int32):  # weights, too, say how many synapses
            refused(name, [*shared[:k], other, *shared[k + 1 :]], operands, numbers, like)
    for k, array in enumerate(operands):
        other = WRONG[how](np.asarray(array))
        # of two buffers one says how long they are, and any number of neurons may be recorded
        buffer = name in ("append_events", "deliver_together") and np.shape(array) == (9,)
        free = buffer or (name == "append_events" and array is FIRED)
        if not free or other.dtype == np.complex64:
            refused(name, shared, [*operands[:k], other, *operands[k + 1 :]], numbers, like)
    for k, array in enumerate(like if how != "shorter" else ()):  # a call that gives nothing XLA leaves out
        other = WRONG[how](np.asarray(array))
        own = name in ("poisson_counts", "bernoulli_spikes")  # the size of the result is that of the draws
        if not own or other.dtype == np.complex64:
            refused(name, shared, operands, numbers, [*like[:k], other, *like[k + 1 :]])


@pytest.mark.parametrize("name", CALLS)
def test_numbers_that_do_not_fit_are_refused(name):
    shared, operands, numbers, results = CALLS[name]
    like = [operands[r] if isinstance(r, int) else r for r in results]
    if len(numbers):
        refused(name, shared, operands, numbers[:-1], like)
    n = len(operands)
    # a level that no buffer has; an extent below zero; a mask of a level that is not there; more shared than given
    for header in (
        [1, 3, len(shared), *([1] * n)],
        [1, -1, len(shared), *([0] * n)],
        [0, len(shared), *([2] * n)],
        [0, 99, *([0] * n)],
        [-1, len(shared)],
    ):
        refused(name, shared, operands, numbers, like, header=header)


def test_numbers_out_of_range_are_refused():
    shared, operands, _, results = CALLS["contract"]
    for layout in (Connectivity(9, N, M), Connectivity(Layout.ONE_TO_ONE, N, M), Connectivity(Layout.CSR, N + 1, M)):
        refused("contract", shared, operands, [*layout, *Contract(Role.POST, 0)], results)
    refused("contract", shared, operands, [*LAYOUT, *Contract(3, 0)], results)
    shared, operands, numbers, results = CALLS["procedural"]
    for change in (dict(pre_end=N + 1), dict(post_end=M + 1), dict(post_begin=-1), dict(parameter=40), dict(rule=7)):
        refused("procedural", shared, operands, numbers._replace(**change), results)
    for ends, bounds in ((2 * N - 1, 3), (2 * N, 4)):
        shared = KEY, np.ones(ends, np.uint32), np.ones(bounds, np.uint32)
        refused("procedural", shared, operands, numbers._replace(rule=Rule.OUT_DEGREES), results)
    shared, operands, numbers, results = CALLS["rows"]
    for change in (dict(towards=Role.PRE), dict(rows=7), dict(n_in=-N, rows=-8), dict(n_out=M + 1)):
        refused("rows", shared, operands, numbers._replace(**change), results)
    shared, operands, numbers, results = CALLS["convolution"]
    told, axis = Convolution(*numbers[: -len(Axis._fields)]), Axis(*numbers[-len(Axis._fields) :])
    for change in (dict(towards=3), dict(images=3), dict(channels=0), dict(groups=2), dict(axes=2), dict(alone=1)):
        refused("convolution", shared, operands, [*told._replace(**change), *axis], results)
    for change in (dict(into=N + 1), dict(out=N + 1), dict(window=2), dict(stride=0), dict(dilation=-1)):
        refused("convolution", shared, operands, [*told, *axis._replace(**change)], results)
    for name, piece in (("take_spiking", [0, 1, 1, 0]), ("take_spiking", [7, -1, 3, 0]), ("take_due", [-1, 1, 1, 1])):
        shared, operands, numbers, results = CALLS[name]
        refused(name, shared, operands, [*numbers[:-4], *piece], results)
    shared, operands, numbers, results = CALLS["put_reached"]
    for change in (dict(room=0), dict(room=8), dict(n_post=M + 1), dict(n_synapses=9), dict(arrays=0), dict(arrays=-1)):
        refused("put_reached", shared, operands, numbers._replace(**change), results)
    shared, operands, _, results = CALLS["deliver_together"]
    for delivery in (Delivery(1, 0, 0), Delivery(-1, 0, 0), Delivery(0, 1, 0), Delivery(0, 0, 1), Delivery(0, -1, 0)):
        refused(
            "deliver_together",
            shared,
            operands,
            [*Together(1, 1, 1), *LAYOUT, *Calendar(0, 0), *delivery, *Recorded(0)],
            results,
        )
    for delivery, recorded in ((Delivery(0, 0, 0), Recorded(4)), (Delivery(0, 0, 0, ahead=0), Recorded(0))):
        numbers = [*Together(1, 1, 1), *LAYOUT, *Calendar(0, 0), *delivery, *recorded]
        refused("deliver_together", shared, operands, numbers, results)
    shared, operands, _, results = CALLS["deliver_together ahead"]
    for depth, ahead in ((2, 1), (2, -1), (25, 0)):  # no such slots, slots of no delivery, no room for a block of steps
        begins = np.repeat(BEGINS[:, -1:], depth + 1, axis=1)
        numbers = [*Together(1, 1, 1, 1), *LAYOUT, *Calendar(depth, 1), *Delivery(0, 0, 0, ahead=ahead)]
        refused("deliver_together", [*shared[:2], begins, shared[3]], operands, numbers, results)
