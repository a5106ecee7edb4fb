"""Learning without the past: eligibility traces for any network, and every rule on them."""

from brainsim.train.online import rules
from brainsim.train.online.base import Carry, Learner
from brainsim.train.online.door import online

__all__ = ["Carry", "Learner", "online", "rules"]
