"""Cognitive tasks: generators of random trials with what goes in and what is right in each step."""

from brainsim.data.tasks.base import FreshTrials, Task, Trials
from brainsim.data.tasks.evidence import EvidenceAccumulation

__all__ = ["EvidenceAccumulation", "FreshTrials", "Task", "Trials"]
