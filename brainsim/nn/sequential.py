"""A stack of layers and populations, written as one expression."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from brainsim import _core
from brainsim._units import UNITLESS, float_dtype
from brainsim.connectivity import AllToAll, Normal, OneToOne
from brainsim.network import Network
from brainsim.nn.layers import LayerSpec, Linear
from brainsim.nn.neurons import Neurons
from brainsim.paths import Layer
from brainsim.population import Population
from brainsim.sources import SpikeInput


class Residual:
    """Parts of a stack, and a way past them: what goes in is also sent to their last population.

    Parameters
    ----------
    *parts
        As of :class:`Sequential`; the last is a population.
    weight : quantity, optional
        What a spike on the way past adds, 1 in the receptor's unit by default: one to one where sizes are the same.
        Otherwise the way past is all to all, with weights as of :class:`Linear`.

    References
    ----------
    K. He et al., CVPR (2016); W. Fang et al., NeurIPS 34 (2021).
    """

    def __init__(self, *parts: Any, weight: Any = None):
        if not parts or not isinstance(parts[-1], Neurons | Population):
            raise TypeError("nn.Residual: the last part is a population, such as nn.LIF().")
        self.parts, self.weight = parts, weight


class Sequential(Network):
    """Populations one behind the other with layers between them: a network like any other.

    ::

        net = bs.nn.Sequential(
            64,
            bs.nn.Linear(128), bs.nn.LIF(tau=8 * u.ms),
            bs.nn.Linear(10), bs.nn.LeakyReadout(),
        )

    The populations are ``net.input``, ``net.hidden1``, ..., ``net.output``, the projections ``net["input->hidden1"]``, ...;
    they can be connected further, recorded, swept and trained by path. A spike acts on the next population in the next
    step, as in every network.

    Parameters
    ----------
    size : int, tuple of int, or Population
        Shape of an input, or a population that sends.
    *parts : LayerSpec, flax.nnx.Module, Neurons, Population or Residual
        Layers (:class:`Linear`, :class:`Conv`, ..., or any module of flax nnx) and populations (:class:`LIF`,
        :class:`Neurons`, or a population of brainsim of the right size). Layers that follow each other are one path. The
        last part is a population: the output.
    seed : int
        Seed of all initial values.

    Raises
    ------
    TypeError, ValueError
        For parts that do not fit together; the message says which.
    """

    order: tuple[str, ...]  # names of the populations, from the input to the output
    read: tuple[str, str | Callable]  # what is the output: path and decoder
    signals: tuple[tuple[str, str], ...]  # populations that send a state at every step, each with its name

    def __init__(self, size: int | tuple[int, ...] | Population, *parts: Any, seed: int = 0):
        super().__init__(seed)
        self.fix(order=(), read=("", "mean"), signals=())
        source = size if isinstance(size, Population) else SpikeInput(size)
        self._add("input", source)
        counted = [part for part in _flat(parts) if isinstance(part, Neurons | Population)]
        if not counted or parts[-1] is not counted[-1] and not isinstance(parts[-1], Residual):
            raise ValueError(
                "nn.Sequential: the last part is a population, the output: nn.LeakyReadout(), nn.LIF(), ..."
            )
        self._build(parts, len(counted))
        last = counted[-1]
        variable, decode = last.read if isinstance(last, Neurons) else ("spikes", "count")
        self.fix(read=(f"{self.order[-1]}.{variable}", decode))

    def _build(self, parts: tuple, total: int) -> None:
        """Add parts behind the last population; there will be ``total`` behind the input."""
        waiting: list = []
        for part in parts:
            if isinstance(part, Neurons | Population):
                self._append(waiting, part, total)
                waiting = []
            elif isinstance(part, Residual):
                if waiting:
                    raise ValueError("nn.Sequential: before a Residual stands a population, not a layer.")
                source = self.order[-1]
                self._build(part.parts, total)
                self._pass_by(source, self.order[-1], part.weight)
            elif isinstance(part, LayerSpec) or _core.is_layer(part):
                waiting.append(part)
            else:
                raise TypeError(
                    "nn.Sequential: expected layers and populations, nn.Linear(128), nn.LIF(), nnx.Conv(...), given"
                    f" {part!r}."
                )
        if waiting:
            raise ValueError(f"nn.Sequential: behind {waiting[-1]!r} stands no population; give nn.LIF() or another.")

    def _append(self, layers: list, part: Neurons | Population, total: int) -> None:
        pre = self.order[-1]
        if not layers:
            raise ValueError(f"nn.Sequential: between {pre} and {part!r} stands no layer; give nn.Linear(...).")
        spiking = sum(name.startswith("hidden") for name in self.order)
        name = getattr(part, "name", None) or ("output" if len(self.order) == total else f"hidden{spiking + 1}")
        path, alone = f"{pre}->{name}", layers[0] if len(layers) == 1 else None
        synaptic = alone if isinstance(alone, Linear) and alone.synaptic else None
        module = None if synaptic is not None else self._module(path, layers, self.populations[pre].size)
        if isinstance(part, Neurons):
            made = self._size(path, alone, module, pre)
            self._add(name, part.population(made, graded=pre in dict(self.signals)))
            if part.signal is not None:
                self.fix(signals=(*self.signals, (name, part.signal)))
        else:
            self._add(name, part)
        post = self.populations[name]
        if synaptic is not None:
            self._synapses(pre, name, synaptic)
        else:
            options: dict[str, Any] = dict(receptor=_receptor(post), signal=self._signal(pre, post))
            self.connect(self.populations[pre], post, Layer(module), **options)
        if isinstance(part, Neurons) and part.recurrent is not None:
            self._synapses(name, name, part.recurrent)

    def _add(self, name: str, population: Population) -> None:
        setattr(self, name, population)
        self.fix(order=(*self.order, name))

    def _size(self, path, linear, module, pre) -> tuple[int, ...]:
        """Shape of what comes in."""
        if module is None:
            if linear.size is None:
                raise ValueError(f"{path}: give the number of outputs, nn.Linear(128).")
            return (linear.size,)
        return _core.result_of(module, self.populations[pre].size, float_dtype()).shape

    def _module(self, path: str, layers: list, shape: tuple[int, ...]):
        """One module of all layers between two populations, for inputs of ``shape``."""
        made = []
        for k, layer in enumerate(layers):
            key = jax.random.fold_in(_core.key_at(self.plain("key"), path), k)
            try:
                module = layer.module(shape, key) if isinstance(layer, LayerSpec) else layer
                if _core.normalises_alone(module):
                    raise ValueError(
                        "flax's BatchNorm sees one example at a time here; take nn.BatchNorm(), whose statistics are those"
                        " of the batch"
                    )
                shape = _core.result_of(module, shape, float_dtype()).shape
            except Exception as error:
                shown = layer if isinstance(layer, LayerSpec) else type(layer).__name__
                raise ValueError(f"{path}: {shown} does not fit to an input of shape {shape}: {error}") from error
            made.append(module)
        whole = _core.chain(made)
        _core.set_mode(whole, False)  # an Objective lets it train
        return whole

    def _synapses(self, pre: str, post: str, linear: Linear) -> None:
        source, target = self.populations[pre], self.populations[post]
        receptor = _receptor(target)
        weight: Any = linear.weight
        if weight is None:
            unit = target.receptors[receptor].weight_unit(UNITLESS)
            weight = Normal(0.0 * unit, linear.gain / math.sqrt(len(source)) * unit)
        elif getattr(weight, "ndim", 0) == 2 and np.shape(weight) != (len(source), len(target)):
            raise ValueError(
                f"{pre}->{post}: nn.Linear has a weight of shape {np.shape(weight)}; the populations have"
                f" {len(source)} and {len(target)} units."
            )
        options: dict[str, Any] = dict(delay=linear.delay, max_delay=linear.max_delay, signal=self._signal(pre, target))
        self.connect(source, target, AllToAll(), receptor=receptor, weight=weight, **options)

    def _pass_by(self, pre: str, post: str, weight: Any) -> None:
        source, target = self.populations[pre], self.populations[post]
        if len(source) != len(target):
            self._synapses(pre, post, Linear(weight=weight))
            return
        receptor = _receptor(target)
        unit = target.receptors[receptor].weight_unit(UNITLESS)
        options: dict[str, Any] = dict(receptor=receptor, signal=self._signal(pre, target))
        self.connect(source, target, OneToOne(), weight=1.0 * unit if weight is None else weight, **options)

    def _signal(self, pre: str, target: Any) -> str | None:
        """What a population sends to another whose inputs are graded: the state that it names, or its spikes."""
        sent = dict(self.signals).get(pre)
        return sent or ("spikes" if target.receptors[_receptor(target)].graded else None)

    def __repr__(self) -> str:
        lines = [f"{name}: {type(self.populations[name]).__name__}{self.populations[name].size}" for name in self.order]
        synapses = sum(p.n_synapses for p in self.projections.values())
        return f"Sequential({' -> '.join(lines)}; {synapses:,} weights)"

    __str__ = __repr__


def _receptor(population: Population) -> str:
    """The receptor that inputs act through: that called "input", or the only one."""
    names = list(getattr(population, "receptors", {}))
    if "input" in names or len(names) == 1:
        return "input" if "input" in names else names[0]
    raise ValueError(
        f"{population.path}: has {'no receptor' if not names else 'the receptors ' + ', '.join(names)}; call the one that"
        " the stack acts on 'input'."
    )


def _flat(parts):
    for part in parts:
        if isinstance(part, Residual):
            yield from _flat(part.parts)
        else:
            yield part
