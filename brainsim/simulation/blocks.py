"""The loop of a run where a look at its condition is dear: on a GPU the host waits for it.

The condition is looked at once in a block of steps, of which a few stand behind each other in the program. What does not fill a
block is done step by step.
"""

from __future__ import annotations

from collections.abc import Callable

import jax

WITH_KERNELS = ("cuda", "gpu")  # names of a platform where deliveries are made together; devices say "gpu"
BLOCKS = (100, 10)  # steps of a block: the larger one where its events fit
EVENTS = 1 << 24  # spikes that all neurons of all runs may fire in a block
UNROLLED = (10, 5, 2, 1)  # steps that stand behind each other
EQUATIONS = 2000  # of these together, at most: each is compiled


def steps_in_block(platform: str, neurons: int, runs: int = 1) -> int:
    """Steps after which a run looks whether it goes on, for so many recorded neurons of each run."""
    if platform == "cpu":
        return 1
    return next((n for n in BLOCKS if n * neurons * runs <= EVENTS), BLOCKS[-1])


def default_platform() -> str:
    """Where arrays are put that nobody places."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    return getattr(device, "platform", device) or jax.default_backend()


def while_loop(unfinished: Callable, has_room: Callable, steps: int, body: Callable, start, of: Callable = lambda x: x):
    """``jax.lax.while_loop`` with the same results, in blocks of ``steps``.

    Parameters
    ----------
    unfinished, body, start
        As of ``jax.lax.while_loop``.
    has_room : callable
        Whether a whole block can be done from here, whatever happens in it.
    steps : int
        Steps of a block: one is none.
    of : callable
        A condition of what is carried here, from one of what ``unfinished`` and ``has_room`` are written for.
    """
    unfinished, has_room = of(unfinished), of(has_room)
    if steps > 1:
        unroll = _unrolled(body, start, steps)

        def block(carry):
            return jax.lax.scan(lambda carry, _: (body(carry), None), carry, length=steps, unroll=unroll)[0]

        start = jax.lax.while_loop(has_room, block, start)
    return jax.lax.while_loop(unfinished, body, start)


def _unrolled(body, start, steps: int) -> int:
    equations = len(jax.make_jaxpr(body)(start).eqns)
    return next(n for n in UNROLLED if n == 1 or (n * equations <= EQUATIONS and steps % n == 0))


def cut(events, most: int, capacity: int):
    """Index and step of up to ``most`` events, without much of what is behind: a power of two, as each length is a program."""
    length = min(capacity, 1 << max(most - 1, 1023).bit_length())
    return tuple(array[..., :length] for array in events)
