"""Data sets from files, functions that take a path and give arrays, and tasks, which make their trials; no downloads."""

from brainsim.data import augmentations
from brainsim.data.images import Images, images, read_idx
from brainsim.data.padding import padded
from brainsim.data.speech import Sequences, SpokenDigits, spoken_digits, vowels
from brainsim.data.spikes import SpikeData, spikes
from brainsim.data.tasks import (
    ContextDecision,
    DelayedComparison,
    DelayedMatch,
    EvidenceAccumulation,
    FreshTrials,
    GoNoGo,
    IntervalTiming,
    Periods,
    Signalled,
    Task,
    Trials,
)
from brainsim.data.yin_yang import yin_yang

__all__ = [
    "augmentations",
    "Signalled",
    "Periods",
    "IntervalTiming",
    "GoNoGo",
    "DelayedMatch",
    "DelayedComparison",
    "ContextDecision",
    "EvidenceAccumulation",
    "FreshTrials",
    "Images",
    "images",
    "padded",
    "read_idx",
    "Sequences",
    "SpikeData",
    "spikes",
    "SpokenDigits",
    "spoken_digits",
    "Task",
    "Trials",
    "yin_yang",
    "vowels",
]
