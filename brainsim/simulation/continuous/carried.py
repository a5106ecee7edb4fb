"""What a turn of the loop over time takes and gives."""

from __future__ import annotations

from typing import NamedTuple

import jax

from brainsim.integrators import rodas


class Carry(NamedTuple):
    """Where the network is in time.

    ``free``: until when each neuron is refractory; ``armed``: who has been below threshold since it fired; ``due``: who was
    lifted above at once; ``sent``: when each fired last, (k, n), and ``sizes``: what that multiplies weights by, where it is not
    1; ``terminals``: states by path; ``given``: how many of the spikes of a source are past; ``done``:
    up to when what arrives has arrived; ``h``: the next step to try; ``land``: or, when ``landing``, that up to where someone fires;
    ``lost``: whether a spike under way had no room; ``stuck``: whether the last step was too short, or a spike followed itself.
    """

    t: jax.Array
    y: dict
    others: dict
    free: dict
    armed: dict
    due: dict
    sent: dict
    sizes: dict
    terminals: dict
    given: dict
    done: jax.Array
    h: jax.Array
    land: jax.Array
    landing: jax.Array
    lost: jax.Array
    stuck: jax.Array


class Plan(NamedTuple):
    """What was decided of a turn, which has no derivative: its length, where it ends, whether someone fires there, whether it has no
    length.
    """

    h: jax.Array
    end: jax.Array
    landing: jax.Array
    instant: jax.Array


class Attempt(NamedTuple):
    """A step that was tried: the network with what to try next, the plan of the turn, the step, and whether it is taken."""

    carry: Carry
    plan: Plan
    step: rodas.Step
    taken: jax.Array
