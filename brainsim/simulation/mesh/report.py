"""How a network would be divided among devices, without any of them."""

from __future__ import annotations

import dataclasses

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import step_length
from brainsim._memory import human
from brainsim._units import QuantityLike
from brainsim.network import Network
from brainsim.simulation.door import enter
from brainsim.simulation.loop import plan_of
from brainsim.simulation.mesh.division import Division
from brainsim.simulation.mesh.exchange import Sent
from brainsim.simulation.mesh.program import Chunk


@dataclasses.dataclass(frozen=True)
class Report:
    """How a network is divided.

    Attributes
    ----------
    lines : tuple of str
        Populations and projections, one each.
    synapses : int array, (devices,)
        Stored synapses of each device.
    sent : tuple of Sent
        What a device sends to all others in a step.
    """

    lines: tuple[str, ...]
    synapses: np.ndarray
    sent: tuple[Sent, ...]

    @property
    def sent_bytes(self) -> float:
        """Bytes that a device sends in a step, on average."""
        return sum(one.n_bytes / one.every for one in self.sent)

    @property
    def exchanges(self) -> float:
        """How many times in a step devices send each other something, on average."""
        return sum(1 / one.every for one in self.sent)

    @property
    def received_bytes(self) -> float:
        """Bytes that a device receives in a step, on average."""
        return self.sent_bytes * (len(self.synapses) - 1)

    def __str__(self) -> str:
        when = {one.every: f"in {one.every} steps" if one.every > 1 else "in a step" for one in self.sent}
        sent = [
            f"sent {when[one.every]}, for {one.what}: {human(one.n_bytes)} of shape {one.shape}" for one in self.sent
        ]
        largest, mean = int(self.synapses.max(initial=0)), float(self.synapses.mean())
        total = f"synapses of a device: {mean:,.0f}, at most {largest:,}; bytes sent in a step: {self.sent_bytes:,.1f}"
        return "\n".join((*self.lines, *sent, total))


def report(net: Network, devices: int, dt: QuantityLike = 0.1 * u.ms, record=()) -> Report:
    """How a network is divided among so many devices, and what they send each other in every step.

    Nothing is run, and the devices need not be there.

    Parameters
    ----------
    net : Network
    devices : int
    dt : quantity, time
        Length of a step.
    record
        What is recorded, as in :func:`brainsim.simulate`.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        For what cannot be divided.
    """
    entry = enter(net, dt, dt=dt, record=record).prepared()
    division = Division(net, devices)
    groups = tuple(
        {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in group.items()}
        for group in (entry.parameters, entry.fixed, entry.state)
    )
    chunk = Chunk(plan_of(net, entry.requests), entry.structure, division, None, groups)
    step = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), step_length(entry.step_ms))
    chunk.trace(step, {})
    arrays = [
        {path: _one(division.enter(path, x).shape, x.dtype, chunk.is_divided(path)) for path, x in group.items()}
        for group in (entry.parameters, entry.fixed, entry.state)
    ]
    jax.eval_shape(chunk.local({}), *arrays, {}, step, {}, jax.ShapeDtypeStruct((), jnp.int32))
    counts = [division.rows(path).counts for path in division.projections]
    synapses = np.sum(counts, axis=0) if counts else np.zeros(devices, int)
    return Report((*_populations(division), *_projections(division)), synapses, tuple(chunk.sent))


def _one(shape, dtype, divided):
    return jax.ShapeDtypeStruct((1, *shape) if divided else shape, dtype)


def _populations(division: Division):
    for name, population in division.net.populations.items():
        units = f"{population.count:,} unit{'s' * (population.count > 1)}"
        where = (
            f", {division.blocks[population.count].own:,} on a device"
            if name in division.populations
            else " on every device"
        )
        if name in division.forests:
            forest = division.forests[name]
            where = f", at most {forest.sites.size:,} of {forest.sites.n:,} compartments on a device"
        yield f"{name}: {units}{where}"


def _projections(division: Division):
    for name in division.net.projections:
        if name not in division.projections:
            yield f"{name}: on every device"
            continue
        counts = division.rows(name).counts
        yield f"{name}: {counts.sum():,} synapses where their targets are, at most {counts.max():,} on a device"
