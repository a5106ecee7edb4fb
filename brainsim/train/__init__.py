"""What learns: losses of a network's output, their gradients, and the loop that follows them."""

from brainsim.train.gradients import Gradient, bptt
from brainsim.train.objective import Batch, Objective, Result
from brainsim.train.reading import Read

__all__ = ["Batch", "bptt", "Gradient", "Objective", "Read", "Result"]
