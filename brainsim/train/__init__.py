"""What learns: losses of a network's output, their gradients, and the loop that follows them."""

from brainsim.train.gradients import Gradient, bptt
from brainsim.train.objective import Batch, Objective, Result
from brainsim.train.online import Carry, Learner, online, rules
from brainsim.train.reading import Read

__all__ = [
    "Batch",
    "Carry",
    "Gradient",
    "Learner",
    "Objective",
    "Read",
    "Result",
    "bptt",
    "online",
    "rules",
]
