"""Couplings that a step takes as they are at its beginning, and how strong these may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._host import computed
from brainsim._units import in_unit
from brainsim.population import Population
from brainsim.receptors import GapJunction

#: Of the difference of two potentials, how much a step may ask to flow: with more they change places at every step.
MOST = 1.0


def check(net: Any, step_ms: float, varied: Mapping[str, Any] | None = None) -> None:
    r"""Refuse gap junctions between populations that are too strong for steps of this length.

    .. math:: \Delta t \sum_j g_{ij} / C_i \le 1

    Each side is drawn to where the other was at the beginning of the step; beyond this limit they swap potentials
    instead of sharing them, which is bounded and wrong.

    Parameters
    ----------
    net : Network
    step_ms : float
    varied : dict of str to array, (k, ...), optional
        Values, by path, that parameters will take.

    Raises
    ------
    ValueError
        Names the receptor, the unit, its conductance, and the longest step.
    """
    for name, population in net.populations.items():
        for receptor in population.parts(GapJunction).values():
            own = receptor.path.rpartition(".")[2]
            joined = [
                p
                for p in net.projections.values()
                if p.post == name and p.receptor == own and p.signal != "spikes" and p.delay_kind == "none"
            ]
            total = _conductance(joined, receptor, varied or {})
            if total is not None:
                _check(population, receptor, total, step_ms)


def _conductance(joined: list, receptor: GapJunction, varied: Mapping) -> np.ndarray | None:
    """Summed weights of every place of the receptor, at the largest that each projection takes; None where unknown."""
    total = np.zeros(receptor.count)
    for projection in joined:
        if "layer" in vars(projection):
            return None
        weights = projection.plain("weight")
        others = varied.get(f"{projection.path}.weight")
        if isinstance(weights, Tracer) or isinstance(others, Tracer):
            return None
        weights = np.asarray(weights if others is None else np.max(np.asarray(others), axis=0))
        _, post = projection.indices_of_synapses()
        given = np.broadcast_to(weights.ravel(), len(post))
        total += np.bincount(post, given, len(total))
    return total if joined else None


def _check(population: Population, receptor: GapJunction, total: np.ndarray, step_ms: float) -> None:
    response = _response(population, receptor)
    if response is None:
        return
    flows = step_ms * total * np.broadcast_to(np.asarray(response, float), total.shape)
    k = int(np.argmax(flows))
    if flows[k] > MOST:
        cells = hasattr(population, "add_junctions")
        instead = (
            f"join cells of one population with {population.path}.add_junctions(...), which is part of the implicit step"
            if cells
            else "make the step shorter"
        )
        raise ValueError(
            f"{receptor.path}: at place {k} junctions conduct {total[k]:.4g} {receptor.per_variable} in all, too much for steps of"
            f" {step_ms:g} ms: V of the other side is taken at the beginning of a step, and both would swap potentials."
            f" Take dt below {step_ms * MOST / flows[k]:.3g} ms, or {instead}."
        )


def _response(population: Any, receptor: GapJunction) -> np.ndarray | None:
    """What a unit of current makes of V at every place of the receptor, per ms."""
    into, variable = receptor.into, population.inputs[receptor.into]
    y = {name: in_unit(value, population.unit_of(name), name) for name, value in population.present().items()}
    if variable not in y or any(isinstance(value, Tracer) for value in jax.tree.leaves(y)):
        return None
    unit = population.input_unit

    def rates():
        found = [
            population.vector_field(inputs={into: jnp.full(population.sites, x) * unit}).alone(0.0, y, y)[variable]
            for x in (0.0, 1.0)
        ]
        return receptor.taken(jnp.broadcast_to(found[1] - found[0], (population.sites,)))

    return computed(rates)
