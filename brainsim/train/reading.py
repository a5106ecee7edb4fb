"""What of a run is its output."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from brainsim import encoding
from brainsim._errors import suggestion


@dataclasses.dataclass(frozen=True)
class Read:
    """The output of a run: what is recorded of the network, and what is made of its course.

    Parameters
    ----------
    path : str
        What is recorded: ``"output.V"``, ``"output.spikes"``.
    decode : callable or str
        ``decode(course, mask)`` makes the output from ``(n_steps, n)``; a name of :mod:`brainsim.encoding`: ``"mean"``,
        ``"count"``, ``"maximum"``, ``"last"``, ``"first_spike"``, ``"first_time"``, ``"rate"``, ``"sequence"``.

    Raises
    ------
    ValueError
        For a name that there is not.
    """

    path: str
    decode: Callable[..., jax.Array] | str = "mean"

    DECODERS = ("mean", "count", "maximum", "last", "first_spike", "first_time", "rate", "sequence")

    def __post_init__(self):
        if not callable(self.decode) and self.decode not in self.DECODERS:
            raise ValueError(f"Read: there is no decoder {self.decode!r}.{suggestion(str(self.decode), self.DECODERS)}")

    @property
    def paths(self) -> tuple[str, ...]:
        """What has to be recorded."""
        return (self.path,)

    def __call__(self, recorded: dict, mask: jax.Array | None = None) -> jax.Array:
        """The output of one example, from what was recorded of it."""
        decode = self.decode if callable(self.decode) else getattr(encoding, self.decode)
        return decode(recorded[self.path], mask)


@dataclasses.dataclass(frozen=True)
class Reads:
    """Several outputs of a run: a dictionary, as losses and measures get it.

    Parameters
    ----------
    parts : dict of str to Read
    """

    parts: Mapping[str, Read]

    @property
    def paths(self) -> tuple[str, ...]:
        """What has to be recorded."""
        return tuple(dict.fromkeys(part.path for part in self.parts.values()))

    def __call__(self, recorded: dict, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        """The outputs of one example, from what was recorded of it."""
        return {name: part(recorded, mask) for name, part in self.parts.items()}


def count_of_times(times: jax.Array, mask: Any, steps: tuple[float, int]) -> jax.Array:
    """How many spikes each unit fires, of their times in ms, (most_spikes, n), infinite beyond the last; without a derivative."""
    n_steps = steps[1] if mask is None else jnp.sum(mask)
    return jnp.sum(times <= n_steps * steps[0], axis=0).astype(times.dtype)


def first_of_times(times: jax.Array, mask: Any, steps: tuple[float, int]) -> jax.Array:
    """The time of the first spike of each unit, with its derivative, in steps as :func:`brainsim.encoding.first_time` gives it."""
    n_steps = steps[1] if mask is None else jnp.sum(mask)
    first = jnp.min(times, axis=0)
    fires = first <= n_steps * steps[0]
    return jnp.where(fires, jnp.where(fires, first, 0.0) / steps[0], n_steps)


OF_TIMES = {"count": count_of_times, "first_time": first_of_times}


def of_times(read: Read | Reads, steps: tuple[float, int]) -> Read | Reads:
    """The same for runs in steps of their own length, whose spikes are times; ``steps``: the interval in ms and number of samples.

    Raises
    ------
    ValueError
        For decoders of spikes in steps.
    """
    if isinstance(read, Reads):
        return Reads({name: of_times(part, steps) for name, part in read.parts.items()})  # type: ignore[misc]
    if not read.path.endswith(".spikes") or callable(read.decode):
        return read
    if read.decode not in OF_TIMES:
        raise ValueError(
            f"read: {read.path} is times of spikes in an adaptive run, of which {read.decode!r} makes nothing; accepted:"
            f" {', '.join(map(repr, OF_TIMES))}, or a function of the times in ms, (most_spikes, n), and the mask."
        )
    return Read(read.path, functools.partial(OF_TIMES[read.decode], steps=steps))


def as_read(given: Any, net: Any) -> Read | Reads:
    """What was given as ``read``: a path, a path and a decoder, a Read, or a dictionary of them; None for what the network
    says of itself.

    Raises
    ------
    TypeError
        For something else.
    """
    given = getattr(net, "read", None) if given is None else given
    if given is None:
        raise TypeError(
            "read: this network does not say what its output is; give a path, read='readout.V', or a path and a decoder,"
            " read=('out.spikes', 'count')."
        )
    if isinstance(given, Read | Reads):
        return given
    if isinstance(given, Mapping):
        if not given:
            raise TypeError("read: the dictionary names no output.")
        return Reads({name: as_read(part, net) for name, part in given.items()})  # type: ignore[misc]
    if isinstance(given, str):
        return Read(given, "count" if given.endswith(".spikes") else "mean")
    if isinstance(given, tuple) and len(given) == 2:
        return Read(*given)
    raise TypeError(f"read: expected a path, (path, decoder) or a Read, given {given!r}.")
