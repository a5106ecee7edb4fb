"""Delays: from what a terminal sends to what arrives at the synapses.

One for all synapses (axonal) or one each (synaptic), fixed or a parameter that changes, of spikes or of a graded signal.
"""

from typing import Any

from brainsim._core import Moment, Site
from brainsim._units import float_dtype
from brainsim.delays.axonal import Axonal
from brainsim.delays.base import Delay
from brainsim.delays.calendar import Calendar, Listed, Noted
from brainsim.delays.changing import Changing, ChangingAxonal, ChangingSynaptic
from brainsim.delays.exact import Exact, ExactChanging
from brainsim.delays.gaussian import Gaussian
from brainsim.delays.graded import Followed, GradedChanging
from brainsim.delays.synaptic import Synaptic
from brainsim.delays.times import Times


def delay_for(
    path: str,
    times: Times | None,
    n_pre: int,
    sent: Any,
    *,
    moment: Moment | None = None,
    own: Delay | None = None,
    graded: bool = False,
    follow: bool = False,
    longest: Times | None = None,
    exact: bool = False,
    calendar: str | None = None,
) -> Delay:
    """The delay of a projection: of the kind that serves these times, or one's own.

    Parameters
    ----------
    path : str
        Where it will stand.
    times : Times or None
    n_pre : int
        How many send.
    sent : dtype
        Of what they send.
    moment : Moment, optional
        That of the network.
    own : Delay, optional
        A delay of one's own kind.
    graded : bool
        Whether they send at every step.
    follow : bool
        Whether the arrivals at single synapses are needed, as plasticity needs them.
    longest : Times, optional
        The longest that delays may become, where they change.
    exact : bool
        Whether spikes are fired and arrive within steps.
    calendar : str or None
        Whether spikes are to be noted in a calendar: ``"sorted"`` where the synapses of each row are sorted by delay, ``"listed"``
        where they are not, ``"noted"`` where they learn.

    Raises
    ------
    ValueError
        For delays that spikes between steps cannot have, and for a delay of one's own that does not do what is asked.
    """
    if own is not None:
        _check_own(path, own, follow, longest, exact)
    if exact:
        if times is None or follow:
            raise ValueError(
                f"{path}: exact spike times need a delay of at least a step, without plasticity; given"
                f" {'none' if times is None else 'plasticity'}."
            )
        sent = float_dtype()
    made = own or _kind(times, graded, follow, longest, exact, calendar)()
    facts = dict(n_pre=n_pre, count=n_pre, sent_dtype=str(sent), graded=graded)
    made.bind(Site(path, moment or Moment(), facts), times, longest)
    return made


def _kind(
    times: Times | None, graded: bool, follow: bool, longest: Times | None, exact: bool, calendar: str | None
) -> type[Delay]:
    if times is None:
        return Delay
    if exact:
        return Exact if longest is None else ExactChanging
    if longest is not None:
        return GradedChanging if graded else ChangingSynaptic if times.shape else ChangingAxonal
    if not times.shape:
        return Axonal
    if calendar == "noted":
        return Noted
    if graded or follow:
        return Followed
    return Synaptic if calendar is None else Calendar if calendar == "sorted" else Listed


def _check_own(path: str, own: Delay, follow: bool, longest: Times | None, exact: bool) -> None:
    kind = type(own).__name__
    if own.changes != (longest is not None):
        how = "changes, and needs max_delay=..." if own.changes else "does not change, and takes no max_delay=..."
        raise ValueError(f"{path}: the delay given, {kind}, {how}")
    if exact and not isinstance(own, Exact):
        raise ValueError(f"{path}: exact spike times need delays of the kind Exact, given {kind}.")
    if follow and type(own).deliver is not Delay.deliver:
        raise ValueError(
            f"{path}: plasticity needs what arrives at single synapses, and {kind} knows sums over them only."
        )


__all__ = [
    "Axonal",
    "Calendar",
    "Changing",
    "ChangingAxonal",
    "ChangingSynaptic",
    "Delay",
    "Exact",
    "ExactChanging",
    "Followed",
    "Gaussian",
    "GradedChanging",
    "Noted",
    "Listed",
    "Synaptic",
    "Times",
    "delay_for",
]
