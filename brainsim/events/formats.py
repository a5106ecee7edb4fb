"""Sparse formats: who connects to whom, without weights.

A format is a frozen dataclass and a JAX pytree: its index arrays are leaves and its shape is static. Weights are
passed beside it, as a scalar or as one value per synapse in the shape ``weight_shape``. A new format gives the five
methods of :class:`Format` and is served by every operation at once; ``layout`` is for those that have a kernel.
"""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events._check import concrete, index_array
from brainsim.events._frozen import Frozen
from brainsim.events._shared import Connectivity, Layout

MAX_SYNAPSES = 2**31 - 1


class Format(Frozen, abc.ABC, interface=True):
    """Which synapses there are.

    A subclass becomes a frozen dataclass and a pytree by existing. Its fields of type ``int`` are static, the others
    are leaves; what it checks in ``__post_init__`` is not checked again inside JAX's transformations.
    """

    if TYPE_CHECKING:  # fields, or properties that follow from fields

        @property
        def n_pre(self) -> int: ...
        @property
        def n_post(self) -> int: ...

    @property
    @abc.abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of one value per synapse."""

    @abc.abstractmethod
    def targets(self) -> jax.Array:
        """Postsynaptic neuron of each synapse, in a shape that broadcasts to ``weight_shape``."""

    @abc.abstractmethod
    def spread(self, values_pre: jax.Array) -> jax.Array:
        """The value of each synapse's presynaptic neuron, in a shape that broadcasts to ``weight_shape``."""

    @abc.abstractmethod
    def sum_rows(self, values: jax.Array) -> jax.Array:
        """Sum of one value per synapse over the synapses of each presynaptic neuron, ``[n_pre]``."""

    def total(self, values: jax.Array) -> jax.Array:
        """Sum of one value per synapse over all of them, ``[]``."""
        return jnp.broadcast_to(values, self.weight_shape).sum()

    @property
    def layout(self) -> Connectivity | None:
        """What the compiled kernels need to know; None where only plain JAX serves."""
        return None

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return math.prod(self.weight_shape)

    def coo(self) -> tuple[jax.Array, jax.Array]:
        """Presynaptic and postsynaptic neuron of each synapse, int32 ``[n_synapses]``, in the order of the weights."""
        pre = self.spread(jnp.arange(self.n_pre, dtype=jnp.int32))
        pre, post = (jnp.broadcast_to(x, self.weight_shape).ravel() for x in (pre, self.targets()))
        return pre, post

    def todense(self, weight: jax.Array | float = 1.0) -> jax.Array:
        """The weights as a matrix ``[n_pre, n_post]``; synapses between the same two neurons add up."""
        pre, post = self.coo()
        values = jnp.broadcast_to(jnp.asarray(weight), self.weight_shape).ravel()
        return jnp.zeros((self.n_pre, self.n_post), values.dtype).at[pre, post].add(values)

    def _check_synapses(self, n: int) -> None:
        if n > MAX_SYNAPSES:
            raise ValueError(
                f"{type(self).__name__}: {n} synapses are more than int32 can index ({MAX_SYNAPSES}). "
                "Split the projection, for example by groups of presynaptic neurons."
            )


def _int32(indices: jax.Array) -> jax.Array:
    """Indices as int32; by NumPy, as JAX would compile it for every number of synapses."""
    if indices.dtype == jnp.int32 or not concrete(indices):
        return indices.astype(jnp.int32)
    return jax.device_put(np.asarray(indices).astype(np.int32))


class CSR(Format):
    """Compressed rows: the targets of one presynaptic neuron after the other.

    Inside a program the arrays may be longer than the rows are, so that other numbers of synapses are no other programs.
    What lies behind the last row belongs to nobody: its source is ``n_pre`` and its target ``n_post``, which scatters
    drop.

    Parameters
    ----------
    indptr : int array ``[n_pre + 1]``
        Where each neuron's targets begin; ``indptr[0] == 0``, and the last entry is the number of synapses.
    indices : int array ``[n_synapses]``
        Postsynaptic neuron of each synapse. The same target may occur more than once. Kept in 16 bits where they hold
        it: rows come from memory, and half the bytes are twice the speed.
    n_post : int
        Number of postsynaptic neurons.

    Raises
    ------
    ValueError
        Where the arrays do not describe rows, a target does not exist, or there are more than 2\\ :sup:`31` - 1
        synapses.
    """

    indptr: jax.Array
    indices: jax.Array
    n_post: int

    if TYPE_CHECKING:

        def __init__(self, indptr: Any, indices: Any, n_post: int) -> None: ...

    def __post_init__(self) -> None:
        self._check_count("n_post")
        self._check_synapses(np.size(self.indices))
        indices = index_array(self, "indices", self.indices, 1, self.n_post, narrow=True)
        indptr = index_array(self, "indptr", self.indptr, 1, indices.size + 1)
        if indptr.size == 0:
            raise ValueError("CSR: indptr has n_pre + 1 entries; got none.")
        if concrete(indptr):
            rows = np.asarray(indptr)
            if rows[0] != 0 or rows[-1] != indices.size or np.any(np.diff(rows) < 0):
                raise ValueError(
                    f"CSR: indptr rises from 0 to the number of synapses ({indices.size}); got {rows[0]} to {rows[-1]}"
                    + (", falling in between." if np.any(np.diff(rows) < 0) else ".")
                )
        self._set(indptr=indptr, indices=indices)

    @property
    def n_pre(self) -> int:
        return self.indptr.shape[0] - 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.indices.shape[0],)

    @property
    def layout(self) -> Connectivity:
        narrow = self.indices.dtype == jnp.uint16
        return Connectivity(Layout.CSR_16 if narrow else Layout.CSR, self.n_pre, self.n_post)

    def coo(self) -> tuple[jax.Array, jax.Array]:
        return self._sources(), self.targets()

    def _sources(self) -> jax.Array:
        if self._is_full:  # by NumPy, as JAX would compile it for every number of synapses
            return jax.device_put(np.repeat(np.arange(self.n_pre, dtype=np.int32), np.diff(self.indptr)))
        rows = jnp.arange(self.n_pre, dtype=jnp.int32)
        sources = jnp.repeat(rows, jnp.diff(self.indptr), total_repeat_length=self.n_synapses)
        return self._within(sources, self.n_pre)

    def targets(self) -> jax.Array:
        targets = _int32(self.indices)
        return targets if self._is_full else self._within(targets, self.n_post)

    @property
    def _is_full(self) -> bool:
        """Whether it is known that nothing lies behind the last row."""
        return concrete(self.indptr) and int(np.asarray(self.indptr)[-1]) == self.n_synapses

    def _within(self, values: jax.Array, outside: int) -> jax.Array:
        """``values``, and ``outside`` behind the last row."""
        return jnp.where(jnp.arange(self.n_synapses, dtype=jnp.int32) < self.indptr[-1], values, outside)

    def longer(self, length: int) -> CSR:
        """The same rows in an array of ``length``."""
        indices = np.pad(np.asarray(self.indices), (0, length - self.n_synapses))
        return jax.tree.unflatten(jax.tree.structure(self), [self.indptr, jax.device_put(indices)])

    def spread(self, values_pre: jax.Array) -> jax.Array:
        return values_pre[self._sources()]

    def sum_rows(self, values: jax.Array) -> jax.Array:
        values = jnp.broadcast_to(values, self.weight_shape)
        return jax.ops.segment_sum(values, self._sources(), self.n_pre, indices_are_sorted=True)

    def total(self, values: jax.Array) -> jax.Array:
        values = jnp.broadcast_to(values, self.weight_shape)
        return values.sum() if self._is_full else self._within(values, 0).sum()


class FixedFanOut(Format):
    """Every presynaptic neuron has the same number of targets.

    Parameters
    ----------
    indices : int array ``[n_pre, fan_out]``
        Postsynaptic neurons of each presynaptic one.
    n_post : int
        Number of postsynaptic neurons.

    Raises
    ------
    ValueError
        Where a target does not exist, or there are more than 2\\ :sup:`31` - 1 synapses.
    """

    indices: jax.Array
    n_post: int

    if TYPE_CHECKING:

        def __init__(self, indices: Any, n_post: int) -> None: ...

    def __post_init__(self) -> None:
        self._check_count("n_post")
        self._check_synapses(np.size(self.indices))
        self._set(indices=index_array(self, "indices", self.indices, 2, self.n_post, narrow=True))

    @property
    def n_pre(self) -> int:
        return self.indices.shape[0]

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return tuple(self.indices.shape)

    @property
    def layout(self) -> Connectivity:
        narrow = self.indices.dtype == jnp.uint16
        layout = Layout.FIXED_FAN_OUT_16 if narrow else Layout.FIXED_FAN_OUT
        return Connectivity(layout, self.n_pre, self.n_post, self.indices.shape[1])

    def targets(self) -> jax.Array:
        return _int32(self.indices)

    def spread(self, values_pre: jax.Array) -> jax.Array:
        return values_pre[:, None]

    def sum_rows(self, values: jax.Array) -> jax.Array:
        return jnp.broadcast_to(values, self.weight_shape).sum(1)


class Diagonal(Format):
    """Neuron i connects to neuron i, as on the diagonal of a matrix.

    Parameters
    ----------
    n : int
        Number of neurons on either side.
    """

    n: int

    def __post_init__(self) -> None:
        self._check_count("n")
        self._check_synapses(self.n)

    @property
    def n_pre(self) -> int:
        return self.n

    @property
    def n_post(self) -> int:
        return self.n

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.n,)

    @property
    def layout(self) -> Connectivity:
        return Connectivity(Layout.ONE_TO_ONE, self.n, self.n)

    def targets(self) -> jax.Array:
        return jnp.arange(self.n, dtype=jnp.int32)

    def spread(self, values_pre: jax.Array) -> jax.Array:
        return values_pre

    def sum_rows(self, values: jax.Array) -> jax.Array:
        return jnp.broadcast_to(values, self.weight_shape)


class Block(Format):
    """Every neuron of one run of presynaptic neurons connects to every one of a run of postsynaptic neurons.

    It has no kernel: meant for one weight for all, where delivery is a sum over the first run.

    Parameters
    ----------
    n_pre, n_post : int
        Number of neurons on either side.
    first_pre, last_pre, first_post, last_post : int
        Where the runs begin, and where they end (the neuron after the last).

    Raises
    ------
    ValueError
        Where a run does not lie within its side.
    """

    n_pre: int
    n_post: int
    first_pre: int
    last_pre: int
    first_post: int
    last_post: int

    def __post_init__(self) -> None:
        self._check_count("n_pre", "n_post", "first_pre", "last_pre", "first_post", "last_post")
        for side, n in (("pre", self.n_pre), ("post", self.n_post)):
            first, last = getattr(self, f"first_{side}"), getattr(self, f"last_{side}")
            if not first <= last <= n:
                raise ValueError(f"Block: a run of {side}synaptic neurons lies in 0 to {n}; got {first} to {last}.")
        self._check_synapses(math.prod(self.weight_shape))

    @property
    def pre(self) -> slice:
        """The presynaptic neurons."""
        return slice(self.first_pre, self.last_pre)

    @property
    def post(self) -> slice:
        """The postsynaptic neurons."""
        return slice(self.first_post, self.last_post)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.last_pre - self.first_pre, self.last_post - self.first_post

    def targets(self) -> jax.Array:
        return jnp.arange(self.first_post, self.last_post, dtype=jnp.int32)[None, :]

    def spread(self, values_pre: jax.Array) -> jax.Array:
        return values_pre[self.pre, None]

    def sum_rows(self, values: jax.Array) -> jax.Array:
        sums = jnp.broadcast_to(values, self.weight_shape).sum(1)
        return jnp.pad(sums, (self.first_pre, self.n_pre - self.last_pre))


class Dense(Format):
    """Every presynaptic neuron connects to every postsynaptic one.

    Parameters
    ----------
    n_pre, n_post : int
        Number of neurons on either side.
    """

    n_pre: int
    n_post: int

    def __post_init__(self) -> None:
        self._check_count("n_pre", "n_post")
        self._check_synapses(self.n_pre * self.n_post)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.n_pre, self.n_post)

    @property
    def layout(self) -> Connectivity:
        return Connectivity(Layout.DENSE, self.n_pre, self.n_post)

    def targets(self) -> jax.Array:
        return jnp.arange(self.n_post, dtype=jnp.int32)[None, :]

    def spread(self, values_pre: jax.Array) -> jax.Array:
        return values_pre[:, None]

    def sum_rows(self, values: jax.Array) -> jax.Array:
        return jnp.broadcast_to(values, self.weight_shape).sum(1)
