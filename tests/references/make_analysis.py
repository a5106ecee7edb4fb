"""Measure the same spike trains with Elephant and the same activity with mrestimator, and keep what they say in
`analysis.npz`.

    python -m tests.references.make_analysis

It needs Elephant and mrestimator (`pip install elephant mrestimator`) and no brainsim. The spike trains and activity
below are the common ground: the tests draw them again from the same seed. Times are in seconds.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("analysis.npz")
STOP, BIN, COST, TAU = 10.0, 0.05, 40.0, 0.015
MAX_LAG = 0.1
SEEN = 0.1  # of the branching process's spikes
BRANCHING, LAGS = 0.98, 150


def trains():
    """Five gamma renewal trains of 12 Hz, of which two share spikes."""
    rng = np.random.default_rng(7)
    drawn = [rng.gamma(shape, 1 / (12 * shape), 400).cumsum() for shape in (0.5, 1.0, 2.0, 4.0)]
    drawn = [train[train < STOP] for train in drawn]
    copy = drawn[1] + rng.normal(0, 0.004, drawn[1].size)
    return [*drawn, np.sort(copy[(copy > 0) & (copy < STOP)])]


def activity():
    """A branching process with immigration, whole and as seen through a tenth of its spikes: (2, trials, bins)."""
    rng = np.random.default_rng(11)
    whole = np.zeros((40, 2000), np.int64)
    state = rng.poisson(100, 40)
    for t in range(-200, whole.shape[1]):
        state = rng.poisson(BRANCHING * state) + rng.poisson(100 * (1 - BRANCHING), 40)
        if t >= 0:
            whole[:, t] = state
    return np.stack([whole, rng.binomial(whole, SEEN)])


def main():
    import elephant
    import mrestimator
    import neo
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient, cross_correlation_histogram
    from elephant.spike_train_dissimilarity import van_rossum_distance, victor_purpura_distance
    from elephant.statistics import cv, cv2, fanofactor, isi

    spikes = [neo.SpikeTrain(t, units="s", t_stop=STOP) for t in trains()]
    binned = BinnedSpikeTrain(spikes, bin_size=BIN * pq.s)
    counts = binned.to_array()
    fine = [BinnedSpikeTrain([spikes[k]], bin_size=BIN / 5 * pq.s) for k in (1, 4)]
    lags = int(MAX_LAG / (BIN / 5))
    histogram, _ = cross_correlation_histogram(*fine, window=[-lags, lags], border_correction=False)
    whole, seen = activity()
    result = {
        "van_rossum": van_rossum_distance(spikes, TAU * pq.s),
        "victor_purpura": victor_purpura_distance(spikes, COST / pq.s),
        "cv": [cv(isi(train)) for train in spikes],
        "cv2": [cv2(isi(train)) for train in spikes],
        "fano": [fanofactor([neo.SpikeTrain([0.1] * k, units="s", t_stop=1) for k in row]) for row in counts],
        "correlation": correlation_coefficient(binned),
        "histogram": histogram.magnitude.ravel(),
    }
    for name, counted in (("whole", whole), ("seen", seen)):
        coefficients = mrestimator.coefficients(counted.astype(float), steps=(1, LAGS), dt=1, method="stationarymean")
        fit = mrestimator.fit(coefficients, fitfunc="exponential")
        result[f"slopes_{name}"], result[f"m_{name}"], result[f"amplitude_{name}"] = (
            coefficients.coefficients,
            fit.mre,
            fit.popt[1],
        )
        with_offset = mrestimator.fit(coefficients, fitfunc="exponential_offset")
        result[f"offset_m_{name}"] = with_offset.mre
    versions = f"elephant {elephant.__version__}, mrestimator {mrestimator.__version__}"
    np.savez_compressed(FILE, versions=versions, **{k: np.asarray(v) for k, v in result.items()})
    for key, value in result.items():
        print(key, np.shape(value), np.ravel(value)[:4])


if __name__ == "__main__":
    main()
