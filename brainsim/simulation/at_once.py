"""All steps of one population at once: what a loop over the steps gives, solved for by Newton's method.

In a loop each step waits for the one before. Here every iteration takes all steps side by side, and the logarithm of their
number in a scan of linear maps. That pays on accelerators; a CPU is faster with the loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from brainsim._core import Clock, step_length
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike
from brainsim.integrators.recurrence import linear_recurrence
from brainsim.network import Network
from brainsim.simulation import door

ROUNDINGS = 8.0  # of the largest number of a course: what changes by no more has not changed


class Solution(NamedTuple):
    """What a loop over steps gives, and what it took.

    Parameters
    ----------
    after : dict of str to array
        State after the last step.
    results : tree of arrays, (n_steps, ...)
        What each step gave beside it.
    iterations : int array, ()
        The last of them found that nothing changes.
    """

    after: dict
    results: Any
    iterations: jax.Array


def at_once(net: Network, population: str, duration: QuantityLike, *, dt: QuantityLike = 0.1 * u.ms) -> Callable:
    """All steps of one population at once, as a pure function of parameters and of what arrives: for ``jax.grad`` and
    ``jax.vmap``, on accelerators.

    ``run = at_once(net, "hidden1", ...)`` gives ``solution = run(parameters, arrived)``, whose ``results`` are the courses
    of its states by path. It begins as ``net`` does; nothing is sent on. Membranes without a reset, resonators and state
    spaces are linear and take two iterations; what resets is iterated until no spike changes.

    Parameters
    ----------
    net : Network
    population : str
        Name of the population. What it remembers are single numbers of each unit, such as potentials and what
        receptors hold; a state space of several modes is not.
    duration, dt : quantity, time
        As in :func:`brainsim.simulate`.

    Returns
    -------
    callable
        ``run(parameters, arrived)``: ``parameters`` by path, those left out as in the network; ``arrived`` is what
        projections add to the ports of its receptors at the end of each step, plain, by path:
        ``{"hidden1.input.jump": (n_steps, n)}``. Gives a :class:`Solution`.

    Raises
    ------
    UnknownNameError
        For a population that there is not.
    ValueError
        For a population whose state is not single numbers of units; see :func:`solve`.
    """
    entry = door.enter(net, duration, dt=dt).prepared()
    if population not in net.populations:
        raise UnknownNameError(
            f"at_once: there is no population {population!r}.{suggestion(population, net.populations)}"
        )
    start = {path: array for path, array in entry.state.items() if path.startswith(f"{population}.")}
    steps = entry.state["steps"] + jnp.arange(entry.n_steps, dtype=jnp.int32)

    def run(parameters: dict, arrived: dict) -> Solution:
        for path in arrived:
            if path not in start:
                raise UnknownNameError(f"arrived: {path!r} is no port of {population}.{suggestion(path, start)}")

        def step(own, now, silent=False):
            number, entering = now
            clock = Clock(number, step_length(entry.step_ms), entry.fixed["key"])
            given = entry.parameters | parameters, entry.fixed, entry.state | own, clock
            after = entry.structure.advance(population, *given, silent=silent)
            after = {path: after[path].astype(own[path].dtype) for path in own}
            after |= {path: after[path] + values for path, values in entering.items()}
            return after, after

        return solve(step, start, (steps, arrived), silent=functools.partial(step, silent=True))

    return run


def solve(step: Callable, start: dict, times: Any, *, silent: Callable | None = None, remat: bool = True) -> Solution:
    r"""``jax.lax.scan(step, start, times)``, all steps at once.

    .. math:: x_{t+1} = f_t(x_t),\qquad
              x^{k+1}_{t+1} = f_t(x^k_t) + J_t\,(x^{k+1}_t - x^k_t),\qquad J_t = \partial f_t / \partial x\,(x^k_t)

    In each iteration :math:`f_t` and :math:`J_t` are evaluated side by side; what is left is a linear recurrence. Each
    iteration makes at least one more step right, so that at most one more is needed than there are steps. A membrane
    without a reset is linear and needs one, and one to see it; with a reset, those whose spikes move others need more.
    The result is that of the loop to rounding, and the spikes are the same unless a potential is within rounding of
    its threshold.

    Derivatives are those of the solution (implicit function theorem), surrogates included: one more recurrence.

    Parameters
    ----------
    step : callable
        ``step(x, now) -> (x_next, results)`` with dictionaries of arrays x. Floats are one number per unit that depends on
        those of its own unit only.
    start : dict of str to array
    times : tree of arrays, (n_steps, ...)
    silent : callable, optional
        ``step`` with spikes that have no derivative: its Jacobian is that of the values.
    remat : bool
        Compute steps again on the way back.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        For floats that are remembered and are not one number per unit.

    References
    ----------
    Y. H. Lim, Q. Zhu, J. Selfridge, M. F. Kasim, ICLR (2024); S. Shen et al., AAAI 39 (2025), SpikingSSM, where a
    network that was trained for it guesses what this finds.
    """
    system = _System.of(step, start, times)
    course, count = _found(system, silent or step, *jax.lax.stop_gradient((start, times)))
    course = jax.lax.stop_gradient(course)
    over_time = jax.vmap(step)
    over_time = jax.checkpoint(over_time) if remat else over_time
    course |= system.forgetful(course, over_time(course, times)[0], start)
    if system.leaves:
        fixed = jax.lax.stop_gradient((course, times))
        blocks = jax.lax.stop_gradient(system.jacobian(step, *fixed))
        course |= system.corrected(course, over_time(course, times)[0], blocks, start)
    after, results = over_time(course, times)
    return Solution({path: array[-1] for path, array in after.items()}, results, count)


def _found(system: _System, step: Callable, start: dict, times: Any) -> tuple[dict, jax.Array]:
    """The state at the beginning of each step, and the number of iterations."""
    n_steps = len(jax.tree.leaves(times)[0])

    def iterate(carry):
        course, _, count = carry
        reached = jax.vmap(step)(course, times)[0]
        new = {path: _behind(start[path], reached[path]) for path in system.remembered if path not in system.leaves}
        if system.leaves:
            new |= system.corrected(course, reached, system.jacobian(step, course, times), start)
        new = course | new
        return new, _differ({path: (course[path], new[path]) for path in system.remembered}), count + 1

    course = {path: jnp.broadcast_to(x, (n_steps, *x.shape)) for path, x in start.items()}
    if not system.remembered:
        return course, jnp.zeros((), jnp.int32)
    course |= system.forgetful(course, jax.vmap(step)(course, times)[0], start)
    more = lambda carry: carry[1] & (carry[2] <= n_steps)
    course, _, count = jax.lax.while_loop(more, iterate, (course, jnp.ones((), bool), jnp.zeros((), jnp.int32)))
    return course, count


class _System(NamedTuple):
    """Which numbers of a state a step reads.

    ``remembered``: all that it reads; ``leaves``: the floats among them that depend on such floats in turn; ``new``: those
    that are made anew in each step, such as what has arrived.
    """

    remembered: tuple[str, ...]
    leaves: tuple[str, ...]
    new: tuple[str, ...]

    @classmethod
    def of(cls, step, start, times) -> _System:
        now = jax.tree.map(lambda x: x[0], times)
        jaxpr, shapes = jax.make_jaxpr(step, return_shape=True)(start, now)
        paths = sorted(start)
        reads = functools.partial(_reads, jaxpr.jaxpr, paths)
        remembered = reads(range(len(jaxpr.jaxpr.outvars)))
        floats = {path for path in remembered if jnp.issubdtype(start[path].dtype, jnp.floating)}
        after = {path: k for k, path in enumerate(sorted(shapes[0]))}  # dictionaries are flattened in order
        leaves = sorted(path for path in floats if reads([after[path]]) & floats)
        new = sorted(path for path in floats if not reads([after[path]]))
        if len({start[path].shape for path in leaves}) > 1:
            found = ", ".join(f"{path} {start[path].shape}" for path in leaves)
            raise ValueError(f"at once: {found} are not one number per unit.")
        return cls(tuple(sorted(remembered)), tuple(leaves), tuple(new))

    def forgetful(self, course, reached, start) -> dict:
        """What is made anew in each step, at the beginning of each."""
        return {path: _behind(start[path], reached[path]) for path in self.new}

    def jacobian(self, step, course, times) -> jax.Array:
        """Derivatives of each leaf with respect to each, (n_steps, ..., k, k)."""

        def along(one):
            f = lambda h: [jax.vmap(step)(course | dict(zip(self.leaves, h)), times)[0][path] for path in self.leaves]
            h = [course[path] for path in self.leaves]
            return jnp.stack(jax.jvp(f, (h,), ([jnp.full_like(x, e) for x, e in zip(h, one)],))[1], -1)

        return jnp.moveaxis(jax.vmap(along)(jnp.eye(len(self.leaves))), 0, -1)

    def corrected(self, course, reached, blocks, start) -> dict:
        """The leaves at the beginning of each step, by Newton's method."""
        stacked = lambda values: jnp.stack([values[path] for path in self.leaves], -1)
        before = stacked(course)
        wrong = _behind(stacked(start), stacked(reached)) - before  # of the first step, what its beginning differs
        if len(self.leaves) == 1:
            moved = linear_recurrence(blocks[:-1, ..., 0, 0], wrong[1:, ..., 0], wrong[0, ..., 0])[..., None]
        else:
            moved = linear_recurrence(blocks[:-1], wrong[1:], wrong[0])
        right = before + jnp.concatenate([wrong[:1], moved])
        return {path: right[..., k] for k, path in enumerate(self.leaves)}


def _behind(first, course):
    """What each step begins with, of what each ends with."""
    return jnp.concatenate([first[None], course[:-1]])


def _reads(jaxpr, paths, wanted) -> set[str]:
    """The states that some outputs of a step depend on."""
    wanted = set(wanted)
    used = partial_eval.dce_jaxpr(jaxpr, [k in wanted for k in range(len(jaxpr.outvars))])[1]
    return {path for path, needed in zip(paths, used) if needed}


def _differ(pairs: dict) -> jax.Array:
    """Whether any of the courses has changed by more than rounding."""
    changed = jnp.zeros((), bool)
    for old, new in pairs.values():
        if jnp.issubdtype(old.dtype, jnp.floating):
            most = ROUNDINGS * jnp.finfo(old.dtype).eps * jnp.max(jnp.abs(new))
            changed |= ~jnp.all(jnp.abs(new - old) <= most)
        else:
            changed |= jnp.any(new != old)
    return changed
