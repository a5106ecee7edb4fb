"""Synapses written as equations of plain numbers, as NEURON's point processes are."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, State
from brainsim.channels.equations import Numbers
from brainsim.channels.point import AtPoint
from brainsim.receptors.base import Receptor


class PointProcess(AtPoint, Receptor):
    r"""A synapse written as equations of plain numbers: V in mV, time in ms, currents in nA, concentrations in mM.

    .. math:: I = -f(v, x, [\cdot], t),\qquad \dot x = f(v, x, [\cdot], t),\qquad
        (x, y) \leftarrow f(w, x, y, v, t)\ \text{when a spike arrives}

    What :func:`brainsim.io.read_mod` makes of an NMODL file with NET_RECEIVE, and how to write any synapse whose kinetics
    are not linear, depend on V, or carry several ions::

        class Depressing(PointProcess):
            tau = Parameter(5.0 * u.ms, "decay time constant")
            g = State(0.0 * u.uS, "conductance")
            carries = {"i": None}
            synapse = {"R": "resources", "last": "time of the last spike"}
            weight_in = u.uS

            def rates(self, p, g):
                return {"g": -g / p.tau}

            def flow(self, p, v, g):
                return {"i": g * v}

            def begin(self, p):
                return {"R": 1.0}

            def received(self, p, t, weight, g, R, last):
                R = 1 - (1 - R) * jnp.exp(-(t - last) / 100.0)
                return {"g": g + 0.5 * R * weight, "R": 0.5 * R, "last": t}

    ``rates`` and ``flow`` are those of :class:`brainsim.channels.Equations`, with currents in nA, counted outward, and
    ``initial`` is its ``start``. ``received`` gives what changes when a spike arrives, states and the variables of the ``synapse`` that it
    arrives by, of which each synapse has its own; ``begin`` gives what these start from (0 otherwise). Where several
    arrive at once they add up if the class is ``additive``: a spike adds to the states what does not depend on what it
    adds to; otherwise they take effect one after the other. Where it is ``linear`` what a spike does is in proportion
    to the weight, and the synapses are not followed one by one: any delays, terminals and formats serve.

    A synapse sends itself events with ``"net_send": ((sent, delay, flag), ...)`` in what ``received`` gives: where sent is
    not 0, ``received`` is called again after the delay (a step at least) with that ``flag``, which is 0 for spikes.
    ``waiting`` says how many may be under way at one synapse; with more the states become NaN, and the run stops.

    The membrane sees the states as they are at the beginning of a step, with what has arrived; they follow V at the end
    of it, as in NEURON: of order 1. Currents are those of the place, whatever its area, and feed the pools of their ions.

    Parameters
    ----------
    into : str, optional
        Input of the population that it feeds, where there is more than one.
    **values
        Parameters and initial values of states by name.

    Raises
    ------
    ValueError, UnknownNameError
        For a population without a membrane potential, whose input is a density, or without the pools that are needed.

    References
    ----------
    M. L. Hines, N. T. Carnevale, Neural Computation 12:995 (2000).
    """

    port = "arrived"
    reversal = None
    linear: ClassVar[bool] = False
    additive: ClassVar[bool] = False
    synapse: ClassVar[dict[str, str]] = {}  #: variables of each synapse, with what they are
    synapse_units: ClassVar[dict[str, u.Unit]] = {}  #: units of those that have one
    waiting: ClassVar[int] = 0  #: events that a synapse has sent itself and that may wait at once
    weight_in: ClassVar[u.Unit] = u.UNITLESS  #: unit of a weight
    methods = ("rates", "flow", "initial", "received", "begin", "stays")
    not_states = ("arrived",)

    arrived = State(0.0, "sum of the weights that arrived and have not taken effect", unit="unit_of_a_weight")

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.linear and (cls.synapse or cls.waiting):
            raise TypeError(f"{cls.__name__}: a point process whose synapses have variables or events is not linear.")

    def received(self, p: Any) -> dict:
        """What changes when a spike of ``weight`` arrives: states, and variables of the synapse, by name."""
        return {}

    def stays(self, p: Any) -> dict:
        """States that stay, until spikes arrive, as they follow from others at the beginning of the step."""
        return {}

    def begin(self, p: Any) -> dict:
        """What the variables of a synapse of ``weight`` start from."""
        return {}

    # -- where it stands ---------------------------------------------------------------------------------------------

    def bind(self, neuron, name, ids=None):
        self.check_point(neuron, name, self.goes_into(neuron, name))
        super().bind(neuron, name, ids)

    @property
    def is_current(self):
        return True

    @property
    def signed(self):
        return not self.weight_in.has_same_dim(u.uS)

    @property
    def unit_of_a_weight(self) -> u.Unit:
        """Unit of a weight."""
        return self.weight_in

    @property
    def one_by_one(self) -> bool:
        """Whether each synapse is followed on its own."""
        return not self.linear

    # -- the step ----------------------------------------------------------------------------------------------------

    def advance(self, clock: Clock, V: Any = None, ions: dict | None = None) -> Any:
        if self.linear:
            weight, around = self.plain("arrived"), {"V": V, "ions": ions or {}}
            t = clock.t.to_decimal(u.ms)
            for name, value in self.arrival("received", t, around, {"weight": weight, "dt": clock.step_ms}).items():
                self.put(name, jnp.broadcast_to(value, self.plain(name).shape))
            self.put("arrived", jnp.zeros_like(weight))
        drive = self.standing(clock, ions or {})
        for name, value in self._with("stays", drive, V).items():
            self.put(name, jnp.broadcast_to(value, self.plain(name).shape))
        return drive

    def arrival(self, method: str, t: Any, around: dict, values: dict[str, jax.Array], at: Any = None) -> dict:
        """What ``received`` or ``begin`` gives.

        Parameters
        ----------
        method : str
        t : float
            In ms.
        around : dict
            What the receptor sees of its population.
        values : dict of str to array
            Weights, and variables of the synapses; states that differ from those that there are.
        at : int array, optional
            The place that each value belongs to; without, there is one value for each place.
        """
        here = lambda x: x if at is None or jnp.ndim(x) == 0 else x[at]
        known = {name: here(self.plain(name)) for name in self.gates} | values
        known |= {"v": here(around["V"]), "t": t}
        known |= {name: here(value) for name, value in self._here(around["ions"]).items()}
        known |= {name: here(self.plain(name)) for name in self.ions if self._stands(name)}
        return getattr(self, method)(Numbers(self, at), **{name: known[name] for name in self._arguments[method]})

    def mean(self, before, after, exact=None):
        return exact

    def features(self, sent):
        return (sent,)
