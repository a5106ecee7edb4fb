"""Statistics of spike trains and signals, from plain NumPy arrays.

Spikes are events: ``times`` (seconds) and ``indices`` (which of ``n`` neurons), of equal length and in any order.
Every time, bin and window is in seconds, and every rate and frequency in hertz. A window is half open,
``start <= t < stop``. Nothing here knows brainsim, so it serves anyone's spikes.
"""

from .branching import MultistepRegression, branching_factor, branching_ratio, multistep_regression
from .bursts import Bursts, interval_bursts, surprise_bursts
from .correlation import Correlation, Correlogram, correlation, cross_correlogram, synchrony, voltage_synchrony
from .distances import van_rossum_distance, victor_purpura_distance
from .excitability import FICurve, fi_curve
from .functional import FunctionalDynamics, functional_connectivity, functional_dynamics
from .intervals import Intervals, PerNeuron, cv, cv2, fano_factor, interspike_intervals
from .lfp import lfp_proxy
from .locking import PhaseLocking, vector_strength
from .rates import PopulationRate, binned_counts, firing_rate, population_counts, population_rate
from .spectrum import Spectrum, dominant_frequency, power_spectrum

__all__ = [
    "binned_counts",
    "branching_factor",
    "branching_ratio",
    "Bursts",
    "Correlation",
    "correlation",
    "Correlogram",
    "cross_correlogram",
    "cv",
    "cv2",
    "dominant_frequency",
    "fano_factor",
    "fi_curve",
    "FICurve",
    "firing_rate",
    "functional_connectivity",
    "functional_dynamics",
    "FunctionalDynamics",
    "interspike_intervals",
    "interval_bursts",
    "Intervals",
    "lfp_proxy",
    "multistep_regression",
    "MultistepRegression",
    "PerNeuron",
    "PhaseLocking",
    "population_counts",
    "population_rate",
    "PopulationRate",
    "power_spectrum",
    "Spectrum",
    "surprise_bursts",
    "synchrony",
    "van_rossum_distance",
    "vector_strength",
    "victor_purpura_distance",
    "voltage_synchrony",
]
