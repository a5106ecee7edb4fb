"""Networks and mechanisms from and for other tools."""

from brainsim.io._nir.read import from_nir
from brainsim.io._nir.write import to_nir
from brainsim.io._nmodl.read import mod_source, read_mod
from brainsim.io._nmodl.tokens import NMODLError

__all__ = ["NMODLError", "from_nir", "mod_source", "read_mod", "to_nir"]
