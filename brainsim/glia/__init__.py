"""Glia: cells that neurons talk to, and that talk back."""

from brainsim.glia.diffusion import diffusion
from brainsim.glia.gchi import GChI

__all__ = ["GChI", "diffusion"]
