"""``brainsim sweep``: a model over a grid of values and seeds."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from typing import Any

from brainsim.cli import UsageError
from brainsim.cli.asked import asked, pairs_of, told, value_of

SHOWN = 40  # runs that are printed, of as many as there are


def sweep(options) -> int:
    """Run a model for every combination of values and seeds, and print the rates."""
    return told(options, _sweep)


def _sweep(options) -> int:
    given: dict[str, Any] = {}
    with asked(options, functools.partial(_check, options, given)) as wanted:
        import brainsim as bs

        with _pool(options.workers) as pool:
            runs = bs.sweep(
                wanted.net,
                given["values"],
                **wanted.options,
                seeds=given["seeds"],
                vary="wiring" if options.wiring else None,
                out=options.out,
                executor=pool,
                batch_size=given["batch_size"],
            )
    _report(runs)
    if options.out:
        print(f"\nresults     {options.out}; bs.Sweep.open({options.out!r}) reads them")
    return 0


def _check(options, given) -> None:
    """Read what is the sweep's own into ``given``."""
    named = "brainsim sweep"
    given["values"] = {path: _grid(path, text) for path, text in pairs_of(named, options.vary, "--vary")}
    given["seeds"] = None if options.seeds is None else _seeds(options.seeds)
    for flag in ("batch_size", "workers"):
        text = getattr(options, flag)
        number = None if text is None else value_of(named, flag, text)
        if text is not None and (type(number) is not int or number < 1):
            raise UsageError(f"{named}: --{flag.replace('_', '-')}: expected a positive integer, given {text!r}.")
        given[flag] = number
    options.workers = given["workers"]
    if not given["values"] and given["seeds"] is None:
        raise UsageError(f"{named}: nothing to vary; give --vary E.tau=10ms:30ms:5, or --seeds 8.")
    if options.wiring and given["seeds"] is None:
        raise UsageError(f"{named}: --wiring draws the network anew for each seed; give --seeds 8.")
    if options.out and not options.out.endswith(".zarr"):
        raise UsageError(
            f"{named}: --out: a store is a folder whose name ends in .zarr, such as results.zarr, given {options.out!r}."
        )


def _grid(path: str, text: str) -> Any:
    """``10ms:30ms:5``, five values from 10 to 30 ms, or a list, ``[10, 20] ms``."""
    import brainunit as u

    named = f"--vary {path}"
    if text.lstrip().startswith("["):
        return value_of("brainsim sweep", named, text)
    parts = re.split(r"\s*:\s*", text)
    if len(parts) != 3 or not parts[2].isdigit() or int(parts[2]) < 1:
        raise UsageError(
            f"brainsim sweep: {named}: expected FIRST:LAST:NUMBER, such as 10ms:30ms:5, or a list, such as '[10, 20] ms',"
            f" given {text!r}."
        )
    first, last = (value_of("brainsim sweep", named, part) for part in parts[:2])
    try:
        return u.math.linspace(first, last, int(parts[2]))
    except (u.UnitMismatchError, TypeError, ValueError):
        raise UsageError(
            f"brainsim sweep: {named}: {parts[0]} and {parts[1]} are no two numbers of one kind."
        ) from None


def _seeds(text: str) -> list[int]:
    """``8``, the seeds 0 to 7, or a list of them, ``3,5,9``."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts) or parts == ["0"]:
        raise UsageError(
            f"brainsim sweep: --seeds: expected how many, such as 8, or which, such as 3,5,9, given {text!r}."
        )
    return list(range(int(parts[0]))) if len(parts) == 1 else [int(part) for part in parts]


def _pool(workers: int | None):
    if workers is None:
        return nullcontext()
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _report(runs) -> None:
    import brainunit as u
    import numpy as np

    print(f"runs        {len(runs)}")
    for number, point in enumerate(itertools.islice(np.ndindex(runs.shape), SHOWN)):
        where = ", ".join(f"{name} {_short(values[k])}" for (name, values), k in zip(runs.axes.items(), point))
        rates = (f"{name} {float(train.rate().to_decimal(u.Hz)):.2f} Hz" for name, train in runs[point].spikes.items())
        print(f"{number:<11} {where}: {', '.join(rates) or 'no spikes recorded'}")
    if len(runs) > SHOWN:
        print(f"            and {len(runs) - SHOWN} more")


def _short(value) -> str:
    import brainunit as u
    import numpy as np

    number, unit = u.get_mantissa(value), u.get_unit(value)
    shown = f"{float(number):.6g}" if np.ndim(number) == 0 else f"<{np.shape(number)[0]} values>"
    return shown if unit == u.UNITLESS else f"{shown} {unit}"
