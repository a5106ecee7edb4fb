from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
from jax.core import Tracer

from brainsim._core import Parameter, ParameterVariable, Part, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim._host import computed
from brainsim._units import in_unit
from brainsim.channels import Mechanism, Pool, temperature
from brainsim.channels.geometry import measures
from brainsim.channels.mechanism import check_pools
from brainsim.channels.point import AtPoint
from brainsim.neurons.base import Neuron
from brainsim.neurons.resting import resting_state


class ConductanceBased(Neuron):
    r"""Neuron of one compartment, composed of ion channels.

    .. math:: C \dot V = g_L\,(E_L - V) + \sum_k I_k(V, x_k, [\cdot]) + I
    .. math:: \dot x_k = f_k(V, x_k, [\cdot]),\qquad [\cdot]' = F([\cdot], \textstyle\sum I_{ion})

    with the currents :math:`I_k` and gates :math:`x_k` of the ``channels`` and the concentrations of the ``pools``, all
    per area of membrane::

        cell = ConductanceBased(
            100,
            channels=dict(na=channels.Na_TraubMiles(), kd=channels.K_TraubMiles(), t=channels.CaT_HM1992(E=None)),
            pools=dict(Ca=channels.Calcium()),
        )

    A channel is a part of the cell: ``cell.na.g_max``, ``net["E.na"]``, ``record=["E.na.m", "E.Ca.concentration"]``.
    Its conductance is a parameter as any other. A pool has the name that its channels know it by. With ``area``,
    stimuli and receptors are in pA and nS, of the whole cell; without, they are densities. With ``celsius`` the cell has
    a temperature: rates of channels that were measured at another one (``phi``), Nernst potentials and what NMODL files
    do with ``celsius`` follow it, unless they are given a value of their own.

    A spike is an upward crossing of :math:`V_{th}` between the ends of a step; nothing is reset. With a surrogate the
    pseudo-derivative is that of :class:`HodgkinHuxley`. Gates start at their steady state at the initial V, and
    concentrations at rest, unless given. The default method advances concentrations, then gates, then V.

    Accuracy at dt = 0.1 ms by default: in the minimal cortical cells of Pospischil et al. (2008) intervals are too long
    by 0.73 % (RS), 0.35 % (FS), 1.9 % (IB), 0.41 % (LTS).

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    channels : dict of str to Mechanism
        Channels, and whatever else carries current, by name.
    pools : dict of str to Pool, optional
        Concentrations by the name of their ion.
    **values
        Parameters, initial V, and the options of every neuron.

    References
    ----------
    A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500 (1952).
    """

    default_method = "staggered_exponential_euler"
    clamped = ()
    input_unit = u.uA / u.cm2

    C = Parameter(1.0 * u.uF / u.cm2, "membrane capacitance", positive=True)
    g_L = Parameter(0.1 * u.mS / u.cm2, "leak conductance", nonnegative=True)
    E_L = Parameter(-70.0 * u.mV, "leak reversal potential")
    V_th = Parameter(0.0 * u.mV, "potential whose upward crossing is a spike")
    area = Parameter(
        None,
        "membrane area; makes stimuli and receptors those of the whole cell",
        unit=u.um2,
        optional=True,
        positive=True,
    )
    celsius = Parameter(
        None, "temperature of all parts that have none of their own, in °C", unit=u.UNITLESS, shape=(), optional=True
    )
    V = State(-70.0 * u.mV, "membrane potential")

    def __init__(
        self, size: int | tuple[int, ...], *, channels: dict | None = None, pools: dict | None = None, **values: Any
    ):
        if values.get("area") is not None:
            self.input_unit = u.pA
        super().__init__(size, **values)
        self.compose(channels or {}, pools or {})

    def compose(self, channels: dict[str, Mechanism], pools: dict[str, Pool]) -> None:
        """Be made of these channels and pools."""
        for what, given in (("channels", channels), ("pools", pools)):
            if not isinstance(given, Mapping):
                raise TypeError(
                    f"{self.path}: {what} are given by name, {what}=dict(na=...), given {type(given).__name__}."
                )
        self.channel_names, self.pool_names = tuple(channels), tuple(pools)
        self.attach_parts(channels, Mechanism)
        self.attach_parts(pools, Pool)
        self.check_diffusion()
        for name, channel in channels.items():
            channel.check_pools(pools, f"{self.path}.{name}")
        for name, pool in pools.items():
            check_pools(pool, pools, f"{self.path}.{name}")
        gates = [f"{name}.{gate}" for name, channel in channels.items() for gate in channel.gates]
        self.takes_held = any(channel.follows for channel in channels.values())
        self.variables = ("V", *gates, *(f"{name}.{x}" for name, pool in pools.items() for x in pool.held_states))
        groups = [tuple(f"{name}.{x}" for x in group) for name, one in channels.items() for group in one.together]
        self.together = (
            *groups,
            *(tuple(f"{n}.{x}" for x in pool.held_states) for n, pool in pools.items() if pool.implicit),
        )
        self.settle(self.derived())

    def attach_parts(self, parts, kind, ids=None, unnamed=()):
        for name, part in parts.items():
            if isinstance(part, kind) and not part.bound:
                temperature.follow(part, f"{self.path}.{name}", self.celsius is not None)
                self.measure(part)
        super().attach_parts(parts, kind, ids, unnamed)
        self._check_temperature(parts.values())
        fed = [f"I_{ion}" for part in self.parts(AtPoint).values() for ion in part.fed if ion in self.pools]
        self.fix(takes=tuple(dict.fromkeys([*type(self).takes, *fed])))

    def measure(self, part: Part) -> None:
        """Tell a part what it stands on, where it is not given."""
        for name, field in measures(part).items():
            if field == "area" and self.area is not None:
                part._aside.given[name] = self.area

    def check_diffusion(self) -> None:
        """Refuse what diffuses along a cell that is a point."""
        for name, pool in self.pools.items():
            for state in pool.along():
                if state in pool.diffuses:  # files read say so whatever the cell is, and a point ignores it
                    raise ValueError(
                        f"{self.path}.{name}.{pool.diffuses[state]} lets it diffuse along the cell, and the cells here are"
                        " points."
                    )

    # -- temperature -------------------------------------------------------------------------------------------------

    def warmed(self):
        if self.celsius is None:
            return super().warmed()
        return temperature.warmed(self.parts(Part).values(), self.plain("celsius"))

    def _check_temperature(self, parts=None, values=None):
        """Warn where rates are not known at the temperature."""
        if self.celsius is not None:
            values = self.plain("celsius") if values is None else values
            if not isinstance(values, Tracer):
                temperature.check(self.path, values, self.parts(Part).values() if parts is None else parts)

    def check_step(self, step_ms, varied=None):
        super().check_step(step_ms, varied)
        self.check_varied(varied)

    def check_varied(self, varied: Mapping[str, Any] | None) -> None:
        """Warn of temperatures that a sweep or a function will take."""
        values = (varied or {}).get(f"{self.path}.celsius")
        if values is not None:
            self._check_temperature(values=values)

    def assign(self, name, value):
        if isinstance(value, ParameterVariable):  # put in place of another, in a copy
            super().assign(name, value)
            return
        if name == "celsius" and "channel_names" in vars(self) and (value is None) != (self.celsius is None):
            has = "none" if self.celsius is None else "one"
            raise ValueError(
                f"{self.path}.celsius: whether the cell has a temperature is fixed when it is made, and it has {has}; given"
                f" {value}."
            )
        before = self.celsius if name == "celsius" else None
        super().assign(name, value)
        if name == "celsius" and "channel_names" in vars(self):
            try:
                self._check_temperature()
            except ValueError:
                super().assign(name, before)
                raise

    def receive(self, clock):
        with self.warmed():
            return super().receive(clock)

    def update(self, clock, drives):
        with self.warmed():
            super().update(clock, drives)

    @property
    def channels(self) -> dict[str, Mechanism]:
        """Channels by name, as given."""
        return {name: vars(self)[name] for name in self.channel_names}

    @property
    def pools(self) -> dict[str, Pool]:
        """Concentrations by the name of their ion, as given."""
        return {name: vars(self)[name] for name in self.pool_names}

    # -- initial state -----------------------------------------------------------------------------------------------

    def join(self, name, key):
        super().join(name, key)
        self.settle(self.derived())

    def derived(self):
        """Gates that were not given follow from V and the concentrations, and so do states of some pools."""
        gates = [
            f"{name}.{gate}"
            for name, channel in self.channels.items()
            for gate in channel.gates
            if gate not in channel._aside.given
        ]
        own = [
            f"{name}.{x}" for name, p in self._pools_of_cell.items() for x in p.held_states if x not in p._aside.given
        ]
        return super().derived() + own + gates

    @property
    def _pools_of_cell(self) -> dict[str, Pool]:
        """Pools whose states start from V and from other pools."""
        return {name: pool for name, pool in self.pools.items() if pool.starts_from_cell}

    def settle(self, names):
        """Put gates, and states of pools that follow V, to their steady state at the present V and concentrations."""
        with self.warmed():
            super().settle(names)
            for parts in (self._pools_of_cell, self.channels):  # which see the concentrations
                found = computed(lambda parts=parts: self._steady(parts, set(names))) if parts else {}
                for path, value in found.items():
                    part, state = self.home(path)
                    part.put(state, jnp.asarray(value))

    def _steady(self, parts: Mapping[str, Mechanism | Pool], names: set[str]) -> dict[str, jax.Array]:
        """The steady states, plain, of those of the states ``names`` that the parts have, by path."""
        found = {}
        ions = self._ions(self._held())
        for name, part in parts.items():
            for state, value in part.steady_state(part.taken(self.V), **self._at(part, ions)).items():
                if f"{name}.{state}" in names:
                    value = in_unit(value, part.unit_of(state), f"{part.path}.{state}")
                    # One for each cell, also where it depends on no V
                    found[f"{name}.{state}"] = value + 0.0 * part.plain(state)
        return found

    def resting_state(self, parameters: Mapping | None = None, inputs: Mapping | None = None) -> dict:
        r"""V, gates and concentrations where nothing changes.

        .. math:: 0 = \dot V = \dot x_k = \dot{[\cdot]}

        From the present state, by steps of backward Euler that grow until they are Newton's: the rest is the one that the
        cell itself goes to, where it goes to one. Compartments and junctions are solved along their trees, so that the time
        is linear in their number. Derivatives with respect to ``parameters`` and ``inputs`` are those of the implicit
        function theorem, of all orders: a resting potential can be fitted. It is compiled once for all cells of one structure.

        Parameters
        ----------
        parameters : mapping from name to quantity, optional
            Those that differ from the population's: ``{"g_L": ..., "na.g_max": ...}``. May be traced.
        inputs : mapping from name to quantity, optional
            Constant total inputs, one for all or one for each site: ``{"I": -50 * u.pA}``. Receptors and stimuli are not
            part of it.

        Returns
        -------
        dict of str to quantity
            By name of the variable, each in its unit. Inside a transformation not a number where there is no rest.

        Raises
        ------
        ValueError
            Where no rest is found, or disturbances of it grow: the cell is active by itself. For pools that diffuse along it.
        UnknownNameError, UnitError
            For a parameter or input that does not exist or does not fit.

        References
        ----------
        C. T. Kelley, D. E. Keyes, SIAM J. Numer. Anal. 35:508 (1998).
        """
        return resting_state(self, parameters, inputs)

    def come_to_rest(self, inputs: Mapping | None = None) -> None:
        """Put V, gates and concentrations to those of :meth:`resting_state`: runs begin at rest, and so does what follows a
        reset.

        Parameters
        ----------
        inputs : mapping from name to quantity, optional
            Constant total inputs under which it rests.

        Raises
        ------
        ValueError
            Where there is no rest; the state stays as it was.
        """
        for path, value in self.resting_state(inputs=inputs).items():
            part, name = self.home(path)
            part.assign(name, value)

    def current_of(self, name: str) -> u.Quantity:
        """Current of a channel or pump as the cell stands; recorded as ``"cell.na.I"``.

        Parameters
        ----------
        name : str
            Of the channel, or of a pool that carries current itself.

        Returns
        -------
        quantity, current per area of membrane
            Into the cell (NEURON's is out of it), of all ions together, one for each of the sites where it stands.

        Raises
        ------
        UnknownNameError
            For what carries none.
        """
        carriers: dict[str, Any] = self.channels | {n: p for n, p in self.pools.items() if carries(p)}
        if name not in carriers:
            raise UnknownNameError(f"{self.path} has no channel {name!r}.{suggestion(name, carriers)}")
        part = carriers[name]
        own = {x: getattr(part, x) for x in (part.held_states if isinstance(part, Pool) else part.gates)}
        with self.warmed():
            by_ion = part.currents(part.taken(self.V), **own, **self.ions_at(part))
        return sum(by_ion.values(), 0.0 * u.uA / u.cm2) + jnp.zeros(part.count) * u.uA / u.cm2

    # -- the equations -----------------------------------------------------------------------------------------------

    def derivative(self, t, V, I, V_held=None, **values):
        with self.warmed():
            return self._derivative(V, I, V_held, values)

    def _derivative(self, V, I, V_held, values):
        held_by = {name: {x: values[f"{name}.{x}"] for x in p.held_states} for name, p in self.pools.items()}
        ions = self._ions(held_by)
        inflow: dict[str, Any] = dict.fromkeys(self.pool_names, 0.0 * u.uA / u.cm2)
        total, slopes = self.g_L * (self.E_L - V), []
        for name, channel in self.channels.items():
            gates = {gate: values[f"{name}.{gate}"] for gate in channel.gates}
            here, own = channel.taken(V), self._at(channel, ions)
            held = None if V_held is None else channel.taken(V_held)
            for ion, current in channel.currents(here, V_held=held, **gates, **own).items():
                current = channel.spread(current, self.sites)
                total = total + current
                if ion in inflow:
                    inflow[ion] = inflow[ion] + current
            rates = channel.slopes(here, **gates, **own)
            slopes += [rates[gate] for gate in channel.gates]
        seen = {name: {"V": pool.taken(V), **self._at(pool, ions)} for name, pool in self.pools.items()}
        for name, pool in self.pools.items():
            for ion, current in pool.currents(**seen[name], **held_by[name]).items():
                current = pool.spread(current, self.sites)
                total = total + current
                if ion in inflow:
                    inflow[ion] = inflow[ion] + current
        for name in self.takes:
            ion = name.removeprefix("I_")
            if name != ion and ion in inflow:
                inflow[ion] = inflow[ion] + (values[name] if self.area is None else values[name] / self.area)
        for name, pool in self.pools.items():
            further = {x: seen[name][x] for x in pool.reads}
            found = pool.slopes(pool.taken(inflow[name]), **held_by[name], **further)
            slopes += [found[state] for state in pool.held_states]
        return (total + (I if self.area is None else I / self.area)) / self.C, *slopes

    def total_inputs(self, clock, drives):
        totals = super().total_inputs(clock, drives)

        def fed(t, y, ion):
            current = 0.0 * self.input_unit
            for part, drive in drives:
                if isinstance(part, AtPoint):
                    V: Any = in_unit(y[cast(str, self.inputs[cast(str, part.into)])], u.mV, f"{self.path}.V")
                    current = current + part.spread(part.ion_current(drive, part.taken(V), ion), self.sites)
            return current

        further = [name for name in self.takes if name not in totals]
        return totals | {name: functools.partial(fed, ion=name.removeprefix("I_")) for name in further}

    def ions_at(self, part):
        return self._at(part, self._ions(self._held()))

    def _at(self, channel, ions: dict) -> dict:
        """Of the ions, which stand where their pools do, what a channel has to do with."""
        return ions

    def _held(self) -> dict:
        """The states of pools as they are, by pool and name."""
        return {name: {x: getattr(pool, x) for x in pool.held_states} for name, pool in self.pools.items()}

    def _ions(self, held: dict) -> dict:
        """Concentrations inside and outside (``Ca``, ``Ca_out``), and Nernst potentials (``E_Ca``), by name."""
        given = {}
        for name, states in held.items():
            pool = self.pools[name]
            given |= {
                name: states["concentration"],
                f"{name}_out": pool.outer(states),
                f"E_{name}": pool.potential(states),
            }
        return given

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=self.V_th - self.E_L)

    # -- variables of parts ------------------------------------------------------------------------------------------

    def present(self):
        return {path: getattr(*self.home(path)) for path in self.variables}

    def keep(self, values):
        for path, value in values.items():
            part, name = self.home(path)
            part.put(name, in_unit(value, part.unit_of(name), f"{part.path}.{name}"))

    def unit_of(self, name):
        part, own = self.home(name)
        return part.unit_of(own) if part is not self else super().unit_of(name)

    def home(self, path):
        *part, name = path.split(".")
        return (vars(self)[part[0]] if part else self), name


def carries(pool: Pool) -> bool:
    """Whether a pool carries current itself, as pumps do."""
    return type(pool).currents is not Pool.currents
