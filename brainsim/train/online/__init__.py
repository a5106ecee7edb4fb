"""Learning without the past: eligibility traces for any network, and every rule on them."""

from brainsim.train.online import rules
from brainsim.train.online.base import Carry, Learner
from brainsim.train.online.door import online
from brainsim.train.online.gradient import Eligibility
from brainsim.train.online.lifelong import lifelong

__all__ = ["Carry", "Eligibility", "Learner", "lifelong", "online", "rules"]
