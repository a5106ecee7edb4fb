"""Batches of a sweep in other processes, or on other machines, by an executor."""

from __future__ import annotations

import functools
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, ProcessPoolExecutor, wait
from typing import Any

import jax

from brainsim.network import Network
from brainsim.simulation.batches import Batches
from brainsim.simulation.progress import Progress

ATTEMPTS = 3  # at a batch whose workers die
IN_FLIGHT = 256  # batches that an executor holds at a time
POLL = 0.2  # seconds between looks at executors that cannot be waited for
LOST = ("KilledWorker", "CommClosedError", "FutureCancelledError", "UncompletedJobError")  # by the libraries' names


def run_elsewhere(
    executor: Any,
    batches: Batches,
    arguments: tuple,
    numbers: Iterable[int],
    bar: Progress,
    finished: Callable[[int, list], None],
) -> None:
    """Run batches by an executor.

    Parameters
    ----------
    executor : concurrent.futures.Executor, or what has its ``submit``
    batches : Batches
        The same batches here.
    arguments : tuple
        What they are made from: the network and the rest of the arguments of :class:`Batches`.
    numbers : iterable of int
        Which of them.
    bar : Progress
    finished : callable
        Told the number of each batch and its results, as they come.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        For what is no executor, a pool of forked processes, what cannot be sent, and a batch whose workers died
        several times; what a run raises.
    """
    _check(executor)
    sent = _packed(arguments, batches.size)
    waiting, lost, futures = list(numbers)[::-1], Counter(), {}
    try:
        while waiting or futures:
            while waiting and len(futures) < IN_FLIGHT:
                number = waiting.pop()
                futures[_submitted(executor, sent, number, lost, len(batches))] = number
            for future in _ready(futures):
                number = futures.pop(future)
                error = _error_of(future)
                if error is None:
                    finished(number, future.result())
                    bar.advance(batches.work(number))
                elif not _is_lost(error):
                    raise error
                else:
                    lost[number] += 1
                    if lost[number] == ATTEMPTS:
                        raise RuntimeError(
                            f"sweep: batch {number} was lost {ATTEMPTS} times with its worker ({type(error).__name__}:"
                            f" {error}). What has finished is in `out`, if that was given; the same call goes on from there."
                        ) from error
                    waiting.append(number)
    finally:
        for future in futures:
            future.cancel()


def _check(executor) -> None:
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(
            "sweep: executor must be a concurrent.futures.Executor, such as client.get_executor() of Dask or"
            f" mpi4py.futures.MPIPoolExecutor(), given {executor!r}."
        )
    context = getattr(executor, "_mp_context", None) if isinstance(executor, ProcessPoolExecutor) else None
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            "sweep: JAX does not survive in forked processes; make the pool with ProcessPoolExecutor(...,"
            " mp_context=multiprocessing.get_context('spawn'))."
        )


def _packed(arguments: tuple, size: int) -> bytes:
    try:
        from cloudpickle import dumps  # which also sends functions and classes of scripts and notebooks
    except ImportError:
        from pickle import dumps
    try:
        return dumps((arguments, size, jax.config.jax_enable_x64))  # type: ignore[attr-defined]
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"sweep: the network cannot be sent to another process ({error}). Install cloudpickle for classes and functions"
            " of a notebook or script."
        ) from error


def _submitted(executor, sent: bytes, number: int, lost: Counter, n: int) -> Future:
    try:
        return executor.submit(_batch, sent, number)
    except (BrokenExecutor, RuntimeError) as error:
        raise RuntimeError(
            f"sweep: the executor takes no more ({error}), with batch {number} of {n} to be run"
            f"{' again' if lost[number] else ''}. What has finished is in `out`, if that was given; the same call, with"
            " another executor, goes on from there."
        ) from error


def _ready(futures: dict) -> list:
    """Those that are done, after waiting for at least one."""
    while not (ready := [future for future in futures if future.done()]):
        standard = [future for future in futures if isinstance(future, Future)]
        if standard:
            wait(standard, timeout=POLL if len(standard) < len(futures) else None, return_when=FIRST_COMPLETED)
        else:
            time.sleep(POLL)
    return ready


def _error_of(future) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, BrokenExecutor | CancelledError) or type(error).__name__ in LOST


def _batch(sent: bytes, number: int) -> list:
    """The results of one batch, in whatever process this runs."""
    batches, wide = _unpacked(sent)
    with jax.enable_x64(wide):
        return batches.run(number, Progress(False, batches.work(number)))


@functools.lru_cache(maxsize=1)  # a worker takes many batches of one sweep, and compiles once
def _unpacked(sent: bytes) -> tuple[Batches, bool]:
    (net, values, seeds, asked, options), size, wide = pickle.loads(sent)
    if not isinstance(net, Network):
        raise TypeError(f"sweep: expected a Network, received {type(net).__name__}.")
    with jax.enable_x64(wide):
        return Batches(net, values, seeds, asked, batch_size=size, **options), wide
