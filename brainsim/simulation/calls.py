"""How equations that belong together are called: as one, so that XLA leaves them together, or as they are."""

from __future__ import annotations

from collections.abc import Callable

import jax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import jaxpr_as_fun

from brainsim._threads import how_many
from brainsim.simulation import one_loop
from brainsim.simulation.uniform import is_uniform

# Longer arrays may be worth several threads: XLA shares each pass over them. A call with shorter ones may be compiled as
# one function of several loops (its attribute for small calls): calls inside of it cost a third of COBA-HH. A few threads (two were
# measured) cost more than they bring at any length: passes are not made one, and where a length is not a multiple of the number of threads XLA
# computes one element after the other (200,001 LIF cells take four times as long as 200,000).
ONE_THREAD, FEW_THREADS = 1 << 17, 4


def as_it_is(function: Callable, results: int) -> Callable:
    """The function, for XLA to do with as it likes."""
    return function


def as_one(function: Callable, results: int, ours: bool) -> Callable:
    """A function that XLA leaves as a call of its own; it has several results.

    One with a single result whose loop threads would share (from 512 KB on, in jaxlib 0.10 to 0.12) is not compiled as a small
    call: "Incorrect number of arguments passed to called function". One with an argument that XLA finds to be of no use, as where a
    result is a number for all elements, ends the process (jaxlib 0.10): "All or none of the slices should have an explicit index".
    No check foresees all that XLA finds, so equations of others than the package are not compiled as one, nor made one loop, which in
    an ordinary call ends the process too.
    """
    if results < 2:
        return function

    def called(*arguments):
        closed = jax.make_jaxpr(function)(*arguments)
        largest = max(v.aval.size for v in (*closed.jaxpr.invars, *closed.jaxpr.outvars))
        alone = largest <= ONE_THREAD or how_many() <= FEW_THREADS
        small = ours and alone and not any(is_uniform(closed))
        one = small and one_loop.is_one(closed)
        marks = {"inlineable": "false"} | ({"xla_cpu_small_call": "true"} if small else {})

        def inside(*arguments):
            with set_xla_metadata(**dict.fromkeys(marks)):
                return jaxpr_as_fun(closed)(*arguments)

        def in_one_loop(*arguments):
            with set_xla_metadata(**dict.fromkeys(marks)):
                return one_loop.flat(closed, arguments)

        with set_xla_metadata(**marks):
            return jax.jit(in_one_loop if one else inside)(*arguments)

    return called
