"""Sharp waves in spike trains: when they are, how they ripple, and which way along the track they run.

References
----------
A. Ecker et al., eLife 11:e71850 (2022), for the criteria; R. A. Fisher, Proc. R. Soc. A 125:54 (1929), for the test of
a period.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import brainunit as u
import numpy as np

import brainsim as bs
from models.ca3_memory.place_cells import PlaceCells

TRACK = 3.0  # m
BIN = 20.0  # ms
LOUD, LEAST = 2.0, 260.0  # Hz and ms: what is an event
RIPPLE, GAMMA = (150.0, 220.0), (20.0, 100.0)  # Hz
IN_EVENT, IN_RUN = 0.256, 0.512  # s, segments of which spectra are the mean


class Rhythm(NamedTuple):
    """Peak of the spectrum in a band (Hz), the band's share of the total power, and p of Fisher's test within the band."""

    frequency: float
    share: float
    p: float


class Replay(NamedTuple):
    """Correlation of time and decoded position, and the speed along the track (m/s): negative for backward."""

    correlation: float
    speed: float


class Event(NamedTuple):
    """A sharp wave: from when to when (ms), the rates of pyramidal and basket cells in it (Hz), their rhythms, and what
    it replays.
    """

    start: float
    stop: float
    rates: tuple[float, float]
    rhythms: tuple[Rhythm, Rhythm]
    replay: Replay


class Summary(NamedTuple):
    """A run: rates of pyramidal and basket cells (Hz) over all and outside events, spectra over all in a band, and the
    events.
    """

    rates: tuple[float, float]
    outside: tuple[float, float]
    rhythms: tuple[Rhythm, Rhythm]
    events: list[Event]


def loud_periods(train: bs.SpikeTrain) -> list[tuple[float, float]]:
    """Where the population fires at 2 Hz or more, in bins of 20 ms, for at least 260 ms: pairs of times in ms."""
    loud = np.asarray(train.population_rate(BIN * u.ms)[1].to_decimal(u.Hz)) >= LOUD
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud, [0]]).astype(int))).reshape(-1, 2) * BIN
    return [(float(a), float(b)) for a, b in edges if b - a >= LEAST]


def fisher(power) -> float:
    r"""Probability that the largest of so many ordinates of a spectrum takes its share g of their sum without a period.

    .. math:: p = \sum_{k=1}^{\lfloor 1/g \rfloor} (-1)^{k-1} \binom{n}{k} (1 - k g)^{n-1}
    """
    n, g = len(power), float(np.max(power) / np.sum(power))
    return float(
        sum((-1) ** (k - 1) * math.comb(n, k) * (1 - k * g) ** (n - 1) for k in range(1, min(int(1 / g), n) + 1))
    )


def rhythm(
    train: bs.SpikeTrain, band: tuple[float, float], start: float, stop: float, segment: float = IN_EVENT
) -> Rhythm:
    """Rhythm of a population's rate, in bins of 1 ms, between two times in ms."""
    rate = np.asarray(train.population_rate(1.0 * u.ms, start=start * u.ms, stop=stop * u.ms)[1].to_decimal(u.Hz))
    frequencies, power = bs.analysis.power_spectrum(rate, 1e-3, segment)
    inside = (frequencies > band[0]) & (frequencies < band[1])
    if not power.any():
        return Rhythm(math.nan, math.nan, math.nan)
    peak = bs.analysis.dominant_frequency(rate, 1e-3, *band, segment=segment)
    return Rhythm(peak, float(power[inside].sum() / power.sum()), fisher(power[inside]))


def decoded(
    train: bs.SpikeTrain, place: PlaceCells, start: float, stop: float, bin: float = 10.0
) -> tuple[np.ndarray, np.ndarray]:
    """Times (ms) of bins with spikes of place cells, and the median place of those spikes on the track (m)."""
    times, where = np.asarray(train.times.to_decimal(u.ms)), place.centre[train.indices] * TRACK / (2 * np.pi)
    chosen = (times > start) & (times <= stop) & ~np.isnan(where)
    bins, where = ((times[chosen] - start) // bin).astype(int), where[chosen]
    present = np.unique(bins)
    return start + (present + 0.5) * bin, np.array([np.median(where[bins == k]) for k in present])


def replay(train: bs.SpikeTrain, place: PlaceCells, start: float, stop: float) -> Replay:
    """How well a straight run along the track describes the spikes between two times in ms, and how fast it is."""
    times, where = decoded(train, place, start, stop)
    return Replay(float(np.corrcoef(times, where)[0, 1]), float(np.polyfit(1e-3 * times, where, 1)[0]))


def summary(rec: bs.Recording, place: PlaceCells, band: tuple[float, float] = RIPPLE) -> Summary:
    """What a recording of ``PC`` and ``BC`` shows."""
    trains = rec.spikes["PC"], rec.spikes["BC"]
    whole = float(rec.start.to_decimal(u.ms)), float(rec.stop.to_decimal(u.ms))
    periods = loud_periods(trains[0])

    def spikes(train, start, stop):
        return float(train.rate(start * u.ms, stop * u.ms).to_decimal(u.Hz)) * (stop - start)

    def rates(start, stop):
        return tuple(spikes(train, start, stop) / (stop - start) for train in trains)

    def rhythms(*arguments):
        return tuple(rhythm(train, *arguments) for train in trains)

    rest = whole[1] - whole[0] - sum(b - a for a, b in periods)
    outside = tuple(
        (spikes(train, *whole) - sum(spikes(train, *period) for period in periods)) / rest for train in trains
    )
    events = [
        Event(*period, rates(*period), rhythms(RIPPLE, *period), replay(trains[0], place, *period))
        for period in periods
    ]
    return Summary(rates(*whole), outside, rhythms(band, *whole, IN_RUN), events)


def plot(rec: bs.Recording, place: PlaceCells, start: float | None = None, stop: float | None = None):
    """Spikes of place cells by where their fields are, rates, the decoded position in events, and spectra.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    pyramidal, basket = rec.spikes["PC"], rec.spikes["BC"]
    low = float(rec.start.to_decimal(u.ms)) if start is None else start
    high = float(rec.stop.to_decimal(u.ms)) if stop is None else stop
    figure = pyplot.figure(figsize=(10.0, 7.0), layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=[3.0, 1.0, 1.6])
    raster = figure.add_subplot(grid[0, :])
    times, where = np.asarray(pyramidal.times.to_decimal(u.ms)), place.centre[pyramidal.indices] * TRACK / (2 * np.pi)
    raster.plot(times, where, ",", color="0.25", rasterized=True)
    raster.set(xlim=(low, high), ylim=(0.0, TRACK), ylabel="centre of place field (m)")
    rates = figure.add_subplot(grid[1, :], sharex=raster)
    for train, label, color in ((pyramidal, "pyramidal, x 10", "C0"), (basket, "basket", "C1")):
        t, rate = train.population_rate(1.0 * u.ms, smooth=2.0 * u.ms)
        rates.plot(
            t.to_decimal(u.ms),
            rate.to_decimal(u.Hz) * (10.0 if train is pyramidal else 1.0),
            color=color,
            label=label,
            linewidth=0.6,
        )
    rates.set(xlabel="time (ms)", ylabel="rate (Hz)")
    rates.legend(loc="upper right", fontsize=8)
    periods = [(a, b) for a, b in loud_periods(pyramidal) if a < high and b > low]
    for period in periods:
        raster.plot(*decoded(pyramidal, place, *period), ".", color="C3", markersize=3)
        rates.axvspan(*period, color="C3", alpha=0.12, linewidth=0)
    for column, (train, label) in enumerate(((pyramidal, "pyramidal cells"), (basket, "basket cells"))):
        ax = figure.add_subplot(grid[2, column])
        for a, b in periods or [(low, high)]:
            rate = train.population_rate(1.0 * u.ms, start=a * u.ms, stop=b * u.ms)[1].to_decimal(u.Hz)
            frequencies, power = bs.analysis.power_spectrum(np.asarray(rate), 1e-3, IN_EVENT if periods else IN_RUN)
            ax.semilogy(frequencies, power)
        ax.axvspan(*RIPPLE, color="0.5", alpha=0.15, linewidth=0)
        ax.set(xlim=(0, 300), xlabel="frequency (Hz)", ylabel="power (Hz²/Hz)", title=label)
    return figure
