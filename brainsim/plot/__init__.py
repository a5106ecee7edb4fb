"""Plots of spikes, traces and learning, on matplotlib axes.

Every function takes plain arrays (times in seconds) or brainunit quantities, and draws on the ``ax`` it is given or on
a new one. matplotlib is imported when something is drawn, not before.
"""

from .learning import LearningAxes as LearningAxes
from .learning import learning_curve as learning_curve
from .overview import overview as overview
from .raster import raster as raster
from .traces import traces as traces
