"""Cognitive tasks: generators of random trials with what goes in and what is right in each step."""

from brainsim.data.tasks.base import FreshTrials, Periods, Signalled, Task, Trials
from brainsim.data.tasks.comparison import DelayedComparison
from brainsim.data.tasks.context import ContextDecision
from brainsim.data.tasks.evidence import EvidenceAccumulation
from brainsim.data.tasks.go import GoNoGo
from brainsim.data.tasks.match import DelayedMatch
from brainsim.data.tasks.timing import IntervalTiming

__all__ = [
    "ContextDecision",
    "DelayedComparison",
    "DelayedMatch",
    "EvidenceAccumulation",
    "FreshTrials",
    "GoNoGo",
    "IntervalTiming",
    "Periods",
    "Signalled",
    "Task",
    "Trials",
]
