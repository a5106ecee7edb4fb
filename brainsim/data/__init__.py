"""Data sets from files: functions that take a path and give arrays. Nothing is downloaded."""

from brainsim.data.images import Images, images, read_idx
from brainsim.data.spikes import SpikeData, spikes

__all__ = ["Images", "images", "read_idx", "SpikeData", "spikes"]
