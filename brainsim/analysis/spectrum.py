"""Rhythms in a signal."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import number, plain


class Spectrum(NamedTuple):
    """One-sided power spectral density: frequencies in hertz [bins], power in the signal's unit² per hertz."""

    frequencies: np.ndarray
    power: np.ndarray


def power_spectrum(signal: ArrayLike, dt: float, segment: float | None = None) -> Spectrum:
    """One-sided power spectral density by Welch's method (Hann windows, half overlapping, mean removed).

    Integrated over frequency it gives the variance of the signal.

    Parameters
    ----------
    signal : array [steps] or [steps, k]
        Samples, for instance a population rate or voltages; columns are treated one by one.
    dt : float
        Time between samples in seconds.
    segment : float, optional
        Length of a window in seconds: frequencies are resolved to 1 / segment, and more segments give less noise.
        A quarter of the signal if not given.

    Returns
    -------
    Spectrum
        ``(frequencies [bins], power [bins] or [bins, k])``.

    Raises
    ------
    ValueError, TypeError
        For a signal of fewer than 8 samples or with NaN, a dt that is not positive, a segment that is longer than the
        signal or shorter than 2 samples, or a quantity with a unit.
    """
    signal = plain("signal", signal, "<its unit>")
    if signal.ndim not in (1, 2) or signal.shape[0] < 8 or signal.size == 0:
        raise ValueError(f"signal: got shape {signal.shape}; accepted is [steps] or [steps, k], steps >= 8.")
    signal = signal.astype(np.float64, copy=False)
    if not np.isfinite(signal).all():
        raise ValueError("signal: got NaN or infinite entries; accepted are finite samples.")
    dt = number("dt", dt, above=0)
    steps = signal.shape[0]
    if segment is None:
        length = max(8, steps // 4)
    else:
        length = round(number("segment", segment, above=0) / dt)
        if not 2 <= length <= steps:
            raise ValueError(f"segment: got {segment!r}; accepted is {2 * dt:.6g} to {steps * dt:.6g} (the signal).")
    from scipy.signal import welch

    return Spectrum(*welch(signal, fs=1 / dt, window="hann", nperseg=length, detrend="constant", axis=0))


def dominant_frequency(
    signal: ArrayLike, dt: float, low: float | None = None, high: float | None = None, segment: float | None = None
) -> float:
    """Frequency of the highest peak of the power spectrum.

    The peak is placed between the spectrum's bins by a parabola through the logarithm of the power.

    Parameters
    ----------
    signal : array [steps]
        Samples, for instance a population rate.
    dt : float
        Time between samples in seconds.
    low, high : float, optional
        Band in hertz to look in; all but the mean if not given.
    segment : float, optional
        As in :func:`power_spectrum`.

    Returns
    -------
    float
        Hertz; NaN where the signal has no power in the band.
    """
    if np.ndim(signal) != 1:
        raise ValueError(f"signal: got shape {np.shape(signal)}; accepted is [steps].")
    frequencies, power = power_spectrum(signal, dt, segment)
    low = frequencies[1] if low is None else number("low", low)
    high = frequencies[-1] if high is None else number("high", high)
    band = np.flatnonzero((frequencies >= low) & (frequencies <= high) & (frequencies > 0))
    if band.size == 0:
        raise ValueError(
            f"low, high: got {low!r} to {high!r} Hz; accepted is a band that holds a frequency of the spectrum, "
            f"{frequencies[1]:.6g} to {frequencies[-1]:.6g} in steps of {frequencies[1]:.6g} Hz."
        )
    peak = band[np.argmax(power[band])]
    if power[peak] <= 1e-20 * float(np.square(signal, dtype=np.float64).mean()) / frequencies[1]:
        return float("nan")
    if 1 < peak < frequencies.size - 1 and power[peak - 1 : peak + 2].min() > 0:
        left, top, right = np.log(power[peak - 1 : peak + 2])
        if top >= max(left, right) and 2 * top > left + right:
            return float(frequencies[peak] + frequencies[1] * 0.5 * (left - right) / (left - 2 * top + right))
    return float(frequencies[peak])
