"""What a run in steps of its own length leaves that no state of the network holds: spikes under way, and who is refractory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainsim.network import Network
from brainsim.simulation.continuous.clock import SAME
from brainsim.simulation.continuous.turn import Carry


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
    def of(cls, carry: Carry, longest: Mapping[str, float]) -> Between:
        """That of a run; ``longest``: the longest delay of what each sender sends, by path."""
        last = [np.max(np.asarray(ring), initial=-np.inf) + longest[path] for path, ring in carry.sent.items()]
        arrays = {f"sent:{path}": np.asarray(x) for path, x in carry.sent.items()}
        arrays |= {f"free:{path}": np.asarray(x) for path, x in carry.free.items()}
        times = {"h": carry.h, "last": max(last, default=-np.inf), "now": carry.t}
        return cls(arrays | {name: np.asarray(x, float) for name, x in times.items()})

    def check_none_under_way(self) -> None:
        """Refuse to go on in steps while spikes are under way.

        Raises
        ------
        ValueError
        """
        last, now = float(self.arrays["last"]), float(self.arrays["now"])
        if last > now + SAME:
            raise ValueError(
                f"simulate: an adaptive run has left spikes under way, which arrive between steps, the last at {last:.6g} ms;"
                " run on with adaptive=..., at least until then, or net.reset()."
            )

    def resumed(self, carry: Carry) -> Carry:
        """The carry of a beginning, with what this run has left."""
        sent = dict(carry.sent)
        for path, ring in sent.items():
            before = self.arrays.get(f"sent:{path}")
            if before is not None and before.shape[1] == ring.shape[1]:
                more = max(0, len(ring) - len(before))
                sent[path] = jnp.asarray(np.concatenate([before, np.full((more, ring.shape[1]), -np.inf)]))
        free = {path: jnp.asarray(self.arrays.get(f"free:{path}", until)) for path, until in carry.free.items()}
        return carry._replace(sent=sent, free=free, h=jnp.asarray(float(self.arrays["h"])))


def refractory_until(net: Network, carry: Carry, step_ms: float) -> dict:
    """Until when neurons are refractory that fired in steps, by path."""
    free = dict(carry.free)
    for path, until in free.items():
        left = net.populations[path].plain("refractory_steps")
        free[path] = jnp.where(left > 0, carry.t + left * step_ms, until)
    return free


def states_after(net: Network, carry: Carry, step_ms: float) -> dict:
    """States of neurons beside their variables, by path, at the end of a run."""
    found = {f"{path}.{name}": x for path, own in carry.others.items() for name, x in own.items()}
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
