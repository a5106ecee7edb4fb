"""Currents and reductions at times between steps: computed of the whole state there."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Structure, write_back
from brainsim.simulation import derived
from brainsim.simulation.continuous.around import Around, Courses
from brainsim.simulation.continuous.clock import SAME, Instant
from brainsim.simulation.continuous.links import Links
from brainsim.simulation.plan import Request
from brainsim.simulation.programs import Programs

STATE = "state: "  # before the path of a variable that is kept for what is computed


@dataclasses.dataclass(frozen=True)
class ComputedPlan:
    """What is computed: one request."""

    request: Request


def compute(
    plan: ComputedPlan, structure: Structure, platform, parameters, fixed, state, times, variables, around: Around
):
    """What is asked for at times, (k,), where the variables have been those, (k, ...) by path: a program."""
    request = plan.request
    asked: Any = request.derived

    def at(t, values):
        def one(net):
            with Courses(net, around).at(Instant(t, t - SAME / 2)):  # of the interval that ends there
                write_back(net, Links(net, {}).arrived())
                found, _ = derived.number_of(request.label, asked.compute(net, Instant(t, t + SAME / 2)))
            write_back(net, state)
            return found

        return structure.part(one, parameters, fixed, state | values, {})[0]

    return jax.vmap(at)(times, variables)


PROGRAMS = Programs(compute)


def values_at(
    request: Request, structure: Structure, arrays: tuple, times: np.ndarray, variables: dict, around: Around
) -> np.ndarray:
    """The same, in rooms of a power of two, so that other numbers of samples are the same program."""
    k = len(times)
    room = 1 << max(k - 1, 0).bit_length()
    longer = lambda x: jnp.asarray(np.concatenate([x, np.repeat(x[-1:], room - k, axis=0)]))  # noqa: E731
    padded = {path: longer(np.asarray(x)) for path, x in variables.items()}
    return np.asarray(PROGRAMS(ComputedPlan(request), structure, *arrays, longer(times), padded, around))[:k]
