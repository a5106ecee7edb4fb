"""Who is connected to whom, and distributions for the values on synapses and neurons: pure functions on plain arrays."""

from .all_to_all import AllToAll as AllToAll
from .distributions import Clipped as Clipped
from .distributions import Constant as Constant
from .distributions import Distribution as Distribution
from .distributions import LogNormal as LogNormal
from .distributions import Normal as Normal
from .distributions import Truncated as Truncated
from .distributions import Uniform as Uniform
from .explicit import FromArrays as FromArrays
from .explicit import FromMatrix as FromMatrix
from .fixed_degree import FixedInDegree as FixedInDegree
from .fixed_degree import FixedOutDegree as FixedOutDegree
from .fixed_probability import FixedProbability as FixedProbability
from .fixed_total_number import FixedTotalNumber as FixedTotalNumber
from .geometry import Grid as Grid
from .geometry import Layout as Layout
from .geometry import Positions as Positions
from .geometry import Ring as Ring
from .geometry import Space as Space
from .geometry import UniformBox as UniformBox
from .one_to_one import OneToOne as OneToOne
from .pairs import Pairs as Pairs
from .pairs import Synapses as Synapses
from .rule import ConnectionRule as ConnectionRule
