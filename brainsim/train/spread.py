"""A batch divided among devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from brainsim.simulation.mesh import mesh_of
from brainsim.train.objective import Batch


class Spread:
    """Puts the examples of batches onto devices, each its share: what is computed of them follows.

    Parameters
    ----------
    mesh : jax.sharding.Mesh of one axis, list of jax.Device, or int, optional
        None: batches stay as they are.
    """

    def __init__(self, mesh: Mesh | int | Sequence[Any] | None):
        self.devices = None if mesh is None else list(mesh_of(mesh).devices.flat)

    def __call__(self, batch: Batch) -> Batch:
        """The batch, divided.

        Raises
        ------
        ValueError
            Where it cannot be.
        """
        if self.devices is None:
            return batch
        if len(batch.inputs) % len(self.devices):
            raise ValueError(
                f"mesh: a batch of {len(batch.inputs)} examples is not a multiple of {len(self.devices)} devices."
            )
        share = NamedSharding(Mesh(np.asarray(self.devices), ("examples",)), PartitionSpec("examples"))
        return Batch(*(None if part is None else jax.device_put(part, share) for part in batch))
