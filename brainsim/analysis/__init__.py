"""Statistics of spike trains and signals, from plain NumPy arrays.

Spikes are events: ``times`` (seconds) and ``indices`` (which of ``n`` neurons), of equal length and in any order.
Every time, bin and window is in seconds, and every rate and frequency in hertz. A window is half open,
``start <= t < stop``. Nothing here knows brainsim, so it serves anyone's spikes.
"""

from .correlation import (
    Correlation as Correlation,
)
from .correlation import (
    Correlogram as Correlogram,
)
from .correlation import (
    correlation as correlation,
)
from .correlation import (
    cross_correlogram as cross_correlogram,
)
from .correlation import (
    synchrony as synchrony,
)
from .correlation import (
    voltage_synchrony as voltage_synchrony,
)
from .intervals import (
    Intervals as Intervals,
)
from .intervals import (
    PerNeuron as PerNeuron,
)
from .intervals import (
    cv as cv,
)
from .intervals import (
    cv2 as cv2,
)
from .intervals import (
    fano_factor as fano_factor,
)
from .intervals import (
    interspike_intervals as interspike_intervals,
)
from .rates import (
    PopulationRate as PopulationRate,
)
from .rates import (
    binned_counts as binned_counts,
)
from .rates import (
    firing_rate as firing_rate,
)
from .rates import (
    population_counts as population_counts,
)
from .rates import (
    population_rate as population_rate,
)
from .spectrum import (
    Spectrum as Spectrum,
)
from .spectrum import (
    dominant_frequency as dominant_frequency,
)
from .spectrum import (
    power_spectrum as power_spectrum,
)
