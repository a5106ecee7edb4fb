"""Spoken digits as spikes of a cochlea, and spoken vowels as courses of coefficients."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from brainsim.data.images import read_npz
from brainsim.data.spikes import SpikeData

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")  # of the free spoken digits, in their order
DIGITS = ("t_ms", "ch", "count", "digit", "speaker", "take", "cf_hz")


class SpokenDigits(NamedTuple):
    """Spoken digits as spikes, for training and for testing.

    Parameters
    ----------
    train, test : SpikeData
        Labels are the digits.
    frequencies : float array, (channels,)
        Centre of each channel in Hz.
    """

    train: SpikeData
    test: SpikeData
    frequencies: np.ndarray


def spoken_digits(path: str | Path, left_out: str | None = None) -> SpokenDigits:
    """The Free Spoken Digit Dataset as spikes of a cochlea.

    Parameters
    ----------
    path : str or Path
        An npz file with ``t_ms``, ``ch`` (of all spikes, one recording after the other), ``count`` (spikes of each recording),
        ``digit``, ``speaker``, ``take`` and ``cf_hz``.
    left_out : str, optional
        A speaker who is tested with, and not learned from. By default takes 0 to 4 of all speakers are tested with, which is the
        official split.

    Returns
    -------
    SpokenDigits

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it holds something else, or for a speaker that there is not.

    References
    ----------
    Z. Jackson et al., Free Spoken Digit Dataset (2018), github.com/Jakobovski/free-spoken-digit-dataset.
    """
    if left_out is not None and left_out not in SPEAKERS:
        raise ValueError(f"data.spoken_digits: there is no speaker {left_out!r}; there are {', '.join(SPEAKERS)}.")
    arrays = read_npz(path, DIGITS, "data.spoken_digits")
    counts, times, units = arrays["count"].astype(np.int64), arrays["t_ms"].astype(float), arrays["ch"].astype(np.int64)
    recordings, channels = len(counts), len(arrays["cf_hz"])
    fits = counts.sum() == len(times) == len(units) and units.max(initial=-1) < channels
    if not fits or any(arrays[name].shape != (recordings,) for name in ("digit", "speaker", "take")):
        raise ValueError(f"data.spoken_digits: in {path}, spikes, their numbers and labels do not belong together.")
    starts = np.concatenate([[0], np.cumsum(counts)])
    whole = SpikeData(times, units, starts, arrays["digit"].astype(np.int32), channels)
    test = arrays["take"] < 5 if left_out is None else arrays["speaker"] == SPEAKERS.index(left_out)
    return SpokenDigits(whole.take(~test), whole.take(test), arrays["cf_hz"])


class Sequences(NamedTuple):
    """Labelled courses of different length, zero behind their ends, for training and for testing.

    Parameters
    ----------
    train_inputs, test_inputs : float32 array, (n, steps, channels)
    train_labels, test_labels : int32 array, (n,)
    train_lengths, test_lengths : int32 array, (n,)
        Steps that count.
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    train_lengths: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    test_lengths: np.ndarray

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, labels and lengths to learn from, as :func:`brainsim.train.fit` takes them."""
        return self.train_inputs, self.train_labels, self.train_lengths

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, labels and lengths to test with."""
        return self.test_inputs, self.test_labels, self.test_lengths


def vowels(path: str | Path) -> Sequences:
    """The Japanese Vowels: two vowels in a row by nine speakers, who are to be told apart, as 12 cepstral coefficients.

    Parameters
    ----------
    path : str or Path
        An npz file with arrays whose names end with ``train_x``, ``train_len``, ``train_y``, ``test_x``, ``test_len`` and
        ``test_y``.

    Returns
    -------
    Sequences

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it holds something else.

    References
    ----------
    M. Kudo, J. Toyama, M. Shimbo, Pattern Recognit. Lett. 20:1103 (1999).
    """
    wanted = [f"{part}_{what}" for part in ("train", "test") for what in ("x", "y", "len")]
    arrays = read_npz(path, wanted, "data.vowels", by_ending=True)
    steps, parts = max((x.shape[1] for x in arrays.values() if x.ndim == 3), default=0), []
    for part in ("train", "test"):
        x, y, lengths = (arrays[f"{part}_{what}"] for what in ("x", "y", "len"))
        if x.ndim != 3 or y.shape != (len(x),) or lengths.shape != (len(x),) or lengths.max(initial=0) > x.shape[1]:
            raise ValueError(
                f"data.vowels: of {part}, {path} holds courses of shape {x.shape}, labels of shape {y.shape} and lengths of shape"
                f" {lengths.shape}; expected (n, steps, channels), (n,) and (n,)."
            )
        x = np.pad(x.astype(np.float32), [(0, 0), (0, steps - x.shape[1]), (0, 0)])
        parts += [x, y.astype(np.int32), lengths.astype(np.int32)]
    return Sequences(*parts)
