"""A step of a population whose spikes are located within it, with the derivatives of their times."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from brainsim._units import in_unit, with_unit
from brainsim.integrators.loop import loop
from brainsim.neurons.between import SMALLEST, crossing, distance
from brainsim.neurons.solution import RungeKutta, Series, along, is_affine

# Per ms, of the distance from reset to threshold: derivatives of a crossing that is slower are those of this
GRAZING = 1e-4


class Carry(NamedTuple):
    """Where each neuron is within the step: when, with which state, when it is free to fire, when it fired, and how much later,
    in ms, the last event is, which is zero and has a derivative.
    """

    now: jax.Array
    y: list
    others: dict
    free: jax.Array
    fired: jax.Array
    late: jax.Array


class Turn(NamedTuple):
    """What happened in a stretch: from when to when it was, who was held, who fired, who did so at once, and who came to
    its end.
    """

    now: jax.Array
    reached: jax.Array
    held: jax.Array
    crosses: jax.Array
    at_once: jax.Array
    there: jax.Array


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

    def slopes(self, y, held) -> list:
        """The rates, with clamped variables still where held."""
        moving = zip(self.rates(y), [*self.clamped, *self.still])
        return [jnp.where(held, 0, rate) if clamped else rate for rate, clamped in moving]

    def speeds(self, y, held) -> list:
        """The same as numbers, for what is moved by nothing."""
        return jax.lax.stop_gradient(self.slopes(jax.lax.stop_gradient(y), held))

    def solution(self, y, length, held):
        """The state as a function of the passed fraction of ``length`` ms, one length for each neuron, with the clamped
        variables still where held.
        """
        slopes = lambda y: self.slopes(y, held)
        return Series(slopes, y, length) if self.is_solved else RungeKutta(slopes, y, length, self.parts)

    # -- the step ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Advance the population and say when in the step it fired."""
        neuron, dt = self.neuron, self.clock.step_ms
        y = [in_unit(value, unit, name) for (name, value), unit in zip(neuron.present().items(), self.units)]
        y += [r.plain(name) for r, name in self.stages]
        self.is_solved = is_affine(self.rates, y)
        self.lasts = jnp.zeros_like(dt) if neuron.refractory is None else neuron.plain("refractory") / dt
        others = {
            name: neuron.plain(name) for name in neuron.after_spike(self.named(y) | {"t": self.clock.t})
            if name not in self.names
        }  # fmt: skip
        zero = jnp.zeros(neuron.count, dt.dtype)
        start = Carry(zero, y, others, neuron.plain("held_for") / dt, zero, zero)
        listed = [r.arrivals.most for r in self.linear if r.arrivals is not None]
        most = sum(listed) + 3  # a spike, an end of refractoriness, and the end of the step
        end = loop(lambda carry: jnp.any(carry.now < 1), self.stretch, self.stretch_again, start, most)
        for name, value in end.others.items():
            neuron.put(name, value)
        neuron.keep(self.named(end.y))
        for (receptor, name), value in zip(self.stages, end.y[len(self.names) :]):
            receptor.put(name, value)
        for receptor in self.linear:
            if receptor.arrivals is not None:
                receptor.arrivals.clear()
        neuron.put("held_for", jnp.maximum(end.free - 1, 0) * dt)
        neuron.put("fired_at", end.fired)
        neuron.put("spikes", end.fired > 0)

    def above(self, y0, y1):
        """How far ``y1`` is above threshold, where a stretch began with ``y0``."""
        return distance(self.neuron, self.named(y0), self.named(y1))

    def stretch(self, carry: Carry) -> tuple[Carry, Turn]:
        """On to the next spike, arrival or end of refractoriness of each neuron."""
        now, y, others, free, fired, _ = carry
        held = free > now
        arrives = jnp.full_like(now, jnp.inf)
        for receptor in self.linear:
            if receptor.arrivals is not None:
                arrives = jnp.minimum(arrives, receptor.arrivals.next_after(now))
        end = jnp.minimum(jnp.minimum(arrives, jnp.where(held, free, jnp.inf)), 1)
        length = (end - now) * self.clock.step_ms
        solution = self.solution(y, length, held)
        later = solution(jnp.ones_like(now))
        start, stop = self.above(y, y), self.above(y, later)
        crosses = ~held & (now < 1) & ((start > 0) | (stop > 0))

        def fire():
            passed = crossing(solution.follow(lambda later: self.above(y, later)), start, stop, crosses)
            then = now + passed * (end - now)
            return jnp.where(crosses, then, end), self.reset(y, solution(passed), later, others, crosses, then)

        reached, (y, others) = jax.lax.cond(jnp.any(crosses), fire, lambda: (end, (later, others)))
        there = (now < 1) & (reached == end)
        fired = jnp.where(crosses, jnp.maximum(reached, SMALLEST), fired)
        free = jnp.where(crosses, reached + self.lasts, free)
        for receptor, port in self.ports:
            y[port] = y[port] + self.let_in(receptor.arrivals.sum_of(reached), port, there, free > reached)
        turn = Turn(now, reached, held, crosses, start > 0, there)
        return Carry(reached, y, others, free, fired, jnp.zeros_like(now)), turn

    def stretch_again(self, carry: Carry, turn: Turn) -> Carry:
        """The same with derivatives. When an event comes is a number with one: so much longer is the stretch before it, and so much
        shorter that behind it, which makes them those of the solution that was found, also where it is not quite that of the
        equations.
        """
        _, y, others, free, fired, late = carry
        now, reached, held, crosses, at_once, there = turn
        dt = self.clock.step_ms
        began, length = y, (reached - now) * dt
        solution = self.solution(y, length - late, held)
        y = solution(jnp.ones_like(now))
        rates = self.rates_at_the_end(solution, y, length, held)

        # The spike: by the implicit function theorem, V(t) = V_th moves t against V by the slope of V
        above, slope = jax.jvp(lambda y: self.above(began, y), (y,), (rates,))
        slope = jnp.maximum(jax.lax.stop_gradient(slope), GRAZING)
        delta = jnp.where(at_once, late, (jax.lax.stop_gradient(above) - above) / slope)
        delta = jnp.where(crosses, delta, 0)
        then = reached + delta / dt
        y = along(y, delta, rates)
        y, others = self.reset(began, y, y, others, crosses, then)
        set_free = held & (free == reached)
        wakes = jnp.where(set_free, (free - jax.lax.stop_gradient(free)) * dt, 0)
        free = jnp.where(crosses, then + self.lasts, free)
        fired = jnp.where(crosses, jnp.maximum(then, SMALLEST), fired)
        still = jax.lax.stop_gradient(free) > reached

        # What ends the stretch, if no spike does: the end of refractoriness, or what arrives
        arriving = [(port, *receptor.arrivals.arriving(reached)) for receptor, port in self.ports]
        let_in = lambda x, port: self.let_in(x, port, there, still)
        arriving = [(port, let_in(total, port), let_in(shift * dt, port)) for port, total, shift in arriving]
        moved = jnp.where(set_free, wakes, _first_of(arriving))
        y = along(y, jnp.where(crosses, 0, moved), rates)
        late = jnp.where(crosses, delta, moved)

        # What happens at the same time, each as far as it is moved against that
        change = [a - b for a, b in zip(self.speeds(y, held), self.speeds(y, still))]
        y = along(y, jnp.where(set_free, wakes - late, 0), change)
        for port, total, shift in arriving:
            y = self.arrive(y, port, total, shift - jax.lax.stop_gradient(total) * late, still)
        return Carry(reached, y, others, free, fired, late)

    def rates_at_the_end(self, solution, y, length, held) -> list:
        """How fast the solution is at the end of a stretch, as numbers.

        Where a state runs away, as in an upstroke without end, the solution that was found is not as fast as the equations say.
        """
        rates = self.speeds(y, held)
        if self.is_solved:
            return rates
        passed = jnp.ones_like(length)
        speed = jax.jvp(solution, (passed,), (passed,))[1]
        rates = [jnp.where(length > 0, a / jnp.where(length > 0, length, 1), b) for a, b in zip(speed, rates)]
        return jax.lax.stop_gradient(rates)

    def arrive(self, y, port, total, shift, held):
        """Add what arrives; ``shift`` is the sum of weights times times by which they are moved."""
        size, there = jax.lax.stop_gradient(total), jax.lax.stop_gradient(y)
        one = [jnp.full_like(value, k == port) for k, value in enumerate(y)]
        after = [value + size if k == port else value for k, value in enumerate(there)]
        # Rates are linear in what arrives, but for what moves V at once: several at the same time share it then
        before, alone = jax.jvp(lambda y: self.slopes(y, held), (there,), (one,))
        change = [a - b for a, b in zip(self.slopes(after, held), before)]
        gain = [jnp.where(size == 0, a, b / jnp.where(size == 0, 1, size)) for a, b in zip(alone, change)]
        y = [value + total if k == port else value for k, value in enumerate(y)]
        return [value - shift * g for value, g in zip(y, jax.lax.stop_gradient(gain))]

    def reset(self, began, there, otherwise, others, crosses, then):
        """Variables and stages, and other states, with the effect of spikes at the fraction ``then`` of the step."""
        neuron = self.neuron
        values = self.named(there) | {name: with_unit(v, neuron.unit_of(name)) for name, v in others.items()}
        time = self.clock.t + with_unit(then * self.clock.step_ms, self.clock.t.unit)
        changed = neuron.reset(values, crosses, time)
        own = [in_unit(changed[name], neuron.unit_of(name), name) for name in (*self.names, *others)]
        n = len(self.names)
        there = [jnp.where(crosses, a, b) for a, b in zip([*own[:n], *there[n:]], otherwise)]
        return there, {name: jnp.where(crosses, new, others[name]) for name, new in zip(others, own[n:])}

    @property
    def ports(self) -> list:
        """Each receptor at which spikes arrive, and the place among variables and stages that they are added to."""
        n, found = len(self.names), []
        for receptor in self.linear:
            if receptor.arrivals is not None:
                own = [k for k, (r, name) in enumerate(self.stages) if r is receptor and name == receptor.port]
                found.append((receptor, n + own[0] if own else self.names.index(receptor.variable)))
        return found

    def let_in(self, weight, port, there, held):
        """What arrives at neurons that have come to the end of the stretch, and of which ``port`` is not held."""
        weight = jnp.where(there, weight, 0)
        return jnp.where(held, 0, weight) if port < len(self.names) and self.clamped[port] else weight


def _first_of(arriving: list) -> jax.Array | float:
    """By how much what arrives is moved; of several receptors that of the first, what moves a variable at once before others."""
    moved = 0.0
    for _, total, shift in sorted(arriving, key=lambda one: -one[0]):
        size = jax.lax.stop_gradient(total)
        moved = jnp.where(size == 0, moved, shift / jnp.where(size == 0, 1, size))
    return moved
