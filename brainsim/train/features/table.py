"""Features of a potential, by the names that eFEL has for them, each a smooth function of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import with_unit
from brainsim.train.features.trace import Trace


class Described(NamedTuple):
    """A feature: ``of(trace)`` gives ``(value, defined)``, plain, in ``unit``; ``spikes`` are those that it needs."""

    of: Callable[[Trace], tuple[Any, Any]]
    unit: u.Unit
    spikes: int
    meaning: str


def measure(name: str, trace: Trace) -> u.Quantity | jax.Array:
    """The value of a feature.

    Parameters
    ----------
    name : str
        As eFEL calls it; see :data:`FEATURES`.
    trace : Trace

    Returns
    -------
    quantity or array, ()
        In mV, ms, Hz or 1/ms; NaN where it is not defined, as the width of a spike where there is none.

    Raises
    ------
    UnknownNameError
        For a feature that there is not.
    """
    described = feature(name)
    value, defined = described.of(trace)
    return with_unit(jnp.where(defined, value, jnp.nan), described.unit)


def feature(name: str) -> Described:
    """A feature by its name."""
    if name not in FEATURES:
        raise UnknownNameError(f"features: there is no {name!r}.{suggestion(name, FEATURES)}")
    return FEATURES[name]


# -- of spikes -------------------------------------------------------------------------------------------------------


def _mean(values, counted):
    """The mean of those that count, and whether there are any."""
    number = jnp.sum(counted)
    return jnp.sum(jnp.where(counted, values, 0.0)) / jnp.maximum(number, 1), number > 0


def _spike_count(trace):
    return trace.count, True


def _last(trace):
    return trace.peaks[jnp.maximum(trace.spikes - 1, 0)]


def _mean_frequency(trace):
    passed = _last(trace) - trace.start
    defined = (trace.spikes > 0) & trace.whole & (passed > 0)
    return 1e3 * trace.count / jnp.where(defined, passed, 1.0), defined


def _time_to_first_spike(trace):
    return trace.peaks[0] - trace.start, trace.spikes > 0


def _time_to_last_spike(trace):
    return _last(trace) - trace.start, (trace.spikes > 0) & trace.whole


def _intervals(trace):
    """Times between spikes, and which of them there are, (most - 1,)."""
    return jnp.diff(trace.peaks), trace.present[1:]


def _doublet_isi(trace):
    return trace.peaks[min(1, trace.most - 1)] - trace.peaks[0], trace.spikes > 1


def _inv_first_isi(trace):
    interval, defined = _doublet_isi(trace)
    return 1e3 / jnp.where(defined, interval, 1.0), defined


def _isi_cv(trace):
    intervals, there = _intervals(trace)
    there = there.at[:1].set(False)
    mean, _ = _mean(intervals, there)
    number = jnp.sum(there)
    defined = (number > 1) & trace.whole
    square = jnp.sum(jnp.where(there, (intervals - mean) ** 2, 0.0)) / jnp.maximum(number - 1, 1)
    varies = square > 0  # of a sum of squares that is 0 the root has no derivative
    return jnp.where(varies, jnp.sqrt(jnp.where(varies, square, 1.0)), 0.0) / jnp.where(defined, mean, 1.0), defined


def _adaptation_index2(trace):
    intervals, there = _intervals(trace)
    intervals, there = intervals[1:], there[1:]
    pairs = there[1:]
    total = jnp.where(pairs, intervals[1:] + intervals[:-1], 1.0)
    value, any_pairs = _mean((intervals[1:] - intervals[:-1]) / total, pairs)
    return value, any_pairs & trace.whole


def _ap_height(trace):
    value, defined = _mean(trace.heights, trace.present)
    return value, defined & trace.whole


def _ap_amplitude(trace):
    value, defined = _mean(trace.heights - trace.begins, trace.begun)
    return value, defined & trace.whole


def _ap_amplitude_from_voltagebase(trace):
    (height, defined), (base, rested) = _ap_height(trace), _voltage_base(trace)
    return height - base, defined & rested


def _ap_width(trace):
    value, defined = _mean(trace.downs - trace.ups, trace.recovered)
    return value, defined & trace.whole


def _ap_duration_half_width(trace):
    value, defined = _mean(trace.half_widths, trace.begun)
    return value, defined & trace.whole


def _ahp_depth_abs(trace):
    value, defined = _mean(trace.troughs, trace.recovered)
    return value, defined & trace.whole


def _ahp_depth(trace):
    (depth, defined), (base, rested) = _ahp_depth_abs(trace), _voltage_base(trace)
    return depth - base, defined & rested


# -- below threshold -------------------------------------------------------------------------------------------------


def _between(trace, low, high):
    """The mean of V from ``low`` until before ``high``, in ms."""
    near = 1e-6 * trace.dt
    return _mean(trace.V, (trace.times >= low - near) & (trace.times < high - near))


def _voltage_base(trace):
    return _between(trace, 0.9 * trace.start, trace.start)


def _steady_state_voltage(trace):
    return _mean(trace.V, trace.times > trace.stop + 1e-6 * trace.dt)


def _steady_state_voltage_stimend(trace):
    return _between(trace, trace.stop - 0.1 * (trace.stop - trace.start), trace.stop)


def _minimum_voltage(trace):
    return jnp.min(jnp.where(trace.stimulated, trace.V, jnp.inf)), True


def _maximum_voltage(trace):
    return jnp.max(jnp.where(trace.stimulated, trace.V, -jnp.inf)), True


def _maximum_voltage_from_voltagebase(trace):
    base, rested = _voltage_base(trace)
    return _maximum_voltage(trace)[0] - base, rested


def _voltage_deflection_vb_ssse(trace):
    (base, rested), (steady, settled) = _voltage_base(trace), _steady_state_voltage_stimend(trace)
    return steady - base, rested & settled


def _sag_amplitude(trace):
    (deflection, defined), (steady, _) = _voltage_deflection_vb_ssse(trace), _steady_state_voltage_stimend(trace)
    return steady - _minimum_voltage(trace)[0], defined & (deflection <= 0)


def _sag_ratio1(trace):
    (sag, defined), (base, _) = _sag_amplitude(trace), _voltage_base(trace)
    depth = base - _minimum_voltage(trace)[0]
    defined &= depth != 0
    return sag / jnp.where(defined, depth, 1.0), defined


#: Features by their names in eFEL, with their units, the spikes that they need, and what they are.
FEATURES: dict[str, Described] = {
    "Spikecount": Described(_spike_count, u.UNITLESS, 0, "number of spikes"),
    "mean_frequency": Described(_mean_frequency, u.Hz, 1, "spikes per time from the start to the last"),
    "time_to_first_spike": Described(_time_to_first_spike, u.ms, 1, "from the start to the first peak"),
    "time_to_last_spike": Described(_time_to_last_spike, u.ms, 1, "from the start to the last peak"),
    "doublet_ISI": Described(_doublet_isi, u.ms, 2, "first interval between peaks"),
    "inv_first_ISI": Described(_inv_first_isi, u.Hz, 2, "its inverse"),
    "ISI_CV": Described(_isi_cv, u.UNITLESS, 4, "coefficient of variation of all intervals but the first"),
    "adaptation_index2": Described(
        _adaptation_index2, u.UNITLESS, 4, "mean of (next - this) / (next + this) over intervals from the second on"
    ),
    "AP_height": Described(_ap_height, u.mV, 1, "mean potential of the peaks"),
    "AP_amplitude": Described(_ap_amplitude, u.mV, 1, "mean height of the peaks above the beginning of the spike"),
    "AP_amplitude_from_voltagebase": Described(
        _ap_amplitude_from_voltagebase, u.mV, 1, "mean height of the peaks above voltage_base"
    ),
    "AP_width": Described(_ap_width, u.ms, 1, "mean time above the threshold"),
    "AP_duration_half_width": Described(
        _ap_duration_half_width, u.ms, 1, "mean time above the middle of beginning and peak"
    ),
    "AHP_depth_abs": Described(_ahp_depth_abs, u.mV, 1, "mean of the lowest potentials after spikes"),
    "AHP_depth": Described(_ahp_depth, u.mV, 1, "the same above voltage_base"),
    "voltage_base": Described(_voltage_base, u.mV, 0, "mean in the last tenth of the time before the start: at rest"),
    "steady_state_voltage": Described(_steady_state_voltage, u.mV, 0, "mean after the stop"),
    "steady_state_voltage_stimend": Described(
        _steady_state_voltage_stimend, u.mV, 0, "mean in the last tenth of the stimulus"
    ),
    "minimum_voltage": Described(_minimum_voltage, u.mV, 0, "lowest potential during the stimulus"),
    "maximum_voltage": Described(_maximum_voltage, u.mV, 0, "highest potential during the stimulus"),
    "maximum_voltage_from_voltagebase": Described(
        _maximum_voltage_from_voltagebase, u.mV, 0, "the same above voltage_base"
    ),
    "voltage_deflection_vb_ssse": Described(
        _voltage_deflection_vb_ssse, u.mV, 0, "steady_state_voltage_stimend above voltage_base"
    ),
    "sag_amplitude": Described(_sag_amplitude, u.mV, 0, "steady_state_voltage_stimend above minimum_voltage"),
    "sag_ratio1": Described(_sag_ratio1, u.UNITLESS, 0, "the same in parts of the deflection at its lowest"),
}
