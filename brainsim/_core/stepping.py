"""Which objects take part in the step that is being traced: its copies of a network's parts, and no live ones."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from flax import nnx

from brainsim._core.clock import Clock
from brainsim._errors import OutsideStepError, a_or_an

INSTEAD = (
    "To follow another population, connect it with signal='V' (or another state) to a graded receptor, or write a"
    " Modulator, whose update is given the populations. A number that does not change is a Parameter of the class that"
    " uses it."
)


class _Now(threading.local):
    members: frozenset[int] | None = None
    clock: Clock | None = None  # of the moment at which a function looks at a network
    element: tuple[nnx.Module, str] | None = None  # of what some elements are looked at, and what to read in its place


_now = _Now()


@contextlib.contextmanager
def stepping(net: nnx.Module) -> Iterator[None]:
    """While a step of ``net`` is traced: arrays of what is not part of it are out of reach."""
    before, _now.members = _now.members, frozenset(_parts(net))
    try:
        yield
    finally:
        _now.members = before


def in_step() -> bool:
    """Whether a step, or a function within one, is being traced."""
    return _now.members is not None


@contextlib.contextmanager
def looking(clock: Clock) -> Iterator[None]:
    """While a function looks at a network at the moment of ``clock``, within a program."""
    before, _now.clock = _now.clock, clock
    try:
        yield
    finally:
        _now.clock = before


def moment() -> Clock | None:
    """The clock of the moment at which a function looks at a network; None outside of programs."""
    return _now.clock


@contextlib.contextmanager
def some_of(owner: nnx.Module, instead: str) -> Iterator[None]:
    """While a method looks at some elements of ``owner``: its arrays, which are of all of them, are out of reach.

    ``instead``: what the method reads in their place, for the message, with ``{name}`` in it.
    """
    before, _now.element = _now.element, (owner, instead)
    try:
        yield
    finally:
        _now.element = before


def _parts(node) -> Iterator[int]:
    yield id(node)
    for part in vars(node).values():
        if isinstance(part, nnx.Pytree) and not isinstance(part, nnx.Variable):
            yield from _parts(part)


def check_in_reach(owner, name: str) -> None:
    """Refuse that a step uses an array of an object that takes no part in it.

    Raises
    ------
    OutsideStepError
        The array would stay what it is now for the whole run, and for all runs after it; or is that of all elements where some
        are looked at.
    """
    if _now.element is not None and _now.element[0] is owner:
        raise OutsideStepError(f"{owner.path}.{name} has all elements. {_now.element[1].format(name=name)}")
    if _now.members is not None and id(owner) not in _now.members:
        raise OutsideStepError(
            f"{owner.path}.{name} was used inside a step by something that it was not given to, so that it would keep"
            f" its present value for the whole run. {INSTEAD}"
        )


def check_unshared(net, graphdef) -> None:
    """Refuse a network in which one component holds another one that stands elsewhere.

    Raises
    ------
    OutsideStepError
        Its arrays would have two paths, and the order of names would say when the other has been advanced.
    """
    again = {node.index for node in graphdef.nodes if type(node).__name__ == "NodeRef"}
    for node in graphdef.nodes if again else ():
        kind = getattr(node, "metadata", None)
        if node.index in again and isinstance(kind, type) and hasattr(kind, "_declared"):
            raise OutsideStepError(f"{_holder(net, kind)} stands elsewhere in the network. {INSTEAD}")


def _holder(net, kind) -> str:
    """Which component holds which other one, of a kind, under which name."""
    for part in _objects(net):
        for name, held in vars(part).items():
            if type(held) is kind and held.path != (f"{part.path}.{name}" if part is not net else name):
                return f"{part.path}.{name}: {held.path}, {a_or_an(kind.__name__)}, which"
    return f"{net!r}: {a_or_an(kind.__name__)} that a component holds"


def _objects(net):
    yield net
    for part in vars(net).values():
        if isinstance(part, nnx.Pytree) and hasattr(type(part), "_declared"):
            yield from _objects(part)
