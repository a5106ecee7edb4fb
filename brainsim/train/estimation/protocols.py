"""Protocols: the stimuli of an experiment, what is recorded, and what is asked of it; all run as one batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import split
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.population import View
from brainsim.simulation.door import slots_of, values_at
from brainsim.simulation.function import function, one_by_one
from brainsim.train.estimation.targets import Features, Target
from brainsim.train.features import efel


@dataclasses.dataclass(frozen=True, eq=False)
class Protocol:
    """One run of an experiment.

    Parameters
    ----------
    values : dict of str to quantity
        Parameters that it sets, by path: ``{"cell.step.amplitude": 0.3 * u.nA}``. Those of other protocols are as they are
        in the network.
    targets : sequence of Target
        What is asked: :class:`Voltage`, :class:`SpikeTimes`, :class:`Features`, :class:`PhasePlane`, or one's own.
    """

    values: Mapping[str, Any]
    targets: Sequence[Target] = ()


class Protocols:
    r"""The protocols of an experiment on a network, run at once by ``vmap``.

    .. math:: L = \tfrac12 \sum_p \sum_{i \in p} r_{pi}^2

    ::

        net.cell.add_stimuli(step=bs.stimuli.Constant(0 * u.nA, start=100 * u.ms, stop=600 * u.ms))
        window = dict(start=100 * u.ms, stop=600 * u.ms)
        protocols = bs.train.Protocols(
            net, 700 * u.ms, dt=0.025 * u.ms, record={"soma": net.cell.at("soma")},
            low=Protocol({"cell.step.amplitude": -0.1 * u.nA},
                         [Features("soma", {"sag_ratio1": (0.2, 0.05)}, **window)]),
            high=Protocol({"cell.step.amplitude": 0.3 * u.nA},
                          [Features("soma", {"mean_frequency": (15, 2), "AP_height": (25, 4)}, **window)]),
        )
        loss = lambda free: protocols.loss(unknowns.parameters(free))
        print(protocols.report(unknowns.parameters(found.best)))

    Parameters
    ----------
    net : Network
    duration, dt : quantity, time
        Of all.
    record : dict of str to str or Sites
        What is recorded, by names of one's own: a path such as ``"cell.V"`` of one number, or one place.
    checkpoint_every, remat
        As of :func:`brainsim.function`: what bounds the memory of gradients.
    adaptive : Adaptive, optional
        Steps of each run's own length, as of :func:`brainsim.function`; the protocols then run one after the other. ``dt`` is the
        interval of what targets are given.
    bound : float, optional
        Residuals count as :math:`b^2(\sqrt{1 + (r/b)^2} - 1)`: those beyond b by their size, not its square.
    **protocols : Protocol

    Raises
    ------
    UnknownNameError, UnitError, TypeError, ValueError
        For parameters, recordings and targets that do not fit.
    """

    def __init__(
        self,
        net: Network,
        duration: QuantityLike,
        *,
        dt: QuantityLike,
        record: Mapping[str, Any],
        checkpoint_every: int | None = None,
        remat: bool = True,
        adaptive: Adaptive | None = None,
        bound: float | None = None,
        **protocols: Protocol,
    ):
        if not protocols:
            raise ValueError("Protocols: name at least one, step=Protocol({...}, [...]).")
        self.net, self.dt, self.bound, self.protocols = net, dt, bound, dict(protocols)
        self.adaptive = adaptive is not None
        self.recordings = {name: _path_of(name, what) for name, what in record.items()}
        for name, protocol in protocols.items():
            _check(name, protocol, self.recordings)
        self.run = function(
            net, duration, dt=dt, record=list(dict.fromkeys(self.recordings.values())),
            checkpoint_every=checkpoint_every, remat=remat, adaptive=adaptive,
        )  # fmt: skip
        self.varied = self._stacked()

    def _stacked(self) -> dict[str, jax.Array]:
        """Of each parameter that a protocol sets, the values of all, (protocols, ...)."""
        arrays, found = split(self.net)[1], {}
        for path in dict.fromkeys(path for protocol in self.protocols.values() for path in protocol.values):
            if path not in arrays:
                raise UnknownNameError(f"Protocols: the network has no parameter {path!r}.{suggestion(path, arrays)}")
            slot, rows = slots_of(self.net, {path: arrays[path]}), []
            for name, protocol in self.protocols.items():
                given = {path: protocol.values.get(path, arrays[path])}
                rows.append(values_at(slot, {path: arrays[path]}, given, f"Protocols: {name}")[path])
            shape = np.broadcast_shapes(*(np.shape(row) for row in rows))
            found[path] = jnp.stack([jnp.broadcast_to(row, shape) for row in rows])
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Of the protocols."""
        return tuple(self.protocols)

    def only(self, *names: str) -> Protocols:
        """The same with some of the protocols, for a stage of a fit.

        Raises
        ------
        UnknownNameError
            For a name that there is not.
        """
        for name in names:
            if name not in self.protocols:
                raise UnknownNameError(f"Protocols: there is no {name!r}.{suggestion(name, self.protocols)}")
        made = Protocols.__new__(Protocols)
        vars(made).update(vars(self))
        made.protocols = {name: self.protocols[name] for name in names}
        rows = np.array([self.names.index(name) for name in names])
        made.varied = {path: array[rows] for path, array in self.varied.items()}
        return made

    # -- what a run gives --------------------------------------------------------------------------------------------

    def responses(self, parameters: Mapping[str, Any] | None = None) -> dict[str, dict[str, jax.Array]]:
        """What is recorded, in mV, by protocol and recording, (n_steps,) each: a pure function.

        Parameters
        ----------
        parameters : dict of str to array, optional
            By path, beside those that the protocols set; those left out are as in the network.
        """
        given = dict(parameters or {})
        both = sorted(given.keys() & self.varied.keys())
        if both:
            raise ValueError(f"Protocols: {', '.join(both)} is set by the protocols, and cannot be given too.")
        own = {path: jnp.asarray(array) for path, array in self.varied.items()}
        one = lambda values: self.run(given | values, {})[1]
        recorded = (one_by_one(one, own) if self.adaptive else jax.vmap(one)(own)) if own else None
        if recorded is None:  # the protocols set nothing, and are one run
            recorded = jax.tree.map(lambda x: x[None], self.run(given, {})[1])
        row = lambda k: k if own else 0
        return {
            name: {key: recorded[path][row(k)].reshape(-1) for key, path in self.recordings.items()}
            for k, name in enumerate(self.names)
        }

    def residuals(self, parameters: Mapping[str, Any] | None = None) -> jax.Array:
        """What is off in all, in standard deviations, in one row: a pure function."""
        responses = self.responses(parameters)
        return jnp.concatenate([jnp.ravel(r) for _, _, r in self._each(responses)])

    def _each(self, responses):
        for name, protocol in self.protocols.items():
            for target in protocol.targets:
                yield name, target, target.residuals(responses[name][target.at], self.dt)

    def loss(self, parameters: Mapping[str, Any] | None = None) -> jax.Array:
        """Half of the sum of squares of the residuals, bounded if asked for, (): a pure function."""
        squares = jnp.square(self.residuals(parameters))
        if self.bound is None:
            return 0.5 * jnp.sum(squares)
        return self.bound**2 * jnp.sum(jnp.sqrt(1 + squares / self.bound**2) - 1)

    def features(self, parameters: Mapping[str, Any] | None = None) -> jax.Array:
        """Values of all features that are asked for, in one row, NaN where one is not defined: a pure function."""
        responses = self.responses(parameters)
        found = [target.measured(responses[name][target.at], self.dt) for name, target in self._features()]
        return jnp.concatenate(found) if found else jnp.zeros(0)

    def _features(self):
        for name, protocol in self.protocols.items():
            for target in protocol.targets:
                if isinstance(target, Features):
                    yield name, target

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of :meth:`features` are called."""
        each = ((name, target, key) for name, target in self._features() for key in target.values)
        return tuple(f"{name}.{target.at}.{key}" for name, target, key in each)

    def report(self, parameters: Mapping[str, Any] | None = None, by_efel: bool = True) -> Report:
        """How far each target is from what is asked, to print.

        Parameters
        ----------
        parameters : dict of str to array, optional
            As of :meth:`responses`.
        by_efel : bool
            Whether features are measured by eFEL; if not, as they are here.

        Returns
        -------
        Report

        Raises
        ------
        ImportError
            Without the package efel.
        """
        responses, rows = jax.jit(self.responses)(dict(parameters or {})), []
        for name, target, off in self._each(responses):
            V = np.asarray(responses[name][target.at])
            if not isinstance(target, Features):
                rms = float(np.sqrt(np.sum(np.square(off))))
                rows.append(Row(name, target.at, type(target).__name__, float("nan"), float("nan"), float("nan"), rms))
                continue
            found = dict(zip(target.values, np.asarray(target.measured(jnp.asarray(V), self.dt)).tolist()))
            if by_efel:
                trace = target.trace(V, self.dt)
                window = dict(start=float(trace.start) * u.ms, stop=float(trace.stop) * u.ms)
                found = efel(V, self.dt, list(target.values), threshold=target.threshold, **window)
            for key in target.values:
                mean, std = target.asked(key)
                rows.append(Row(name, target.at, key, found[key], mean, std, (found[key] - mean) / std))
        return Report(tuple(rows))


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of a :class:`Report`: what was measured and asked, and how many standard deviations lie between them; of a
    target that is no feature, the root of its sum of squares.
    """

    protocol: str
    at: str
    what: str
    measured: float
    mean: float
    std: float
    off: float


@dataclasses.dataclass(frozen=True)
class Report:
    """How far a model is from what is asked of it.

    Parameters
    ----------
    rows : tuple of Row
    """

    rows: tuple[Row, ...]

    @property
    def worst(self) -> float:
        """The largest deviation in standard deviations; NaN where something is not defined."""
        return float(np.max(np.abs([row.off for row in self.rows])))

    def __str__(self) -> str:
        lines = [f"{'protocol':16} {'at':10} {'what':32} {'measured':>10} {'asked':>10} {'std':>9} {'off (std)':>10}"]
        for row in self.rows:
            numbers = f"{row.measured:10.4g} {row.mean:10.4g} {row.std:9.3g} {row.off:10.2f}"
            lines.append(f"{row.protocol:16} {row.at:10} {row.what:32} {numbers}")
        return "\n".join(lines)


def _path_of(name: str, what: Any) -> str:
    """The path that a recording stands for."""
    if isinstance(what, str):
        return what
    if isinstance(what, View):
        ids = np.asarray(what.ids)
        if ids.size != 1:
            raise ValueError(
                f"Protocols: record {name!r} must be one place, given {ids.size} of {what.population.path}."
            )
        return f"{what.population.path}.V[{int(ids[0])}]"
    raise TypeError(
        f"Protocols: record {name!r} must be a path or a place such as net.cell.at('soma'), given {what!r}."
    )


def _check(name: str, protocol: Any, recordings: Mapping[str, str]) -> None:
    if not isinstance(protocol, Protocol):
        raise TypeError(f"Protocols: {name} must be a Protocol, given {protocol!r}.")
    for target in protocol.targets:
        at = getattr(target, "at", None)
        if at not in recordings:
            hint = suggestion(str(at), recordings)
            raise UnknownNameError(f"Protocols: {name} asks something of {at!r}, which is not recorded.{hint}")
