"""What couples variables that the elimination does not know to be coupled: graded signals, gates before them, diffusion of pools."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import in_unit
from brainsim.cells.diffusion import Diffusion
from brainsim.network import Network
from brainsim.simulation.continuous.membranes import Membrane, put_in_place

MOST, ENOUGH, TOO_FEW = (
    60,
    1e-11,
    1e-7,
)  # corrections of a solution; what they may leave, of the largest; where they have failed


class Gate:
    """A terminal that sends at every moment, with equations.

    Parameters
    ----------
    terminal : Terminal
        One that has a :meth:`~brainsim.terminals.Terminal.derivative`.
    taken : callable
        Gives what it takes of who sends, of the network as it is.
    """

    def __init__(self, terminal: Any, taken: Callable[[], jax.Array | None]):
        self.terminal, self.taken, self.path = terminal, taken, terminal.path
        self.stages = tuple(terminal.states())

    def present(self) -> jax.Array:
        """The states as they are: (states, n_pre)."""
        return jnp.stack([jnp.broadcast_to(self.terminal.plain(s), (self.terminal.n_pre,)) for s in self.stages])

    def rates(self) -> jax.Array:
        """Their rates, per ms, of the network as it is."""
        found = self.terminal.derivative(self.taken())
        return jnp.stack([jnp.broadcast_to(found[s], (self.terminal.n_pre,)) for s in self.stages])


class Struck:
    """What spikes do to a gate at once, in the form of a :class:`~brainsim.simulation.continuous.arrivals.Line`."""

    immediate, sized, single = True, None, False

    def __init__(self, gate: Gate, name: str, size: float):
        self.gate, self.into, self.size = gate, gate.path, size
        self.row, self.pre, self.n_pre = gate.stages.index(name), gate.terminal.pre, gate.terminal.n_pre

    def sums(self, number: jax.Array) -> jax.Array:
        """What is added, of how many times each fires."""
        return self.size * number

    def add(self, y: dict, total: jax.Array, held: dict) -> dict:
        """The state with that."""
        return y | {self.into: y[self.into].at[self.row].add(total)}


class Links:
    """Couplings of a network beside receptors with linear kinetics and V along trees.

    Parameters
    ----------
    net : Network
    membranes : dict of str to Membrane
    """

    def __init__(self, net: Network, membranes: dict[str, Membrane]):
        self.net, self.gates, self.diffusing = net, {}, []
        self.projections = [p for p in net.projections.values() if p.graded]
        for path in dict.fromkeys(p.held_by for p in self.projections if p.held_by is not None):
            holder: Any = net[path]
            sender = net.senders[holder.pre]
            taken = (lambda: None) if holder.terminal.takes == "spikes" else (lambda h=holder, s=sender: h.taken(s))
            self.gates[holder.terminal.path] = Gate(holder.terminal, taken)
        for name, m in membranes.items():
            with m.population.warmed():
                for pool in getattr(m.population, "pools", {}).values():
                    for state, (D, part) in pool.along().items():
                        way = Diffusion(m.population, in_unit(D, u.um2 / u.ms, pool.path), part)  # type: ignore[arg-type]
                        row = next(
                            k for k, home in enumerate(m.homes) if home is pool and m.names[k].endswith(f".{state}")
                        )
                        self.diffusing.append((name, row, way))

    def __bool__(self) -> bool:
        return bool(self.projections or self.diffusing)

    def struck(self) -> list[Struck]:
        """What spikes do to gates."""
        return [Struck(gate, *item) for gate in self.gates.values() for item in gate.terminal.struck.items()]

    @contextlib.contextmanager
    def placed(self, variables: dict[str, jax.Array]) -> Iterator[None]:
        """Within this, the network is as these variables say, by path."""
        kept = []
        for path, value in variables.items():
            owner, _, name = path.rpartition(".")
            part: Any = self.net[owner]
            kept.append((part, name, vars(part)[name]))
            put_in_place(part, name, value)
        try:
            yield
        finally:
            for part, name, variable in kept:
                vars(part)[name] = variable

    def _sums(self) -> dict[str, tuple]:
        """Of each graded receptor by path: its population, it, and what arrives at its ports by name."""
        net, arrived = self.net, {}
        for p in self.projections:
            terminal = None if p.held_by is None else net[p.held_by].terminal  # type: ignore[union-attr]
            post = net.populations[p.post]
            receptor = post.receptors[p.receptor]
            sums = p.first_delivery(p.sends(net.senders[p.pre], terminal), receptor, post)
            own = arrived.setdefault(receptor.path, (p.post, receptor, {}))[2]
            for port, total in sums.items():
                own[port] = own[port] + total if port in own else total
        return arrived

    def drives(self, when: Any) -> dict[str, list]:
        """What graded signals drive, by path of the population, of the network as it is: receptors, each with its drive."""
        found: dict[str, list] = {}
        for post, receptor, sums in self._sums().values():
            ports = {f"{receptor.path}.{port}": total for port, total in sums.items()}
            with self.placed(ports):
                found.setdefault(post, []).append((receptor, receptor.advance(when)))
        return found

    def arrived(self) -> dict[str, jax.Array]:
        """What graded signals are at receptors, by path of the port, of the network as it is."""
        return {
            f"{receptor.path}.{port}": total
            for _, receptor, sums in self._sums().values()
            for port, total in sums.items()
        }

    def spread(self, y: dict) -> dict[str, jax.Array]:
        """What diffusion adds to rates, by path of the population."""
        found: dict[str, jax.Array] = {}
        for name, row, way in self.diffusing:
            zero = found.get(name, jnp.zeros_like(y[name]))
            found[name] = zero.at[row].add(way.rate(y[name][row]))
        return found


def corrected(product: Callable, nearly: Callable, right: Any) -> Any:
    """x in ``product(x)`` = right, from what solves it nearly, by corrections: not numbers where they do not end."""

    def rows(x):
        return jnp.concatenate([jnp.max(jnp.abs(array), axis=-1, initial=0.0).ravel() for array in jax.tree.leaves(x)])

    def going(carry):
        x, change, k = carry
        return (k < MOST) & jnp.any(change > ENOUGH * rows(x))

    def turn(carry):
        x, _, k = carry
        more = nearly(jax.tree.map(jnp.subtract, right, product(x)))
        return jax.tree.map(jnp.add, x, more), rows(more), k + 1

    first = nearly(right)
    x, change, _ = jax.lax.while_loop(going, turn, (first, rows(first), jnp.zeros((), jnp.int32)))
    failed = jnp.any(~(change <= TOO_FEW * rows(x)))
    return jax.tree.map(lambda x: jnp.where(failed, jnp.nan, x), x)


def solver(product: Callable, nearly: Callable, like: Any) -> Callable:
    """What solves the linear system ``product(x)`` = right, with derivatives; ``nearly`` is linear and solves one close to it."""
    back = jax.linear_transpose(nearly, like)

    def solve(right):
        return jax.lax.custom_linear_solve(
            product,
            right,
            solve=lambda product, right: corrected(product, nearly, right),
            transpose_solve=lambda product, right: corrected(product, lambda r: back(r)[0], right),
        )

    return solve
