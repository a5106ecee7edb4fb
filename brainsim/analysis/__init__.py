"""Statistics of spike trains and signals, from plain NumPy arrays.

Spikes are events: ``times`` (seconds) and ``indices`` (which of ``n`` neurons), of equal length and in any order.
Every time, bin and window is in seconds, and every rate and frequency in hertz. A window is half open,
``start <= t < stop``. Nothing here knows brainsim, so it serves anyone's spikes.
"""

from .correlation import (
    Correlation as Correlation,
    Correlogram as Correlogram,
    correlation as correlation,
    cross_correlogram as cross_correlogram,
    synchrony as synchrony,
    voltage_synchrony as voltage_synchrony,
)
from .intervals import (
    Intervals as Intervals,
    PerNeuron as PerNeuron,
    cv as cv,
    cv2 as cv2,
    fano_factor as fano_factor,
    interspike_intervals as interspike_intervals,
)
from .rates import (
    PopulationRate as PopulationRate,
    binned_counts as binned_counts,
    firing_rate as firing_rate,
    population_counts as population_counts,
    population_rate as population_rate,
)
from .spectrum import (
    Spectrum as Spectrum,
    dominant_frequency as dominant_frequency,
    power_spectrum as power_spectrum,
)
