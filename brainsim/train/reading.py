"""What of a run is its output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

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
