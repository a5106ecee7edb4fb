"""brainsim: a differentiable brain simulator."""

from brainsim import (
    analysis,
    connectivity,
    events,
    integrators,
    masses,
    neurons,
    plasticity,
    plot,
    receptors,
    sources,
    stimuli,
    surrogate,
    terminals,
)
from brainsim._core import Clock, Dynamics, Parameter, State
from brainsim._errors import NonFiniteError, NotEnoughMemoryError, UnitError, UnknownNameError
from brainsim.connectivity import (
    AllToAll,
    Clipped,
    Constant,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromArrays,
    FromMatrix,
    LogNormal,
    Normal,
    OneToOne,
    Truncated,
    Uniform,
)
from brainsim.integrators import integrate
from brainsim.network import Network
from brainsim.population import Population, View
from brainsim.projection import Projection
from brainsim.simulation import Function, Recording, SpikeTrain, Sweep, function, load, save, simulate, sweep

__version__ = "0.1.0"

__all__ = [
    "AllToAll",
    "analysis",
    "Clipped",
    "Clock",
    "connectivity",
    "Constant",
    "Dynamics",
    "events",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "FromArrays",
    "FromMatrix",
    "Function",
    "function",
    "integrate",
    "integrators",
    "load",
    "LogNormal",
    "masses",
    "Network",
    "neurons",
    "NonFiniteError",
    "Normal",
    "NotEnoughMemoryError",
    "OneToOne",
    "Parameter",
    "plasticity",
    "plot",
    "Population",
    "Projection",
    "receptors",
    "Recording",
    "save",
    "simulate",
    "sources",
    "SpikeTrain",
    "State",
    "stimuli",
    "surrogate",
    "Sweep",
    "sweep",
    "terminals",
    "Truncated",
    "Uniform",
    "UnitError",
    "UnknownNameError",
    "View",
]
