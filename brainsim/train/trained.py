"""Which parameters of a network learn, and within which bounds."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Dynamics, Slot, write_back
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import with_unit
from brainsim.network import Network
from brainsim.simulation.door import slots_of
from brainsim.train.transforms import Clipped, Free, NotNegative, Positive, Transform


class Trained:
    """The parameters that learn: free numbers, and the parameters that are made of them.

    Parameters
    ----------
    net : Network
    parameters : dict of str to array
        All of the network, by path.
    learn : sequence of str
        Paths, or patterns such as ``"hidden*.tau"``, of what learns beside the weights of projections, delays that were made to
        be learned (:class:`brainsim.delays.Gaussian`) and the parameters of layers.
    freeze : sequence of str
        Paths or patterns of what does not.
    transforms : dict of str to Transform
        Bounds by path or pattern; of several patterns that match the first counts. What is declared as positive, or
        not negative, is kept so.

    Raises
    ------
    UnknownNameError
        For a pattern that matches no parameter.
    ValueError
        Where nothing would learn, or a parameter is out of its bounds.
    """

    def __init__(
        self,
        net: Network,
        parameters: dict[str, jax.Array],
        *,
        learn: str | Sequence[str] = (),
        freeze: str | Sequence[str] = (),
        transforms: Mapping[str, Transform] | None = None,
    ):
        floats = {path: array for path, array in parameters.items() if jnp.issubdtype(array.dtype, jnp.floating)}
        chosen = {path for path in floats if is_weight(net, path, floats[path])}
        chosen |= matching(learn, floats, "learn")
        chosen -= matching(freeze, floats, "freeze")
        if not chosen:
            raise ValueError("fit: nothing learns here; name what does, learn=['hidden*.tau'].")
        transforms = dict(transforms or {})
        for pattern in transforms:
            still = fnmatch.filter(sorted(floats.keys() - chosen), pattern)
            if still and not fnmatch.filter(chosen, pattern):
                raise UnknownNameError(f"transforms: {still[0]} does not learn; learn={pattern!r} makes it.")
            matching(pattern, sorted(chosen), "transforms")
        if coarse := sorted(path for path in chosen if floats[path].dtype == np.float16):
            raise ValueError(
                f"fit: {coarse[0]} is kept in 16 bits, in which the steps of learning are lost; connect without precision=."
            )
        slots = slots_of(net, {path: floats[path] for path in sorted(chosen)})
        self.net, self.paths = net, tuple(sorted(chosen))
        self.transforms, self.fixed, self.first = {}, {}, {}
        for path, slot in slots.items():
            transform = _transform_of(path, slot, transforms) or _bounds_of(net, path, slot, floats[path])
            self.transforms[path] = transform
            self.fixed[path] = transform.fixed(floats[path], slot.unit, path)
            self.first[path] = transform.free(floats[path], self.fixed[path])

    def values(self, free: dict[str, Any], fixed: dict[str, Any]) -> dict[str, jax.Array]:
        """The parameters made of free numbers: a pure function."""
        return {path: self.transforms[path].value(free[path], fixed[path]) for path in self.paths}

    def kept(self, free: dict[str, Any], fixed: dict[str, Any]) -> dict[str, Any]:
        """Free numbers as they go on after an update: a pure function."""
        return {path: self.transforms[path].kept(free[path], fixed[path]) for path in self.paths}

    def write(self, parameters: dict[str, jax.Array]) -> None:
        """Put parameters, plain arrays by path, into the network."""
        for path, array in parameters.items():
            owner, _, name = path.rpartition(".")
            part = self.net[owner]
            if isinstance(part, Dynamics):
                part.assign(name, with_unit(array, part.unit_of(name) or u.UNITLESS))
            else:
                write_back(self.net, {path: array})


def is_weight(net: Network, path: str, array: jax.Array) -> bool:
    """Whether a parameter learns without being named: weights of synapses, delays that were made to be learned, what a layer
    trains, and what a population says that it learns.
    """
    owner, _, name = path.partition(".")
    if owner in net.populations:
        return name in getattr(net.populations[owner], "learned", ())
    if owner not in net.projections:
        return False
    if path == f"{owner}.delay" and net.projections[owner].axon.learned:
        return True
    return ".layer." in path or (path == f"{owner}.weight" and array.ndim > 0 and array.dtype != np.float16)


def matching(patterns: str | Sequence[str], paths: Iterable[str], what: str) -> set[str]:
    """The paths that patterns match.

    Raises
    ------
    UnknownNameError
        For a pattern that matches none.
    """
    found: set[str] = set()
    paths = list(paths)
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        hits = set(fnmatch.filter(paths, pattern))
        if not hits:
            raise UnknownNameError(f"{what}: no parameter is called {pattern!r}.{suggestion(pattern, paths)}")
        found |= hits
    return found


def _transform_of(path: str, slot: Slot, transforms: dict) -> Transform | None:
    for pattern, transform in transforms.items():
        if fnmatch.fnmatchcase(path, pattern):
            if not isinstance(transform, Transform):
                raise TypeError(
                    f"transforms[{pattern!r}]: expected a Transform such as Positive(), given {transform!r}."
                )
            return transform
    return None


def _bounds_of(net: Network, path: str, slot: Slot, array: jax.Array) -> Transform:
    """What keeps a parameter where it is allowed to be."""
    if slot.at_most is not None:
        unit, low = slot.unit or u.UNITLESS, 0.0 if slot.nonnegative else -jnp.inf
        if slot.positive:  # a delay: a step at least
            step_ms = net.projections[path.rpartition(".")[0]]._aside.prepared_for or 0.0
            low = min(step_ms or slot.at_most, float(jnp.min(array)))
        return Clipped(low * unit, slot.at_most * unit)
    return Positive() if slot.positive else NotNegative() if slot.nonnegative else Free()
