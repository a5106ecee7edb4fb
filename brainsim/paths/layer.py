from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import (
    Clock,
    applied,
    in_the_float_type,
    is_layer,
    looked_at,
    number_of_parameters,
    over_time,
    result_of,
    with_tuples,
)
from brainsim._units import float_dtype
from brainsim.paths.base import Path
from brainsim.population import View


class Layer:
    r"""A layer of flax nnx between two populations: dense, convolution, normalisation, attention, or a module of your
    own.

    .. math:: g \leftarrow g + w\,f_\theta(s)

    with s what arrives in a step, in the shape of the presynaptic population, and w the ``weight`` of the projection:
    what 1 in the layer's output stands for. The output has as many elements as the postsynaptic population::

        net.inp = SpikeInput((28, 28, 1))
        net.hid = LIF((28, 28, 8))
        net.connect(net.inp, net.hid, Layer(nnx.Conv(1, 8, (3, 3), rngs=nnx.Rngs(0))), receptor="ampa", weight=1 * u.nS)

    Parameters of the layer are parameters of the network by path (``"inp->hid.layer.kernel"``): trained, swept and
    saved like all. Its other variables are state; a reset puts them back, but for running statistics, which are learned. It is applied to one
    example at every step, whether there are spikes or not; ``jax.vmap`` and ``sweep`` give batches. What it draws, as
    dropout does, follows from the network's seed, the projection's path and the step. Whether it trains or evaluates is
    the layer's own matter (``layer.train()``, ``layer.eval()``).

    Parameters
    ----------
    module : flax.nnx.Module
        Called with one array.

    Raises
    ------
    TypeError
        For what is not a module of flax nnx.

    References
    ----------
    flax.readthedocs.io, Flax NNX.
    """

    values = 1.0  # the weight where none is given

    def __init__(self, module: Any):
        if not is_layer(module):
            raise TypeError(
                f"paths.Layer: expected a module of flax nnx, such as nnx.Linear(100, 10, rngs=nnx.Rngs(0)), given"
                f" {type(module).__name__}."
            )
        self.module = module

    def __repr__(self) -> str:
        return f"Layer({type(self.module).__name__})"

    name = property(__repr__)

    def between(self, path: str, pre: View, post: View) -> Ends:
        """Where the layer stands, between two views.

        Raises
        ------
        ValueError
            For a layer that does not fit there.
        """
        in_the_float_type(self.module)
        with_tuples(self.module)
        (sources, shape), (targets, _) = _side(pre), _side(post)
        n_pre, n_post = pre.extent, post.extent
        ends = Ends(number_of_parameters(self.module), n_pre, n_post, sources, shape, targets)
        try:
            result = result_of(self.module, ends.shape, float_dtype())
        except Exception as error:
            raise ValueError(
                f"{path}: {self!r} cannot take what {ends.n_in} presynaptic units send as an array of shape"
                f" {ends.shape}: {error}"
            ) from error
        made = getattr(result, "shape", None)
        if made is None or math.prod(made) != len(post):
            raise ValueError(
                f"{path}: {self!r} makes {type(result).__name__ if made is None else f'shape {made}'} of an input of"
                f" shape {ends.shape}; the postsynaptic side has {len(post)} units."
            )
        return ends


@dataclasses.dataclass(frozen=True)
class Ends:
    """Between which units a layer stands.

    Parameters
    ----------
    n_synapses : int
        What is counted as its synapses: the parameters of the layer.
    n_pre, n_post : int
        Sizes of the two populations.
    sources : tuple of int or None
        The presynaptic units; None for all.
    shape : tuple of int
        Shape in which their values enter the layer.
    targets : tuple of int or None
        The postsynaptic units; None for all.
    """

    n_synapses: int
    n_pre: int
    n_post: int
    sources: tuple[int, ...] | None
    shape: tuple[int, ...]
    targets: tuple[int, ...] | None

    @property
    def weight_shape(self) -> tuple:
        """One weight multiplies what the layer makes."""
        return ()

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class Applied(Path):
    """A layer in one step.

    Parameters
    ----------
    module : flax.nnx.Module
    ends : Ends
    weight : float array, ()
    """

    module: Any
    ends: Ends
    weight: jax.Array

    def deliver(self, clock: Clock, arrived, receptor):
        key = jax.random.fold_in(clock.of("layer").key, clock.step)
        call = functools.partial(applied, step=clock.step)
        for port, value in self._outputs(call, arrived, receptor, key).items():
            receptor.put(port, receptor.plain(port) + value)

    def sums(self, arrived, receptor):
        return self._outputs(looked_at, arrived, receptor, jax.random.PRNGKey(0))

    def all_at_once(self, arrived: jax.Array, receptor: Any, steps: jax.Array) -> dict[str, jax.Array]:
        """What the layer makes for the ports at each of ``steps``, (n_steps, n_post), of what arrives at each, (n_steps,
        n_pre): before its weight, so that no array is written for a product alone. Statistics over all steps are changed.
        """
        x = jax.vmap(lambda arrived: self._entering(arrived, receptor))(arrived)
        return {receptor.ports[0]: jax.vmap(self._leaving)(over_time(self.module, x, steps))}

    def _outputs(self, call, arrived, receptor, key) -> dict:
        made = self._leaving(call(self.module, self._entering(arrived, receptor), key))
        return {receptor.ports[0]: self.weight * made}

    def _entering(self, arrived, receptor):
        (feature,) = receptor.features(arrived)
        x = feature.astype(self.weight.dtype)
        return (x if self.ends.sources is None else x[np.asarray(self.ends.sources)]).reshape(self.ends.shape)

    def _leaving(self, y):
        y, ends = y.ravel().astype(self.weight.dtype), self.ends
        if ends.targets is None:
            return y
        return jnp.zeros(ends.n_post, y.dtype).at[np.asarray(ends.targets)].add(y)


def _side(view: View) -> tuple:
    """``(units, shape)`` of a view: None and the shape of the population where it is all of it."""
    whole = np.array_equal(view.ids, np.arange(view.extent))
    return (None, view.size) if whole else (tuple(view.ids.tolist()), (len(view),))
