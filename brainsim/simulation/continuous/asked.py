"""What a run is told beside the network: spikes of sources, tolerances, and what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation import derived, door
from brainsim.simulation.continuous.circuit import Circuit
from brainsim.simulation.continuous.computed import STATE
from brainsim.simulation.plan import Request
from brainsim.sources import SpikeTimes


def spikes_of(net: Network, begin: Any, duration: float) -> dict[str, tuple[jax.Array, jax.Array]]:
    """Spikes of sources in a run from ``begin`` on, perhaps traced, by path: times in their order, and units."""
    found = {}
    for path, source in net.populations.items():
        if not isinstance(source, SpikeTimes):
            continue
        ms, units = source._aside.times_ms, source._aside.indices
        if isinstance(begin, Tracer):
            order = np.argsort(ms, kind="stable")
            ms, units = jnp.asarray(ms[order]), jnp.asarray(units[order], jnp.int32)
            if source.period_ms is not None:
                turns = jnp.floor(begin / source.period_ms) + jnp.arange(int(duration // source.period_ms) + 2)
                ms = (ms[None] + turns[:, None] * source.period_ms).ravel()
                units = jnp.tile(units, len(turns))
            found[path] = ms, units
            continue
        end = begin + duration
        if source.period_ms is not None:
            turns = np.arange(int(begin // source.period_ms), int(end // source.period_ms) + 1)
            ms = (ms[None] + turns[:, None] * source.period_ms).ravel()
            units = np.tile(units, len(turns))
        here = (ms > begin) & (ms <= end)
        order = np.argsort(ms[here], kind="stable")
        room = 1 << max(int(here.sum()) - 1, 0).bit_length()
        times, who = np.full(room, np.inf), np.zeros(room, np.int32)
        times[: here.sum()], who[: here.sum()] = ms[here][order], units[here][order]
        found[path] = jnp.asarray(times), jnp.asarray(who)
    return found


def tolerance_of(net: Network, adaptive: Adaptive) -> dict:
    """``rtol``, and ``atol`` by path of what is integrated: (variables, 1)."""
    circuit = Circuit(net)
    where, given = circuit.where(), adaptive.atol if isinstance(adaptive.atol, Mapping) else {}
    for path in given:
        if path not in where:
            raise UnknownNameError(f"adaptive: atol: nothing is integrated as {path!r}.{suggestion(str(path), where)}")
    default = 1e-6 if isinstance(adaptive.atol, Mapping) else float(adaptive.atol)
    rows: dict[str, dict[int, Any]] = {}
    for path, (of, k, _) in where.items():
        owner, _, name = path.rpartition(".")
        if path in given:
            value = in_unit(given[path], net[owner].unit_of(name), f"atol of {path}")
            if np.ndim(value) or not np.isfinite(value) or value <= 0:
                raise ValueError(f"adaptive: atol of {path} must be a positive number, given {given[path]}.")
        else:
            pool = getattr(net[owner], "held_states", None)
            now = net[owner].plain(name)
            scale = jnp.max(jnp.abs(jax.lax.stop_gradient(now))) if pool is not None else 1.0
            value = default * jnp.where(jnp.asarray(scale) > 0, scale, 1.0)
        rows.setdefault(of, {})[k] = jnp.asarray(value, float)
    atol = {of: jnp.stack([own[k] for k in sorted(own)])[:, None] for of, own in rows.items()}
    return {"rtol": jnp.asarray(adaptive.rtol), "atol": atol}


def kept(circuit: Circuit, requests: tuple[Request, ...]) -> Callable[[dict], dict]:
    """From a state to what is recorded of it, by label."""
    where = circuit.where()
    computed = any(request.derived is not None for request in requests)

    def seen(y):
        found = {f"{STATE}{path}": x for path, x in circuit.variables(y).items()} if computed else {}
        for request in requests:
            if request.derived is not None:
                continue
            of, k, part = where[request.path]
            array = y[of][k] if part is None else part.taken(y[of][k])
            found[request.label] = request.select(array)
        return found

    return seen


def sort_requests(net: Network, entry: door.Entry) -> tuple[tuple[Request, ...], tuple[str, ...]]:
    """Requests of variables and of what is computed of them, and the paths of those whose spikes are recorded.

    Raises
    ------
    ValueError
        For what is no variable of the equations, and functions of the network.
    """
    where, known = Circuit(net).where(), derived.names(net)
    requests, watched = [], []
    for request in entry.requests:
        if request.over is not None:
            raise ValueError(
                f"record: {request.label!r} is over the steps of an interval, and there are no steps; record it at times, and"
                " take what is wanted of them."
            )
        if request.is_spikes:
            watched.append(request.population)
        elif request.derived is not None and request.derived.anything:
            raise ValueError(
                f"record: {request.label!r} is a function of all there is after a step, and there are no steps; record what it"
                " is made of."
            )
        elif not request.of_spikes:
            if not any(_plain(request.path) in paths for paths in (where, known)):
                raise ValueError(
                    f"record: {request.label!r}: {request.path!r} is no variable of the equations, and there are no steps in which"
                    f" it changes.{suggestion(request.path, [*where, *known])}"
                )
            requests.append(request)
    return tuple(requests), tuple(dict.fromkeys(watched))


def _plain(path: str) -> str:
    """A path without the elements that are chosen of it."""
    return path.partition("[")[0].partition("@")[0]
