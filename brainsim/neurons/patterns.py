"""Firing patterns that papers have published: parameters, initial state and stimulus of each.

Three tables: `IZHIKEVICH_2004` (20 patterns), `NAUD_2008` (8, of the adaptive exponential neuron) and
`MIHALAS_NIEBUR_2009` (20). An entry builds its neuron, already stimulated, and `population` builds one neuron for each
of several entries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import brainunit as u
import numpy as np

from brainsim._units import QuantityLike, in_unit
from brainsim.integrators import Untried
from brainsim.neurons.adex import AdEx
from brainsim.neurons.base import Neuron
from brainsim.neurons.gif import GIF
from brainsim.neurons.izhikevich import Izhikevich
from brainsim.stimuli import TimedArray


@dataclass(frozen=True)
class Pattern:
    """A published firing pattern.

    Parameters
    ----------
    model : type
        Class of the neuron.
    values : mapping of str to quantity
        Parameters and initial states that differ from the defaults of the class.
    pieces : tuple of (start, stop, level) or (start, stop, level, slope)
        The stimulus: ``level + slope * (t - start)`` for ``start <= t < stop``, in ms and in the input unit of the
        model; pieces add up.
    duration, dt : quantity, time
        How long the paper shows it, and the step it was computed with, or one that is short enough.
    method : str, optional
        How the paper's own program steps, where the pattern belongs to that as much as to the equations.
    """

    model: type[Neuron]
    values: Mapping
    pieces: tuple
    duration: QuantityLike
    dt: QuantityLike
    method: str | None = None

    def current(self, t) -> u.Quantity:
        """The stimulus at times ``t``."""
        t = np.round(np.asarray(in_unit(t, u.ms, "t"), float), 9)
        total = np.zeros_like(t)
        for start, stop, level, *slope in self.pieces:
            ramp = slope[0] * (t - start) if slope else 0.0
            total = total + np.where((start <= t) & (t < stop), level + ramp, 0.0)
        return u.Quantity(total, unit=self.model.input_unit)

    @property
    def steps(self) -> Any:
        """The method, taken as the paper took it at whatever step; None for that of the class."""
        return self.method and Untried(self.method)

    def neuron(self, size: int | tuple[int, ...] = 1, **options: Any) -> Neuron:
        """``size`` such neurons, with the stimulus named ``drive``; ``options`` as for the class."""
        neuron = self.model(size, **{"method": self.steps, **self.values, **options})
        neuron.add_stimuli(drive=TimedArray(self.current(_grid(self.duration, self.dt)), self.dt))
        return neuron


def population(patterns, dt=None, **options) -> Neuron:
    """One neuron for each of several patterns of the same model, each with its own stimulus, named ``drive``.

    Parameters
    ----------
    patterns : iterable of Pattern
        For example ``NAUD_2008.values()``.
    dt : quantity, time, optional
        Resolution of the stimuli: the shortest ``dt`` of the patterns if left out.
    **options
        As for the class: ``method``, ``surrogate``, ...

    Returns
    -------
    Neuron
        The stimuli last as long as the longest pattern; what comes after its own end means nothing for a neuron.
    """
    patterns = list(patterns)
    model = patterns[0].model
    if any(p.model is not model for p in patterns):
        raise ValueError(
            f"population: all patterns must be of one model, given {sorted({p.model.__name__ for p in patterns})}."
        )
    default = model(1)
    names = {name for p in patterns for name in p.values}
    values = {
        name: u.math.stack(
            [
                _scalar(p.values.get(name, getattr(p.model(1, **p.values), name)), default.unit_of(name))
                for p in patterns
            ]
        )
        for name in sorted(names)
    }
    dt = min((p.dt for p in patterns), key=lambda x: float(x / u.ms)) if dt is None else dt
    t = _grid(max((p.duration for p in patterns), key=lambda x: float(x / u.ms)), dt)
    neuron = model(len(patterns), **{"method": patterns[0].steps} | values | options)
    drives = np.stack([u.get_mantissa(p.current(t)) for p in patterns], axis=1)
    neuron.add_stimuli(drive=TimedArray(u.Quantity(drives, unit=model.input_unit), dt))
    return neuron


def _grid(duration, dt):
    return np.arange(round(float(duration / dt))) * dt


def _scalar(value, unit):
    return u.Quantity(np.asarray(in_unit(value, unit, "value"), float).reshape(()), unit=unit)


FOREVER = math.inf

# -- Izhikevich, 2004 ------------------------------------------------------------------------------------------------


def _izhikevich(a, b, c, d, V, duration, dt, *pulses, ramps=(), **others):
    """An entry. The program of the paper switches on at the first step after the time that it names, ``t > T1``, and
    steps V before u.
    """
    pieces = (
        tuple((round((math.floor(start / dt + 1e-9) + 1) * dt, 9), stop, level) for start, stop, level in pulses)
        + ramps
    )
    values = dict(a=a / u.ms, b=b, c=c * u.mV, d=d * u.mV, V=V * u.mV) | others
    return Pattern(Izhikevich, MappingProxyType(values), pieces, duration * u.ms, dt * u.ms, "semi_implicit_euler")


_CLASS_1 = dict(k_1=4.1, k_0=108.0 * u.mV)  # integrators have another parabola
_BEGIN = -1.0  # before the first step

IZHIKEVICH_2004: Mapping[str, Pattern] = MappingProxyType(
    {
        "tonic spiking": _izhikevich(0.02, 0.2, -65, 6, -70, 100, 0.25, (10, FOREVER, 14)),
        "phasic spiking": _izhikevich(0.02, 0.25, -65, 6, -64, 200, 0.25, (20, FOREVER, 0.5)),
        "tonic bursting": _izhikevich(0.02, 0.2, -50, 2, -70, 220, 0.25, (22, FOREVER, 15)),
        "phasic bursting": _izhikevich(0.02, 0.25, -55, 0.05, -64, 200, 0.2, (20, FOREVER, 0.6)),
        "mixed mode": _izhikevich(0.02, 0.2, -55, 4, -70, 160, 0.25, (16, FOREVER, 10)),
        "spike frequency adaptation": _izhikevich(0.01, 0.2, -65, 8, -70, 85, 0.25, (8.5, FOREVER, 30)),
        "class 1 excitability": _izhikevich(
            0.02, -0.1, -55, 6, -60, 300, 0.25, ramps=((30, FOREVER, 0, 0.075),), **_CLASS_1
        ),
        "class 2 excitability": _izhikevich(
            0.2, 0.26, -65, 0, -64, 300, 0.25, ramps=((_BEGIN, FOREVER, -0.5), (30, FOREVER, 0, 0.015))
        ),
        "spike latency": _izhikevich(0.02, 0.2, -65, 6, -70, 100, 0.2, (10, 13, 7.04)),
        "subthreshold oscillations": _izhikevich(0.05, 0.26, -60, 0, -62, 200, 0.25, (20, 25, 2)),
        "resonator": _izhikevich(
            0.1, 0.26, -60, -1, -62, 400, 0.25, (40, 44, 0.65), (60, 64, 0.65), (280, 284, 0.65), (320, 324, 0.65)
        ),
        "integrator": _izhikevich(
            0.02,
            -0.1,
            -55,
            6,
            -60,
            100,
            0.25,
            (100 / 11, 100 / 11 + 2, 9),
            (100 / 11 + 5, 100 / 11 + 7, 9),
            (70, 72, 9),
            (80, 82, 9),
            **_CLASS_1,
        ),  # fmt: skip
        "rebound spike": _izhikevich(0.03, 0.25, -60, 4, -64, 200, 0.2, (20, 25, -15)),
        "rebound burst": _izhikevich(0.03, 0.25, -52, 0, -64, 200, 0.2, (20, 25, -15)),
        "threshold variability": _izhikevich(
            0.03, 0.25, -60, 4, -64, 100, 0.25, (10, 15, 1), (70, 75, -6), (80, 85, 1)
        ),
        "bistability": _izhikevich(
            0.1, 0.26, -60, 0, -61, 300, 0.25, (37.5, 42.5, 1), (216, 221, 1), ramps=((_BEGIN, FOREVER, 0.24),)
        ),
        "depolarising after-potential": _izhikevich(1.0, 0.2, -60, -21, -70, 50, 0.1, (9, 11, 20)),
        "accommodation": _izhikevich(
            0.02,
            1.0,
            -55,
            4,
            -65,
            400,
            0.5,
            ramps=((0, 200, 0, 0.04), (300, 312.5, 0, 0.32)),
            V_b=-65.0 * u.mV,
            decay=0.0,
            u=-16.0 * u.mV,
        ),  # fmt: skip
        "inhibition-induced spiking": _izhikevich(
            -0.02, -1.0, -60, 8, -63.8, 350, 0.5, (250, FOREVER, 5), ramps=((_BEGIN, FOREVER, 75), (_BEGIN, 50, 5))
        ),
        "inhibition-induced bursting": _izhikevich(
            -0.026, -1.0, -45, -2, -63.8, 350, 0.5, (250, FOREVER, 5), ramps=((_BEGIN, FOREVER, 75), (_BEGIN, 50, 5))
        ),
    }
)
"""The twenty patterns of cortical neurons, with the stimuli and steps of the paper's program.

E. M. Izhikevich, IEEE Trans. Neural Netw. 15:1063 (2004), figure 1. At these steps the result belongs to the step, and to the order
of the program (V first, then u with the new V), as much as to the equations.
"""

# -- Naud et al., 2008 -----------------------------------------------------------------------------------------------


def _adex(C, g_L, E_L, a, tau_w, b, V_reset, current):
    values = dict(
        C=C * u.pF, g_L=g_L * u.nS, E_L=E_L * u.mV, V_T=-50.0 * u.mV, Delta_T=2.0 * u.mV, a=a * u.nS, tau_w=tau_w * u.ms,
        b=b * u.pA, V_peak=0.0 * u.mV, V_reset=V_reset * u.mV, V=E_L * u.mV,
    )  # fmt: skip
    return Pattern(AdEx, MappingProxyType(values), ((0.0, FOREVER, current),), 600.0 * u.ms, 0.02 * u.ms)


NAUD_2008: Mapping[str, Pattern] = MappingProxyType(
    {
        "tonic spiking": _adex(200.0, 10.0, -70.0, 2.0, 30.0, 0.0, -58.0, 500.0),
        "adaptation": _adex(200.0, 12.0, -70.0, 2.0, 300.0, 60.0, -58.0, 500.0),
        "initial burst": _adex(130.0, 18.0, -58.0, 4.0, 150.0, 120.0, -50.0, 400.0),
        "regular bursting": _adex(200.0, 10.0, -58.0, 2.0, 120.0, 100.0, -46.0, 210.0),
        "delayed accelerating": _adex(200.0, 12.0, -70.0, -10.0, 300.0, 0.0, -58.0, 300.0),
        "delayed regular bursting": _adex(100.0, 10.0, -65.0, -10.0, 90.0, 30.0, -47.0, 110.0),
        "transient spiking": _adex(100.0, 10.0, -65.0, 10.0, 90.0, 100.0, -47.0, 180.0),
        "irregular spiking": _adex(100.0, 12.0, -60.0, -11.0, 130.0, 30.0, -48.0, 160.0),
    }
)
"""The eight patterns of the adaptive exponential neuron under a step of current.

R. Naud, N. Marcille, C. Clopath, W. Gerstner, Biol. Cybern. 99:335 (2008), table 1.
"""

# -- Mihalas and Niebur, 2009 ----------------------------------------------------------------------------------------


def _gif(a, A_1, A_2, duration, *levels, V=-70.0, Theta=-50.0):
    """An entry from the table's units: 1/s, V/s, ms, and the stimulus as (V/s, ms) in sequence. 1 V/s is 100 pA here."""
    pieces, t = [], 0.0
    for level, lasts in levels:
        pieces.append((t, t + lasts, 100.0 * level))
        t += lasts
    values = dict(
        a=a * u.Hz, A_1=100.0 * A_1 * u.pA, A_2=100.0 * A_2 * u.pA,
        V=V * u.mV, Theta=Theta * u.mV, I_1=1.0 * u.pA, I_2=0.1 * u.pA,
    )  # fmt: skip
    return Pattern(GIF, MappingProxyType(values), tuple(pieces), duration * u.ms, 0.05 * u.ms)


MIHALAS_NIEBUR_2009: Mapping[str, Pattern] = MappingProxyType(
    {
        "tonic spiking": _gif(0.0, 0.0, 0.0, 200, (1.5, FOREVER)),
        "class 1": _gif(0.0, 0.0, 0.0, 500, (1 + 1e-6, FOREVER)),
        "spike frequency adaptation": _gif(5.0, 0.0, 0.0, 200, (2, FOREVER)),
        "phasic spiking": _gif(5.0, 0.0, 0.0, 500, (1.5, FOREVER)),
        "accommodation": _gif(5.0, 0.0, 0.0, 1000, (1.5, 100), (0, 500), (0.5, 100), (1, 100), (1.5, 100)),
        "threshold variability": _gif(5.0, 0.0, 0.0, 400, (1.5, 20), (0, 180), (-1.5, 25), (0, 25), (1.5, 25)),
        "rebound spike": _gif(5.0, 0.0, 0.0, 1000, (0, 50), (-3.5, 750)),
        "class 2": _gif(5.0, 0.0, 0.0, 300, (2 * (1 + 1e-6), FOREVER), V=-30.0, Theta=-30.0),
        "integrator": _gif(5.0, 0.0, 0.0, 400, (1.5, 20), (0, 10), (1.5, 20), (0, 250), (1.5, 20), (0, 30), (1.5, 20)),
        "input bistability": _gif(5.0, 0.0, 0.0, 1000, (1.5, 100), (1.7, 400), (1.5, 100), (1.7, 400)),
        "hyperpolarisation-induced spiking": _gif(30.0, 0.0, 0.0, 400, (-1, FOREVER)),
        "hyperpolarisation-induced bursting": _gif(30.0, 10.0, -0.6, 400, (-1, FOREVER)),
        "tonic bursting": _gif(5.0, 10.0, -0.6, 500, (2, FOREVER)),
        "phasic bursting": _gif(5.0, 10.0, -0.6, 500, (1.5, FOREVER)),
        "rebound burst": _gif(5.0, 10.0, -0.6, 1000, (0, 100), (-3.5, 500)),
        "mixed mode": _gif(5.0, 5.0, -0.3, 500, (2, FOREVER)),
        "after-potentials": _gif(5.0, 5.0, -0.3, 200, (2, 15)),
        "basal bistability": _gif(0.0, 8.0, -0.1, 200, (5, 10), (0, 90), (5, 10)),
        "preferred frequency": _gif(5.0, -3.0, 0.5, 800, (5, 5), (0, 5), (4, 5), (0, 385), (5, 5), (0, 45), (4, 5)),
        "spike latency": _gif(-80.0, 0.0, 0.0, 50, (8, 2)),
    }
)
"""The twenty patterns of the generalised integrate-and-fire neuron.

S. Mihalas, E. Niebur, Neural Comput. 21:704 (2009), table 1; the paper gives the levels of the stimuli, and their times in figure 1
only, so those are read off it.
"""
