"""What a run in steps of its own length leaves that no state of the network holds: spikes under way, and who is refractory."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim.network import Network
from brainsim.simulation.continuous.carried import Carry
from brainsim.simulation.continuous.clock import SAME
from brainsim.simulation.continuous.turn import Turns

FIRST = 1e-3  # ms, of a step to try first
NOTHING = {"sent": -jnp.inf, "size": 0.0, "h": FIRST}  # where nothing is under way


@dataclasses.dataclass(frozen=True)
class Between:
    """Where a run has ended.

    Parameters
    ----------
    arrays : dict of str to array
        ``"sent:E"``, when each unit fired last, (k, n); ``"free:E"``, until when each is refractory; ``"h"``, the next step to try;
        ``"last"``, when the last spike that is under way arrives. In ms.
    """

    arrays: Mapping[str, Any]

    @classmethod
    def of(cls, beside: Mapping[str, Any], now: Any, longest: Mapping[str, float]) -> Between:
        """That of a run that has left this and ended ``now``, in ms; ``longest``: the longest delay of what each sender sends, by
        path.
        """
        last = [jnp.max(beside[f"sent:{path}"], initial=-jnp.inf) + most for path, most in longest.items()]
        times = {"last": functools.reduce(jnp.maximum, last, jnp.asarray(-jnp.inf)), "now": jnp.asarray(now, float)}
        arrays = {**beside, **times}
        return cls({name: x if isinstance(x, Tracer) else np.asarray(x) for name, x in arrays.items()})

    def check_none_under_way(self) -> None:
        """Refuse to go on in steps while spikes are under way.

        Raises
        ------
        ValueError
        """
        if isinstance(self.arrays["last"], Tracer):
            raise ValueError(
                "simulate: an adaptive run inside a transformation may have left spikes under way, which arrive between steps; run"
                " on with adaptive=..., or net.reset()."
            )
        last, now = float(self.arrays["last"]), float(self.arrays["now"])
        if last > now + SAME:
            raise ValueError(
                f"simulate: an adaptive run has left spikes under way, which arrive between steps, the last at {last:.6g} ms;"
                " run on with adaptive=..., at least until then, or net.reset()."
            )


def begun(net: Network, step_ms: float, carry: Carry, beside: Mapping[str, Any]) -> Carry:
    """The carry of a beginning, with what a run before has left ``beside`` the states of the network."""
    sent, sizes = (
        _longer(rings, kind, beside, NOTHING[kind]) for kind, rings in (("sent", carry.sent), ("size", carry.sizes))
    )
    steps = refractory_until(net, carry, step_ms)
    free = {path: jnp.asarray(beside.get(f"free:{path}", steps[path])) for path in carry.free}
    due = {path: who & (free[path] <= carry.t + SAME) if path in free else who for path, who in carry.due.items()}
    return carry._replace(sent=sent, sizes=sizes, free=free, due=due, h=jnp.asarray(beside.get("h", carry.h)))


def beside_at(like: Mapping[str, Any], net: Network, step_ms: float, left: Mapping[str, Any]) -> dict[str, jax.Array]:
    """What a run begins with beside the states of the network, in arrays ``like`` these: what the last one ``left``, with nothing
    under way where it left nothing.
    """
    found = {}
    for name, array in like.items():
        kind, _, path = name.partition(":")
        if name in left:
            found[name] = (
                _longer({path: jnp.zeros(array.shape)}, kind, left, NOTHING[kind])[path] if path else left[name]
            )
        elif kind == "free":
            steps = net.populations[path].plain("refractory_steps")
            found[name] = jnp.where(steps > 0, (net.plain("steps") + steps) * step_ms, -jnp.inf)
        else:
            found[name] = jnp.full(array.shape, NOTHING[kind])
    return found


def _longer(rings: dict, name: str, beside: Mapping[str, Any], nothing: float) -> dict:
    """Rings with what they held before, in as many rows as there were or are now."""
    found = dict(rings)
    for path, ring in rings.items():
        before = beside.get(f"{name}:{path}")
        if before is not None and before.shape[1] == ring.shape[1]:
            more = max(0, len(ring) - len(before))
            found[path] = jnp.concatenate([jnp.asarray(before), jnp.full((more, ring.shape[1]), nothing)])
    return found


def left_by(carry: Carry) -> dict[str, jax.Array]:
    """What a run leaves beside the states of the network, by name: as :attr:`Between.arrays`."""
    found = {f"sent:{path}": x for path, x in carry.sent.items()}
    found |= {f"size:{path}": x for path, x in carry.sizes.items()}
    return found | {f"free:{path}": x for path, x in carry.free.items()} | {"h": carry.h}


def beside_of(net: Network) -> dict[str, Any]:
    """What the last run has left beside the states of the network: nothing at the beginning."""
    between = net._aside.moment.between
    if between is None:
        return {}
    return {name: x for name, x in between.arrays.items() if name not in ("last", "now")}


def refractory_until(net: Network, carry: Carry, step_ms: float) -> dict:
    """Until when neurons are refractory that fired in steps, by path."""
    free = dict(carry.free)
    for path, until in free.items():
        left = net.populations[path].plain("refractory_steps")
        free[path] = jnp.where(left > 0, carry.t + left * step_ms, until)
    return free


def states_after(net: Network, turns: Turns, carry: Carry, step_ms: Any) -> dict:
    """States of the network by path at the end of a run."""
    found = turns.circuit.variables(carry.y)
    with turns.circuit.links.placed(found):
        found |= turns.circuit.links.arrived()
    found |= {f"{path}.{name}": x for path, own in carry.others.items() for name, x in own.items()}
    for path, release in turns.releases.items():
        found |= release.at(carry.terminals[path], carry.t)
    for path, until in carry.free.items():
        left = jnp.maximum(until - carry.t, 0.0)
        found[f"{path}.refractory_steps"] = jnp.ceil(left / step_ms - 1e-9).astype(jnp.int32)
    for path in carry.armed:
        held = vars(net.senders[path])
        found[f"{path}.spikes"] = jnp.zeros_like(net.senders[path].plain("spikes"))
        if "held_for" in held:
            left = carry.free[path] - carry.t if path in carry.free else jnp.zeros(net.senders[path].count)
            found[f"{path}.held_for"] = jnp.maximum(left, 0.0)
    return found
