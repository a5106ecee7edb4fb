"""What rounding takes from slow states is kept beside them and goes into the next step.

A step changes a slow variable by less than half of its last digit in float32, and the change is lost: the variable
stands still. Of a state whose rate per step is below :func:`slowest`, the part that has no room is therefore a further
state, ``<name>_rounding``: the two are one number of twice the digits. Faster states have none. Which states are slow
is decided before a run, from the length of the step and the values of the parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core.declared import StateVariable
from brainsim._core.exact import two_sum
from brainsim._units import float_dtype

if TYPE_CHECKING:
    from brainsim._core.closed import Closed

SUFFIX = "_rounding"
VARIED = 6  # parameters of a sweep whose combinations are looked at


def slowest() -> float:
    """Rate of a state, per step, below which it is slow: 2**-10 in float32. Rounding is then off by at most 2**-14 of
    the state where nothing is kept.
    """
    return float(jnp.finfo(float_dtype()).eps) * 2.0**13


def compensated(y: jax.Array, change: jax.Array) -> tuple[jax.Array, jax.Array]:
    """y + change, and what rounding took from it. The derivative is that of the sum."""
    _, rest = two_sum(jax.lax.stop_gradient(y), jax.lax.stop_gradient(change))
    return y + change, rest


def keep_roundings(
    net: Closed, step_ms: float, varied: dict | None = None, among: Collection[str] | None = None
) -> bool:
    """Give the slow states of a network their rounding, and take it from the others; whether anything changed.

    Parameters
    ----------
    net : Network
    step_ms : float
        Length of a step.
    varied : dict of str to array, (k, ...), optional
        Values, by path, that parameters take in a sweep.
    among : collection of str, optional
        Names of the parts of the network that have changed since this was last done; all by default.
    """
    varied = dict(list((varied or {}).items())[:VARIED])
    extremes = [[(path, value) for value in _extremes(values)] for path, values in varied.items()]
    cases = [{}, *(dict(case) for case in itertools.product(*extremes) if case)]
    parts = [*(parts_of(net, "") if among is None else _parts_among(net, among))]
    slow, changed = _slow_among(parts, step_ms, cases), False
    for path, part in parts:
        for name in [*part._declared]:
            held, wanted = name + SUFFIX in vars(part), f"{path}.{name}" in slow
            if wanted and not held:
                part.hold(name + SUFFIX, StateVariable(jnp.zeros_like(part.plain(name))))
            elif held and not wanted:
                part.let_go(name + SUFFIX)
            changed |= held != wanted
    return changed


def slow_in(net, step_ms: float, cases: list[dict]) -> set[str]:
    """Paths of the states of a network that are slow with the values of any case, by path, in place of its own."""
    return _slow_among(parts_of(net, ""), step_ms, cases)


def _slow_among(parts: Iterable[tuple[str, Any]], step_ms: float, cases: list[dict]) -> set[str]:
    slow = set()
    for path, part in parts:
        for case in cases:  # a population names variables of its parts too: "Ca.concentration"
            slow |= {f"{path}.{name}" for name in part.slow_states(step_ms, getter(part, path, case))}
    return slow


class Accumulating:
    """States that take what is added to them in full."""

    if TYPE_CHECKING:  # what :class:`Dynamics` has

        def plain(self, name: str) -> jax.Array: ...
        def put(self, name: str, array: jax.Array) -> None: ...

    def accumulate(self, name: str, change: jax.Array) -> jax.Array:
        """Add ``change`` to state ``name`` and return the sum; nothing is lost where the state is slow."""
        rest = vars(self).get(name + SUFFIX)
        if rest is None:
            total = self.plain(name) + change
        else:
            total, kept = compensated(self.plain(name), rest.get_value() + change)
            rest.set_value(kept)
        self.put(name, total)
        return total

    def relax(self, name: str, steps: jax.Array, target: jax.Array | float = 0.0) -> jax.Array:
        """Let state ``name`` approach ``target`` exponentially for ``steps`` time constants, and return it."""
        y = self.plain(name)
        if name + SUFFIX in vars(self):
            return self.accumulate(name, (y - target) * jnp.expm1(-steps))
        decay = jnp.exp(-steps)
        self.put(name, y * decay if isinstance(target, float) and target == 0 else target + (y - target) * decay)
        return self.plain(name)

    def slow_states(self, step_ms: float, get) -> frozenset[str]:
        """Names of the states that change too slowly to be kept in one float, at steps of ``step_ms`` and with the
        parameters that ``get(name)`` gives.
        """
        return slow_by_declaration(self, step_ms, get)


def slow_by_declaration(part, step_ms: float, get) -> frozenset[str]:
    """The states that are declared with a time constant, ``State(..., tau="tau_rec")``, and slow at this step."""
    names = set()
    for name, declared in part._declared.items():
        tau = declared.tau
        if tau is None or name not in vars(part):
            continue
        named = (tau,) if isinstance(tau, str) else tau
        times = [tau(get)] if callable(tau) else [get(each) for each in named if each in vars(part)]
        if any(isinstance(ms, Tracer) for ms in times):
            slow = name + SUFFIX in vars(part)  # as it was decided before
        else:
            slow = any(step_ms < slowest() * np.max(np.asarray(ms), initial=0.0) for ms in times)
        names |= {name} if slow else set()
    return frozenset(names)


def getter(part: Any, path: str, values: dict) -> Callable[[str], Any]:
    """``get(name)``: the value of a variable of ``part``, which stands at ``path``, or what ``values`` have in its place."""

    def get(name):
        array = values.get(f"{path}.{name}")
        if array is None:
            owner, (*within, own) = part, name.split(".")
            for child in within:
                owner = vars(owner)[child]
            array = owner.plain(own)
        return array if isinstance(array, Tracer) else np.asarray(array)

    return get


def _extremes(values):
    if isinstance(values, Tracer):
        return [values[0]]
    values = np.asarray(values)
    return [values.min(axis=0), values.max(axis=0)]


def _parts_among(net: Closed, among: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Those of a network whose paths begin with one of some names."""
    for name, part in vars(net).items():
        if name.partition(".")[0] in among and hasattr(part, "_declared"):
            yield from parts_of(part, name)


def parts_of(part: Closed, path: str) -> Iterator[tuple[str, Any]]:
    """``part`` and all that it is made of, with their paths."""
    yield path, part
    for name, child in vars(part).items():
        if hasattr(child, "_declared"):
            yield from parts_of(child, f"{path}.{name}" if path else name)
