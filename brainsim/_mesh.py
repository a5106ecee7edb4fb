"""Devices that a network is divided among, and what each process has of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

AXIS = "neurons"


def mesh_of(given: Mesh | int | Sequence[Any]) -> Mesh:
    """The mesh of one axis that is asked for.

    Parameters
    ----------
    given : jax.sharding.Mesh, int or sequence of jax.Device
        A mesh of one axis; the first so many devices; or these devices.

    Raises
    ------
    TypeError, ValueError
        For anything else, or more devices than there are.
    """
    there = jax.devices()
    if isinstance(given, Mesh):
        if given.devices.ndim != 1:
            raise ValueError(
                f"mesh: neurons are divided along one axis, given a mesh of {dict(given.shape)}; make it of one:"
                f' jax.make_mesh(({given.devices.size},), ("neurons",)).'
            )
        return Mesh(given.devices, (AXIS,))
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        if not 1 <= given <= len(there):
            raise ValueError(
                f"mesh: expected 1 to {len(there)} devices, which is how many there are, given {given}; a CPU shows as"
                f" several with XLA_FLAGS=--xla_force_host_platform_device_count={max(int(given), 2)}."
            )
        return Mesh(np.asarray(there[:given]), (AXIS,))
    if isinstance(given, list | tuple) and given and all(isinstance(device, jax.Device) for device in given):
        return Mesh(np.asarray(given), (AXIS,))
    raise TypeError(f"mesh: expected a jax.sharding.Mesh, a number of devices or a list of them, given {given!r}.")


def size_of(n: int, devices: int) -> int:
    """Neurons of each block."""
    return -(-n // devices)


class Share(NamedTuple):
    """What a process builds of a network that is divided among devices: the synapses onto the neurons of its own.

    Parameters
    ----------
    mesh : jax.sharding.Mesh
        Of one axis.
    first, last : int
        The devices of this process: ``first`` to ``last - 1``.
    """

    mesh: Mesh
    first: int
    last: int

    @classmethod
    def of(cls, mesh: Mesh | int | Sequence[Any]) -> Share:
        """That of this process.

        Raises
        ------
        TypeError, ValueError
            For what is no mesh, or has no device of this process, or has them in several places.
        """
        mesh = mesh_of(mesh)
        here = [k for k, device in enumerate(mesh.devices.flat) if device.process_index == jax.process_index()]
        if not here or here != list(range(here[0], here[-1] + 1)):
            raise ValueError(
                f"mesh: the devices of a process stand behind each other, given those of process {jax.process_index()} at"
                f" {here}; jax.devices() has them in such an order."
            )
        return cls(mesh, here[0], here[-1] + 1)

    def __deepcopy__(self, memo) -> Share:
        return self  # devices are what they are

    @property
    def devices(self) -> int:
        """How many devices there are in all."""
        return self.mesh.devices.size

    @property
    def is_all(self) -> bool:
        """Whether this process has all devices."""
        return self.last - self.first == self.devices

    def block(self, n: int) -> range | None:
        """The neurons of a population of ``n`` whose synapses this process has; None for all of them."""
        if self.is_all or n < self.devices:
            return None
        size = size_of(n, self.devices)
        return range(min(self.first * size, n), min(self.last * size, n))

    def largest(self, numbers: Sequence[float]) -> list[float]:
        """Of each number the largest that any process has; all processes have to ask."""
        return self.everywhere(np.asarray(numbers, np.float64)).max(0).tolist()

    def everywhere(self, array: np.ndarray) -> np.ndarray:
        """An array of numbers of every process, (processes, ...)."""
        if self.is_all:
            return array[None]
        from jax.experimental.multihost_utils import process_allgather

        words = process_allgather(np.ascontiguousarray(array).view(np.uint32))  # or JAX would make 32 bits of them
        return np.ascontiguousarray(words).view(array.dtype).reshape(-1, *array.shape)


def check_held(share: Share | None, mesh: Mesh | None = None) -> None:
    """Refuse anything but a run on its own mesh for a network of which other processes have a part.

    Raises
    ------
    ValueError
        For any other use.
    """
    if share is None or share.is_all or (mesh is not None and list(mesh.devices.flat) == list(share.mesh.devices.flat)):
        return
    raise ValueError(
        f"the network was built on a mesh of {share.devices} devices, of which this process has {share.last - share.first}"
        " and the synapses onto their neurons alone: it is simulated on this mesh; for anything else build it without"
        " mesh=..."
    )
