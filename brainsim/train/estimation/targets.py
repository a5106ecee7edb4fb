"""What is asked of a recorded potential: a course, spike times, features, a portrait; each as residuals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import Protocol as Interface

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._units import NumberLike, QuantityLike, float_dtype, in_unit, split_quantity
from brainsim.train.features.table import feature
from brainsim.train.features.trace import Trace


class Target(Interface):
    """Something that is asked of the potential at one place.

    Of one's own: any object with these two members.
    """

    at: str  #: name of the recording

    def residuals(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """What is off, in standard deviations: (k,), of the samples V in mV, (n,). Half the sum of squares is the loss."""
        ...


def _samples(time: QuantityLike | None, otherwise: int, dt: QuantityLike, what: str) -> int:
    """How many samples there are before a time."""
    if time is None:
        return otherwise
    count = round(float(in_unit(time, u.ms, what)) / float(in_unit(dt, u.ms, what)))
    if not 0 <= count <= otherwise:
        raise ValueError(f"{what}: {time} is not within the {otherwise} samples of {dt}.")
    return count


@dataclasses.dataclass(frozen=True, eq=False)
class Voltage:
    r"""A recorded course of the potential.

    .. math:: r_k = \sqrt{w/n}\,\frac{V_k - V^{rec}_k}{\sigma}

    for the n samples between ``start`` and ``stop``: all of a course counts as w numbers do.

    Parameters
    ----------
    at : str
        Name of the recording.
    recorded : quantity or array, (n_steps,)
        A sample for each step; plain numbers are in mV.
    std : quantity, voltage
        :math:`\sigma`, what is allowed.
    start, stop : quantity, time, optional
        The window that counts.
    weight : float
        w.
    """

    at: str
    recorded: NumberLike
    std: QuantityLike = dataclasses.field(default_factory=lambda: 1.0 * u.mV)
    start: QuantityLike | None = None
    stop: QuantityLike | None = None
    weight: float = 1.0

    def residuals(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """One for each sample of the window."""
        target = _plain_mV(self.recorded, f"Voltage at {self.at}: recorded")
        if target.shape != V.shape:
            raise ValueError(
                f"Voltage at {self.at}: {V.size} steps are recorded, and the target has shape {target.shape}."
            )
        begin = _samples(self.start, V.size, dt, f"Voltage at {self.at}: start") if self.start is not None else 0
        end = _samples(self.stop, V.size, dt, f"Voltage at {self.at}: stop")
        if end <= begin:
            raise ValueError(f"Voltage at {self.at}: there is no sample between {self.start} and {self.stop}.")
        scale = float(np.sqrt(self.weight / (end - begin))) / float(in_unit(self.std, u.mV, "Voltage: std"))
        return scale * (V[begin:end] - target[begin:end])


@dataclasses.dataclass(frozen=True, eq=False)
class SpikeTimes:
    r"""Times of spikes, each compared with that of the same number.

    .. math:: r_j = (t_j - t^{rec}_j)/\sigma,\qquad r_n = (n - n^{rec})/\sigma_n

    A time is that of the peak, with its derivative. For spikes that are missing :math:`r_j` is ``missing`` and what V
    lacks to the threshold, so that a gradient leads there.

    Parameters
    ----------
    at : str
        Name of the recording.
    times : quantity, (k,)
        Of the peaks, from the beginning of the run.
    std : quantity, time
        :math:`\sigma`.
    std_count : float
        :math:`\sigma_n`, of the (smooth) number of spikes.
    start, stop, threshold
        As of :class:`brainsim.train.features.Trace`.
    missing : float
        In standard deviations.
    """

    at: str
    times: QuantityLike
    std: QuantityLike = dataclasses.field(default_factory=lambda: 1.0 * u.ms)
    std_count: float = 0.5
    start: QuantityLike | None = None
    stop: QuantityLike | None = None
    threshold: QuantityLike = dataclasses.field(default_factory=lambda: -20.0 * u.mV)
    missing: float = 5.0

    def residuals(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """One for each time, and one for their number."""
        asked = jnp.atleast_1d(jnp.asarray(in_unit(self.times, u.ms, f"SpikeTimes at {self.at}: times"), float_dtype()))
        trace = Trace(V, dt, start=self.start, stop=self.stop, threshold=self.threshold, most=max(asked.size, 1))
        off = (trace.peaks - asked) / float(in_unit(self.std, u.ms, "SpikeTimes: std")) if asked.size else asked
        present = trace.present[: asked.size]
        bounded = jnp.clip(off, -self.missing, self.missing)
        found = jnp.where(present, bounded, self.missing + _short_of(trace))
        return jnp.append(found, (trace.count - asked.size) / self.std_count)


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    r"""Features with their means and standard deviations, as experiments give them.

    .. math:: r_f = (f(V) - \mu_f)/\sigma_f

    Where one is not defined, as the width of a spike where there is none, r is ``missing`` and what V lacks to the
    threshold, and the number of spikes to those needed.

    Parameters
    ----------
    at : str
        Name of the recording.
    values : dict of str to (mean, std)
        By the names of :data:`brainsim.train.features.FEATURES`; quantities, or plain numbers in mV, ms and Hz.
    start, stop : quantity, time, optional
        When the stimulus begins and ends.
    threshold : quantity, voltage
        Of spikes.
    missing : float
        In standard deviations.

    Raises
    ------
    UnknownNameError, UnitError, ValueError
        For features that there are not, of another dimension, and standard deviations that are not positive.
    """

    at: str
    values: Mapping[str, tuple[Any, Any]]
    start: QuantityLike | None = None
    stop: QuantityLike | None = None
    threshold: QuantityLike = dataclasses.field(default_factory=lambda: -20.0 * u.mV)
    missing: float = 10.0

    def __post_init__(self):
        for name in self.values:
            if not self.asked(name)[1] > 0:
                raise ValueError(
                    f"Features: the standard deviation of {name} must be positive, given {self.values[name]}."
                )

    def asked(self, name: str) -> tuple[float, float]:
        """Mean and standard deviation, plain."""
        unit, given = feature(name).unit, self.values[name]
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise ValueError(f"Features: {name} needs its mean and standard deviation, given {given!r}.")
        plain = [float(in_unit(x, unit, f"Features: {name}") if isinstance(x, u.Quantity) else x) for x in given]
        return plain[0], plain[1]

    def trace(self, V: NumberLike, dt: QuantityLike) -> Trace:
        """The potential with its spikes."""
        return Trace(V, dt, start=self.start, stop=self.stop, threshold=self.threshold)

    def measured(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """The values, plain, in the order given, (k,); NaN where one is not defined."""
        trace = self.trace(V, dt)
        found = [feature(name).of(trace) for name in self.values]
        return jnp.stack([jnp.where(defined, value, jnp.nan) for value, defined in found])

    def residuals(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """One for each feature."""
        trace, found = self.trace(V, dt), []
        for name in self.values:
            (mean, std), described = self.asked(name), feature(name)
            value, defined = described.of(trace)
            lacking = _short_of(trace) + jnp.maximum(described.spikes - trace.count, 0.0)
            found.append(jnp.where(defined, (jnp.where(defined, value, mean) - mean) / std, self.missing + lacking))
        return jnp.stack(found)


def _short_of(trace: Trace) -> jax.Array:
    """What V lacks to one more spike, in parts of 10 mV, smoothly."""
    return jax.nn.softplus((trace.threshold - trace.reach) / 10.0)


@dataclasses.dataclass(frozen=True, eq=False)
class PhasePlane:
    r"""How often V and its slope are where, whatever the time: the portrait in the phase plane.

    .. math:: p_{ij} = \frac1n \sum_k K\!\Bigl(\frac{V_k - v_i}{h_v}\Bigr)\,K\!\Bigl(\frac{\dot V_k - s_j}{h_s}\Bigr),
        \qquad r_{ij} = \frac{\sqrt{p_{ij}} - \sqrt{p^{rec}_{ij}}}{\sigma}

    with quadratic splines K, so that a point counts in the nine places of the grid around it. It is for spikes of which
    the time does not matter.

    Parameters
    ----------
    at : str
        Name of the recording.
    recorded : quantity or array, (n,)
        A course, of the same step; plain numbers are in mV.
    lowest, highest : quantity, voltage
        Ends of the grid of V; what is beyond counts there.
    steepest : quantity, voltage per time
        The grid of slopes is from -this to this, finer near 0.
    size : tuple of int
        Places of the grid, of V and of slopes.
    std : float
        :math:`\sigma`.
    start, stop : quantity, time, optional
        The window that counts.

    References
    ----------
    G. LeMasson, R. Maex, in Computational Neuroscience, CRC Press (2001), ch. 1; P. Achard, E. De Schutter, PLoS Comput.
    Biol. 2:e94 (2006).
    """

    at: str
    recorded: NumberLike
    lowest: QuantityLike = dataclasses.field(default_factory=lambda: -100.0 * u.mV)
    highest: QuantityLike = dataclasses.field(default_factory=lambda: 60.0 * u.mV)
    steepest: QuantityLike = dataclasses.field(default_factory=lambda: 400.0 * u.mV / u.ms)
    size: tuple[int, int] = (40, 21)
    std: float = 0.05
    start: QuantityLike | None = None
    stop: QuantityLike | None = None

    def portrait(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """The share of samples at each place of the grid, (size)."""
        begin = _samples(self.start, V.size, dt, "PhasePlane: start") if self.start is not None else 0
        V = V[begin : _samples(self.stop, V.size, dt, "PhasePlane: stop")]
        low, high = (float(in_unit(x, u.mV, "PhasePlane")) for x in (self.lowest, self.highest))
        steepest = float(in_unit(self.steepest, u.mV / u.ms, "PhasePlane: steepest"))
        slopes = jnp.asarray(jnp.gradient(V)) / float(in_unit(dt, u.ms, "PhasePlane: dt"))
        fine = jnp.arcsinh(slopes) / np.arcsinh(steepest)
        share = _splines((V - low) / (high - low), self.size[0])
        return jnp.einsum("ki,kj->ij", share, _splines(0.5 * (fine + 1), self.size[1])) / V.size

    def residuals(self, V: jax.Array, dt: QuantityLike) -> jax.Array:
        """One for each place of the grid."""
        recorded = self.portrait(_plain_mV(self.recorded, f"PhasePlane at {self.at}: recorded"), dt)
        root = lambda p: jnp.sqrt(p + ROUND)
        return jnp.ravel(root(self.portrait(V, dt)) - root(recorded)) / self.std


ROUND = 1e-4  # share of samples below which a difference is none: roots have no slope at 0


def _splines(x: jax.Array, count: int) -> jax.Array:
    """How much each number, from 0 to 1, counts at each of ``count`` places, (n, count): quadratic splines."""
    at = 1 + jnp.clip(x, 0.0, 1.0) * (count - 3)
    far = jnp.abs(at[:, None] - jnp.arange(count)[None, :])
    return jnp.where(far <= 0.5, 0.75 - far**2, 0.5 * jnp.maximum(1.5 - far, 0.0) ** 2)


def _plain_mV(given: Any, what: str) -> jax.Array:
    number = in_unit(given, u.mV, what) if isinstance(given, u.Quantity) else split_quantity(given)[0]
    return jnp.asarray(number, float_dtype())
