"""Networks and mechanisms from and for other tools."""

from brainsim.io._biophysics.allen import read_allen
from brainsim.io._biophysics.bluepyopt import read_bluepyopt
from brainsim.io._biophysics.experiments import read_protocols
from brainsim.io._biophysics.model import Biophysics
from brainsim.io._nir.read import from_nir
from brainsim.io._nir.write import to_nir
from brainsim.io._nmodl.read import mod_source, read_mod
from brainsim.io._nmodl.tokens import NMODLError

__all__ = [
    "Biophysics",
    "NMODLError",
    "read_allen",
    "read_bluepyopt",
    "read_protocols",
    "from_nir",
    "mod_source",
    "read_mod",
    "to_nir",
]
