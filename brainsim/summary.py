"""A network as tables, for a notebook."""

from __future__ import annotations

import html
from typing import Any

import brainunit as u
import jax
import numpy as np

from brainsim._core import Dynamics, Parameter, split
from brainsim._memory import human
from brainsim.receptors.base import Receptor
from brainsim.stimuli.base import Stimulus


def of(net: Any) -> str:
    """Populations with their parts and parameters, projections with their synapses, and memory, in HTML."""
    populations = [
        (name, type(p).__name__, f"{p.count:,}", _parts(p, Receptor), _parts(p, Stimulus), _parameters(p))
        for name, p in net.populations.items()
    ]
    projections = [
        (name, _rule(p), ", ".join(p.receptors), f"{p.n_synapses:,}", _values(p, "weight"), _delay(p), _learning(p))
        for name, p in net.projections.items()
    ]
    others = [(name, type(part).__name__) for name, part in (net.modulators | net.operations).items()]
    arrays = jax.tree.leaves(split(net)[1:])
    memory = human(sum(array.size * array.dtype.itemsize for array in arrays))
    text = f"<b>{html.escape(repr(net))}</b> at t = {html.escape(str(net.t))}, {memory} of arrays"
    tables = [
        _table(("population", "class", "units", "receptors", "stimuli", "parameters"), populations),
        _table(("projection", "rule", "receptor", "synapses", "weight", "delay", "plasticity"), projections),
        _table(("also", "class"), others),
    ]
    return "".join([f"<div>{text}", *filter(None, tables), "</div>"])


def _table(head, rows) -> str:
    if not rows:
        return ""
    lines = [f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in row)}</tr>"
             for tag, row in [("th", head), *(("td", row) for row in rows)]]  # fmt: skip
    return f"<table>{''.join(lines)}</table>"


def _parts(population, kind) -> str:
    return ", ".join(f"{name}: {type(part).__name__}" for name, part in population.parts(kind).items())


def _parameters(part: Dynamics) -> str:
    names = [
        name for name, declared in part._declared.items() if isinstance(declared, Parameter) and name in vars(part)
    ]
    return ", ".join(f"{name} = {_values(part, name)}" for name in names)


def _values(part, name: str) -> str:
    """One number, or the mean and the spread of several, with their unit."""
    array, unit = np.asarray(part.plain(name), float), part.unit_of(name)
    number = f"{array:.4g}" if array.ndim == 0 else f"{array.mean():.3g} ± {array.std():.2g}" if array.size else "none"
    return number if unit in (None, u.UNITLESS) else f"{number} {unit}"


def _rule(projection) -> str:
    text = repr(projection.rule)
    return text if len(text) <= 60 else f"{type(projection.rule).__name__}(...)"


def _delay(projection) -> str:
    times = projection.axon.times
    if times is None:
        return "none"
    return (
        f"{times.shortest:g} ms" if times.shortest == times.longest else f"{times.shortest:g} to {times.longest:g} ms"
    )


def _learning(projection) -> str:
    return type(projection.plasticity).__name__ if projection.plastic else ""
