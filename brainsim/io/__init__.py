"""Networks from and for other tools."""

from brainsim.io._nir.read import from_nir
from brainsim.io._nir.write import to_nir

__all__ = ["from_nir", "to_nir"]
