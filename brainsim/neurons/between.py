"""Spikes between steps: when within a step a neuron fires, and what arrives within it."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir, partial_eval

from brainsim._units import in_unit, with_unit

TERMS = 14  # of the exponential series: the error of a step of length h is (h / tau)^15 / 15!
ITERATIONS = 24  # of the search for a crossing, which gains a factor of nearly 2 in each at least
LONGEST = 0.0125  # ms, a Runge-Kutta step at most
SMALLEST = 1e-12  # a spike at the very beginning of a step, which 0 would not tell from none


def _distance(x):
    return x


forward_only_p = Primitive("forward_only")
forward_only_p.def_impl(lambda x: x)
forward_only_p.def_abstract_eval(lambda x: x)
mlir.register_lowering(forward_only_p, mlir.lower_fun(lambda x: x, multiple_results=False))
batching.primitive_batchers[forward_only_p] = lambda values, axes: (forward_only_p.bind(*values), axes[0])


def _no_way_back(ct, x):
    if isinstance(ct, ad.Zero):
        return [ct]
    raise NotImplementedError(
        "spike_times='exact': the number of stretches in a step is not known before the run, so that reverse-mode"
        " derivatives (jax.grad, jax.vjp, jax.jacrev) cannot be taken; take forward mode (jax.jvp, jax.jacfwd), or"
        " spike_times='grid' with a surrogate."
    )


ad.deflinear2(forward_only_p, _no_way_back)


def distance(neuron, before: dict, after: dict):
    """How far the neurons are above threshold: what ``fires`` gives to a surrogate."""
    surrogate = neuron.surrogate
    vars(neuron)["surrogate"] = _distance
    try:
        above = neuron.fires(before, after)
    finally:
        vars(neuron)["surrogate"] = surrogate
    if above.dtype == bool:
        raise TypeError(
            f"{type(neuron).__name__}.fires: spike times between steps need the distance to threshold, which"
            " spike_where(...) knows; given True or False."
        )
    return above


def interpolated(neuron, before: dict, after: dict, spikes):
    """Fraction of the step at which the straight line from ``before`` to ``after`` crosses the threshold; 0 where none
    fires.
    """
    below, above = distance(neuron, before, before), distance(neuron, before, after)
    at = jnp.clip(below / jnp.where(below == above, 1, below - above), SMALLEST, 1)
    return jnp.where(spikes != 0, at, 0)


class Within:
    """A step of a population whose spikes are located within it, from arrival to arrival.

    Variables and the stages of linear receptors are one system of equations. From one arrival, or end of
    refractoriness, to the next it is advanced by the exponential series where it is linear, which is exact, and by the
    classical Runge-Kutta method otherwise, in steps of ``LONGEST`` at most: stable and accurate in the upstroke of a
    spike. Where a neuron is above threshold at the end of such a stretch, the crossing is located by the method of
    Illinois on that same solution, the spike takes effect there, and the rest of the step follows. A crossing down
    again before the end of a stretch is not seen.
    """

    def __init__(self, neuron, clock):
        self.neuron, self.clock = neuron, clock
        self.linear = [r for r in neuron.receptors.values() if r.within_steps]
        self.stages = [(r, name) for r in self.linear for name in r.stages]
        self.held = [(r, r.advance(clock)) for r in neuron.receptors.values() if not r.within_steps]
        self.stimuli = {name: neuron.stimulation(clock, name) for name in neuron.takes}
        self.names = neuron.variables
        self.parts = vars(neuron).get("_stretches", 1)
        self.units = [neuron.unit_of(name) for name in self.names]
        self.clamped = [name in neuron.clamped for name in self.names]
        self.still = [False] * len(self.stages)

    # -- the equations -----------------------------------------------------------------------------------------------

    def named(self, y) -> dict:
        """The variables with their units, by name."""
        return {name: with_unit(value, unit) for name, value, unit in zip(self.names, y, self.units)}

    def rates(self, y) -> list:
        """Derivatives of variables and stages, per ms, plain."""
        neuron, own = self.neuron, y[: len(self.names)]
        stages = dict(zip(((id(r), name) for r, name in self.stages), y[len(self.names) :]))
        drives, slopes = list(self.held), []
        for receptor in self.linear:
            values = [stages[id(receptor), name] for name in receptor.stages]
            if values:
                given = receptor.derivative(*values)
                slopes += given if isinstance(given, tuple) else (given,)
                drives.append((receptor, receptor.mean(values[-1], values[-1], exact=values[-1])))

        def total(t, variables, into):
            V = neuron.inputs[into]
            V = None if V is None else in_unit(variables[V], neuron.unit_of(V), f"{neuron.path}.{V}")
            currents = (r.current(drive, V) for r, drive in drives if r.into == into)
            return with_unit(sum(currents, self.stimuli[into]), neuron.input_unit)

        inputs = {into: (lambda t, variables, into=into: total(t, variables, into)) for into in neuron.takes}
        found = neuron.vector_field(inputs=inputs)(self.clock.t.mantissa, list(own))
        return [jnp.broadcast_to(rate, value.shape) for rate, value in zip([*found, *slopes], y, strict=True)]

    def is_linear(self, y) -> bool:
        """Whether no derivative of the rates depends on the state."""
        tangent = lambda y, v: jax.jvp(self.rates, (y,), (v,))[1]
        jaxpr = jax.make_jaxpr(tangent)(y, y).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
        return not any(used[: len(y)])

    def solution(self, y, length, held, linear: bool):
        """The state as a function of the passed fraction of ``length`` ms, one length for each neuron, with the clamped
        variables still where held.
        """

        def slopes(y):
            moving = zip(self.rates(y), [*self.clamped, *self.still])
            return [jnp.where(held, 0, rate) if clamped else rate for rate, clamped in moving]

        def along(y, h, rate):
            return [a + h * b for a, b in zip(y, rate)]

        def runge_kutta(y, h):
            first = slopes(y)
            second = slopes(along(y, h / 2, first))
            third = slopes(along(y, h / 2, second))
            fourth = slopes(along(y, h, third))
            return along(y, h / 6, [a + 2 * b + 2 * c + d for a, b, c, d in zip(first, second, third, fourth)])

        def in_parts(passed):
            h = passed * length / self.parts
            return jax.lax.fori_loop(0, self.parts, lambda _, y: runge_kutta(y, h), y)

        if not linear:
            return in_parts if self.parts > 1 else lambda passed: runge_kutta(y, passed * length)
        first = [length * rate for rate in slopes(y)]

        def following(term, k):
            change = jax.jvp(slopes, (y,), (term,))[1]
            term = [length / k * x for x in change]
            return term, term

        terms = jax.lax.scan(following, first, jnp.arange(2, TERMS + 1, dtype=length.dtype))[1]

        def series(passed):
            add = lambda total, term: (along(term, passed, total), None)
            total = jax.lax.scan(add, [jnp.zeros_like(x) for x in y], terms, reverse=True)[0]
            return along(y, passed, along(first, passed, total))

        return series

    # -- the step ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Advance the population and say when in the step it fired."""
        neuron, dt = self.neuron, self.clock.step_ms
        y = [in_unit(value, unit, name) for (name, value), unit in zip(neuron.present().items(), self.units)]
        y += [r.plain(name) for r, name in self.stages]
        linear = self.is_linear(y)
        lasts = neuron.plain("refractory") / dt
        others = {
            name: neuron.plain(name) for name in neuron.after_spike(self.named(y) | {"t": self.clock.t})
            if name not in self.names
        }  # fmt: skip

        def above(y0, y1):
            return distance(neuron, self.named(y0), self.named(y1))

        def stretch(carry):
            now, y, others, free, fired = carry
            held = free > now
            arrives = jnp.full_like(now, jnp.inf)
            for receptor in self.linear:
                if receptor.arrivals is not None:
                    arrives = jnp.minimum(arrives, receptor.arrivals.next_after(now))
            end = jnp.minimum(jnp.minimum(arrives, jnp.where(held, free, jnp.inf)), 1)
            length = (end - now) * dt
            solution = self.solution(y, length, held, linear)
            later = solution(jnp.ones_like(now))
            start, stop = above(y, y), above(y, later)
            crosses = ~held & (now < 1) & ((start > 0) | (stop > 0))

            def fire():
                passed = crossing(lambda passed: above(y, solution(passed)), start, stop)
                then = now + passed * (end - now)
                there = solution(passed)
                values = self.named(there) | {name: with_unit(v, neuron.unit_of(name)) for name, v in others.items()}
                time = self.clock.t + with_unit(then * dt, self.clock.t.unit)
                changed = neuron.reset(values, crosses, time)
                own = [in_unit(changed[name], neuron.unit_of(name), name) for name in (*self.names, *others)]
                own, rest = own[: len(self.names)], dict(zip(others, own[len(self.names) :]))
                there = [*own, *there[len(self.names) :]]
                chosen = [jnp.where(crosses, a, b) for a, b in zip(there, later)]
                return (
                    jnp.where(crosses, then, end),
                    chosen,
                    {k: jnp.where(crosses, rest[k], v) for k, v in others.items()},
                )

            reached, y, others = jax.lax.cond(jnp.any(crosses), fire, lambda: (end, later, others))
            fired = jnp.where(crosses, jnp.maximum(reached, SMALLEST), fired)
            free = jnp.where(crosses, reached + lasts, free)
            y = self.arrive(y, reached, (now < 1) & (reached == end), free)
            return reached, y, others, free, fired

        zero = jnp.zeros(neuron.count, dt.dtype)
        carry = zero, y, others, neuron.plain("held_for") / dt, zero
        _, y, others, free, fired = jax.lax.while_loop(lambda carry: jnp.any(carry[0] < 1), stretch, carry)
        y, free, fired = [forward_only_p.bind(x) for x in y], *map(forward_only_p.bind, (free, fired))
        for name, value in others.items():
            neuron.put(name, value)
        neuron.keep(self.named(y))
        for (receptor, name), value in zip(self.stages, y[len(self.names) :]):
            receptor.put(name, value)
        for receptor in self.linear:
            if receptor.arrivals is not None:
                receptor.arrivals.clear()
        neuron.put("held_for", jnp.maximum(free - 1, 0) * dt)
        neuron.put("fired_at", fired)
        neuron.put("spikes", fired > 0)

    def arrive(self, y, now, there, free):
        """Add what arrives now at the neurons that have come to the end of the stretch."""
        y = list(y)
        for receptor in self.linear:
            if receptor.arrivals is None:
                continue
            weight = jnp.where(there, receptor.arrivals.arriving(now), 0)
            if receptor.stages:
                at = len(self.names) + next(
                    k for k, (r, name) in enumerate(self.stages) if r is receptor and name == receptor.port
                )
            else:
                at = self.names.index(receptor.variable)
                weight = jnp.where(self.clamped[at] & (free > now), 0, weight)
            y[at] = y[at] + weight
        return y


def parts_of(step_ms: float, given: int) -> int:
    """Runge-Kutta steps to take in a step, at least as many as are ``given``."""
    return max(given, math.ceil(step_ms / LONGEST * (1 - 1e-9)))


def crossing(above, start, stop):
    """Where in [0, 1] ``above`` passes zero: the method of Illinois; 0 where it begins above."""

    def narrow(_, bracket):
        low, high, below, over, side, _ = bracket
        middle = jnp.clip(low - below * (high - low) / jnp.where(over == below, 1, over - below), low, high)
        # What runs away, as an exponential upstroke does, counts as far as the start is below, or the search would creep
        value = jnp.minimum(above(middle), span)
        right = value > 0
        # The end that stays counts half from the second time on
        below = jnp.where(right & (side == 1), below / 2, below)
        over = jnp.where(~right & (side == -1), over / 2, over)
        return (
            jnp.where(right, low, middle), jnp.where(right, middle, high),
            jnp.where(right, below, value), jnp.where(right, value, over), jnp.where(right, 1.0, -1.0), middle,
        )  # fmt: skip

    zero = jnp.zeros_like(start)
    span = jnp.maximum(jnp.abs(start), jnp.finfo(start.dtype).tiny)
    bracket = (zero, zero + 1, jnp.minimum(start, 0.0), jnp.minimum(stop, span), zero, zero)
    *_, found = jax.lax.fori_loop(0, ITERATIONS, narrow, bracket)
    return jnp.where(start > 0, 0.0, found)
