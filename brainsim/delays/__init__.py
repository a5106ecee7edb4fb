"""Delays: from what a terminal sends to what arrives at the synapses.

One for all synapses (axonal) or one each (synaptic), fixed or a parameter that changes, of spikes or of a graded signal.
"""

from brainsim._units import float_dtype
from brainsim.delays.axonal import Axonal
from brainsim.delays.base import Delay
from brainsim.delays.changing import Changing, ChangingAxonal, ChangingSynaptic
from brainsim.delays.exact import Exact
from brainsim.delays.graded import Followed, GradedChanging
from brainsim.delays.synaptic import Synaptic
from brainsim.delays.times import Times


def delay_for(
    path: str,
    times: Times | None,
    n_pre: int,
    sent,
    *,
    graded: bool = False,
    follow: bool = False,
    longest: Times | None = None,
    exact: bool = False,
) -> Delay:
    """The kind of delay for these times.

    Parameters
    ----------
    path : str
        Where it will stand.
    times : Times or None
    n_pre : int
        How many send.
    sent : dtype
        Of what they send.
    graded : bool
        Whether they send at every step.
    follow : bool
        Whether the arrivals at single synapses are needed, as plasticity needs them.
    longest : Times, optional
        The longest that delays may become, where they change.
    exact : bool
        Whether spikes are fired and arrive within steps.

    Raises
    ------
    ValueError
        For delays that spikes between steps cannot have.
    """
    if exact:
        if times is None or times.shape or longest is not None or follow:
            given = "none" if times is None else "one for each synapse" if times.shape else "one that changes"
            given = "plasticity" if follow else given
            raise ValueError(
                f"{path}: exact spike times need one fixed delay of at least a step for all synapses, without"
                f" plasticity; given {given}."
            )
        return Exact(path, times, n_pre, float_dtype(), graded)
    kind, options = Delay, {}
    if longest is not None:
        kind, options = ChangingSynaptic if times.shape else ChangingAxonal, {"longest": longest}
        kind = GradedChanging if graded else kind
    elif times is not None:
        kind = Axonal if not times.shape else Followed if graded or follow else Synaptic
    return kind(path, times, n_pre, sent, graded, **options)


__all__ = [
    "Axonal",
    "Changing",
    "ChangingAxonal",
    "ChangingSynaptic",
    "Delay",
    "Exact",
    "Followed",
    "GradedChanging",
    "Synaptic",
    "Times",
    "delay_for",
]
