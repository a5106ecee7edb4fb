"""What a network's spikes cost: synaptic operations and their energy, projection by projection."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import brainunit as u
import numpy as np
from jax.typing import ArrayLike

from brainsim._core import multiplications
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import float_dtype
from brainsim.network import Network
from brainsim.projection import Projection
from brainsim.simulation import Recording

# Picojoules of an addition and of a multiplication with an addition, of 32-bit floats in 45 nm
ADDITION, MULTIPLICATION = 0.9, 4.6


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a projection did.

    Attributes
    ----------
    path : str
    density : float
        Share of the presynaptic values that were not zero.
    operations : float
        Synaptic operations: values that arrived at a synapse and were not zero. Spikes need an addition for each, graded
        signals a multiplication too.
    dense : float
        Multiplications with additions of a layer that looks at every input in every step.
    energy, dense_energy : quantity, energy
        Of both.
    memory, dense_memory : float
        Bytes that both read and write.
    """

    path: str
    density: float
    operations: float
    dense: float
    energy: u.Quantity
    dense_energy: u.Quantity
    memory: float
    dense_memory: float


class Costs(dict[str, Cost]):
    """The costs of all projections by path; prints as a table. ``examples`` have passed, of so many ``steps`` each."""

    def __init__(self, rows: dict[str, Cost], steps: int, examples: int):
        super().__init__(rows)
        self.steps, self.examples = steps, examples

    @property
    def operations(self) -> float:
        """Synaptic operations of all projections."""
        return sum(cost.operations for cost in self.values())

    @property
    def memory(self) -> float:
        """Bytes that all projections read and write."""
        return sum(cost.memory for cost in self.values())

    @property
    def energy(self) -> u.Quantity:
        """Energy of all projections."""
        return _joule(sum(float(cost.energy / u.joule) for cost in self.values()))

    def __str__(self) -> str:
        names = ("", "density", "operations", "energy", "memory", "of a dense layer", "")
        rows = [[c.path, f"{c.density:.2%}", f"{c.operations:,.0f}", _shown(c.energy), _bytes(c.memory),
                 _shown(c.dense_energy), _bytes(c.dense_memory)] for c in self.values()]  # fmt: skip
        dense = _joule(sum(float(cost.dense_energy / u.joule) for cost in self.values()))
        stored = sum(cost.dense_memory for cost in self.values())
        everything = [_shown(self.energy), _bytes(self.memory), _shown(dense), _bytes(stored)]
        rows.append(["all", "", f"{self.operations:,.0f}", *everything])
        widths = [max(len(row[k]) for row in [names, *rows]) for k in range(len(names))]
        lines = ["  ".join(f"{cell:>{w}}" if k else f"{cell:<{w}}" for k, (cell, w) in enumerate(zip(row, widths, strict=True)))
                 for row in [names, *rows]]  # fmt: skip
        return "\n".join(line.rstrip() for line in lines)


def costs(net: Network, activity: Recording | Mapping[str, ArrayLike]) -> Costs:
    r"""Synaptic operations and energy of a run.

    .. math:: \mathrm{SynOps} = \sum_j n_j\,k_j,\qquad E = \mathrm{SynOps}\cdot 0.9\,\mathrm{pJ}

    for :math:`n_j` spikes of unit j, which has :math:`k_j` synapses. A layer between populations counts as its
    multiplications in a step times the share of inputs that are not zero. The energies are those of 32-bit floats in 45 nm:
    0.9 pJ for an addition, 4.6 pJ for a multiplication with one. Memory and membranes are not in them.

    Memory traffic is in bytes, before any cache: an operation reads its weight, where synapses have one each, and reads and
    writes a sum; a dense layer reads every weight and input once in a step, and writes every output.

    Parameters
    ----------
    net : Network
    activity : Recording, or dict of str to array (..., n_steps, n)
        What presynaptic populations sent, by path: a recording of ``"hidden1.spikes"``, ..., or what an
        :class:`Objective` has recorded of a batch (``result.recorded``). Projections of others are left out.

    Returns
    -------
    Costs

    Raises
    ------
    UnknownNameError
        Where nothing of any presynaptic population is there.
    ValueError
        For arrays that do not fit.

    References
    ----------
    M. Horowitz, ISSCC (2014), 10; B. Rueckauer et al., Front. Neurosci. 11:682 (2017).
    """
    sent = {
        path: _sent(net, activity, path)
        for path in dict.fromkeys(f"{p.pre}.{p.signal}" for p in net.projections.values())
    }
    known = {path: values for path, values in sent.items() if values is not None}
    if not known:
        given = activity.spikes if isinstance(activity, Recording) else activity
        raise UnknownNameError(
            f"costs: there is nothing of {', '.join(sent)}, given {', '.join(given) or 'nothing'}; record the spikes of"
            f" presynaptic populations.{suggestion('', list(sent))}"
        )
    shapes = {(steps, examples) for _, steps, examples in known.values()}
    if len(shapes) > 1:
        raise ValueError(f"costs: the arrays are of different runs, (steps, examples) = {sorted(shapes)}.")
    ((steps, examples),) = shapes
    found = {}
    for path, projection in net.projections.items():
        if (key := f"{projection.pre}.{projection.signal}") in known:
            found[path] = _cost(path, projection, known[key][0], steps * examples)
    return Costs(found, steps, examples)


def _sent(net, activity, path) -> tuple[np.ndarray, int, int] | None:
    """How often each unit sent something, of how many steps and examples; None where it is not told."""
    population, _, signal = path.rpartition(".")
    count = net.senders[population].count
    if isinstance(activity, Recording):
        train = activity.spikes.get(population) if signal == "spikes" else None
        if train is None:
            return None
        if train.n != count:
            raise ValueError(f"costs: {path} has {train.n} of {count} units recorded; record all.")
        steps = round(float((train.stop - train.start) / train.dt))
        return np.bincount(train.indices, minlength=count), steps, 1
    if path not in activity:
        return None
    values = np.asarray(activity[path])
    if values.ndim < 2 or values.shape[-1] != count:
        raise ValueError(f"costs: {path} has shape {values.shape}, expected (..., n_steps, {count}).")
    times = np.count_nonzero(values, axis=tuple(range(values.ndim - 1)))
    return times, values.shape[-2], int(np.prod(values.shape[:-2]))


def _cost(path: str, projection: Projection, times: np.ndarray, steps: int) -> Cost:
    density = float(times.sum() / (steps * len(times)))
    if "layer" in vars(projection):
        ends = projection.ends
        own = times if ends.sources is None else times[np.asarray(ends.sources)]
        dense = multiplications(projection.layer, ends.shape) * steps
        stored, n_in, n_out, reads = ends.n_synapses, ends.n_in, projection.n_post, 1
        operations = dense * float(own.sum() / (steps * len(own)))
    else:
        pre, _ = projection.indices_of_synapses()
        operations = float(times @ np.bincount(np.asarray(pre), minlength=len(times)))
        dense = float(projection.n_synapses) * steps
        reads = int(np.ndim(projection.plain("weight")) > 0)  # else one weight is for all
        stored, n_in, n_out = projection.n_synapses * reads, len(times), projection.n_post
    each = ADDITION if projection.signal == "spikes" else MULTIPLICATION
    energies = _joule(operations * each * 1e-12), _joule(dense * MULTIPLICATION * 1e-12)
    width = float_dtype().itemsize
    memory = operations * (reads + 2) * width, float((stored + n_in + n_out) * steps * width)
    return Cost(path, density, operations, dense, *energies, *memory)


def _joule(energy: float) -> u.Quantity:
    return u.Quantity(energy, unit=u.joule)


def _bytes(number: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} B"


def _shown(energy) -> str:
    joule = float(energy.to_decimal(u.joule))
    for unit, factor in (("J", 1), ("mJ", 1e3), ("uJ", 1e6), ("nJ", 1e9)):
        if joule * factor >= 1:
            return f"{joule * factor:.3g} {unit}"
    return f"{joule * 1e12:.3g} pJ"
