"""``--devices`` and ``--distributed``: what a network is divided among."""

from __future__ import annotations

from typing import Any

from brainsim.cli import UsageError


def mesh_of(options) -> Any:
    """The mesh that is asked for, None where none is; joins the other processes if there are any.

    Raises
    ------
    UsageError
        For what is no number of devices, or no place among processes.
    """
    named = f"brainsim {options.command}"
    number = None if options.devices is None else _count(named, "--devices", options.devices)
    if number is None and options.distributed is None:
        return None
    import jax

    processes = 1 if options.distributed is None else _join(named, options.distributed, number)
    if number is not None:
        _show_as(number // processes)
    there = jax.devices()
    if number is not None and number > len(there):
        raise UsageError(f"{named}: --devices: expected at most {len(there)} devices, given {number}.")
    return there if number is None else there[:number]


def is_first() -> bool:
    """Whether this process is the only one, or the first of several: the one that prints and writes."""
    import jax

    return jax.process_index() == 0


def _show_as(number: int) -> None:
    """Let a CPU stand for so many devices; other devices are as many as there are."""
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", number)
    except RuntimeError:  # JAX runs already: there are as many as there are
        return


def _join(named: str, given: str, number: int | None) -> int:
    """Join the other processes; how many there are, as far as it was said."""
    import jax

    if not given:
        if number is not None:
            raise UsageError(
                f"{named}: --devices: with --distributed alone the network is divided among all devices of all processes;"
                " leave out --devices, or give --distributed HOST:PORT,PROCESSES,NUMBER."
            )
        jax.distributed.initialize()
        return 1
    parts = given.split(",")
    if len(parts) != 3 or ":" not in parts[0]:
        raise UsageError(
            f"{named}: --distributed: expected HOST:PORT,PROCESSES,NUMBER, such as localhost:9000,2,0, given {given!r}."
        )
    count, which = (_count(named, "--distributed", part, least) for part, least in ((parts[1], 1), (parts[2], 0)))
    if which >= count:
        raise UsageError(f"{named}: --distributed: processes are numbered from 0 to {count - 1}, given {which}.")
    if number is not None and number % count:
        raise UsageError(f"{named}: --devices: {number} devices are not as many in each of {count} processes.")
    jax.distributed.initialize(parts[0], count, which)
    return count


def _count(named: str, flag: str, text: str, least: int = 1) -> int:
    if not text.isdigit() or int(text) < least:
        raise UsageError(f"{named}: {flag}: expected a whole number from {least} on, given {text!r}.")
    return int(text)
