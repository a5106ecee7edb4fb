"""Features of potentials, such as the height and the width of spikes: smooth functions of V, and eFEL's own numbers.

::

    trace = features.Trace(V, 0.025 * u.ms, start=100 * u.ms, stop=600 * u.ms)
    features.measure("AP_height", trace), features.measure("mean_frequency", trace)
    features.efel(V, 0.025 * u.ms, ["AP_height"], start=100 * u.ms, stop=600 * u.ms)
"""

from brainsim.train.features.efel import efel
from brainsim.train.features.table import FEATURES, measure
from brainsim.train.features.trace import Trace

__all__ = ["FEATURES", "Trace", "efel", "measure"]
