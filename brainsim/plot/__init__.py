"""Plots of spikes, traces, learning and shapes of cells, on matplotlib axes.

Every function takes plain arrays (times in seconds) or brainunit quantities, and draws on the ``ax`` it is given or on
a new one. matplotlib is imported when something is drawn, not before.
"""

from .dendrogram import dendrogram as dendrogram
from .learning import LearningAxes as LearningAxes
from .learning import learning_curve as learning_curve
from .overview import overview as overview
from .raster import raster as raster
from .shape import shape as shape
from .shape import shape_3d as shape_3d
from .shape_movie import shape_movie as shape_movie
from .traces import traces as traces
