"""Mechanisms written as equations of plain numbers, in the units that NEURON has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Parameter, Part, State
from brainsim._units import float_dtype, in_unit, with_unit
from brainsim.channels.mechanism import Mechanism, arguments_of
from brainsim.channels.pools import Pool, _nernst
from brainsim.channels.temperature import Celsius
from brainsim.integrators.coupled import solve, value_and_matrix

CURRENT = u.mA / u.cm2


class Numbers:
    """The parameters of something as plain numbers, each in the unit that it is declared in: ``p.gbar``.

    ``at``: the elements that are meant, all if None.
    """

    def __init__(self, owner: Any, at: Any = None):
        self._owner, self._at = owner, at

    def __getattr__(self, name: str) -> jax.Array:
        value = self._owner.plain(name)
        return value if self._at is None or jnp.ndim(value) == 0 else value[self._at]


class InNumbers(Part):
    """What everything written as equations of plain numbers shares: parameters as numbers, and values of ions.

    Goes before a class of parts of a cell.
    """

    _arguments: ClassVar[dict[str, tuple[str, ...]]]

    ions: ClassVar[dict[str, str]] = {}
    carries: ClassVar[dict[str, str | None]] = {}
    methods: ClassVar[tuple[str, ...]] = ("rates", "flow")

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls._arguments = {name: arguments_of(getattr(cls, name))[1:] for name in cls.methods}

    # -- what a mechanism defines ------------------------------------------------------------------------------------

    def rates(self, p: Any) -> dict:
        """Derivative of each state per ms."""
        return {}

    def flow(self, p: Any) -> dict:
        """Outward currents by the names in ``carries``: in mA/cm², those of a point in nA."""
        return {}

    # -- what follows from it ----------------------------------------------------------------------------------------

    @property
    def needs(self):
        return tuple(dict.fromkeys(self._pool(name) for name in self.ions if not self._stands(name)))

    def settle_in(self, pools):
        for name in self.ions:
            if name in self._declared and name not in self._aside.given and self._pool(name) in pools:
                self._aside.given[name] = None
                self.let_go(name)

    def _inward(self, V, values) -> dict:
        """Currents into the cell per area, by ion."""
        found: dict = {}
        for name, value in self._called("flow", V, values).items():
            ion, inward = self.carries[name], with_unit(-value, CURRENT)
            found[ion] = found[ion] + inward if ion in found else inward
        return found

    def _called(self, method: str, V, values) -> dict:
        given = {name: self._value(name, V, values) for name in self._arguments[method]}
        return getattr(self, method)(Numbers(self), **given)

    def _value(self, name, V, values):
        if name == "v":
            return in_unit(V, u.mV, f"{self.path}: V")
        if name not in self.ions:
            return in_unit(values[name], self.unit_of(name), f"{self.path}.{name}")
        if self._stands(name):
            return self.plain(name)
        unit = u.mV if self.ions[name].startswith("E_") else u.mM
        return in_unit(values[self.ions[name]], unit, f"{self.path}.{name}")

    def _pool(self, name):
        return self.ions[name].removeprefix("E_").removesuffix("_out")

    def _stands(self, name):
        """Whether a parameter stands for what the pool would give."""
        if name not in self._declared or name in vars(self):
            return name in vars(self)
        return not self.bound and self._aside.given.get(name, self._declared[name].default) is not None


class Equations(InNumbers, Mechanism):
    r"""A mechanism written as equations of plain numbers: V in mV, time in ms, currents in mA/cm², concentrations in mM.

    .. math:: I_{ion} = -f_{ion}(v, x, [\cdot]),\qquad \dot x = f(v, x, [\cdot]),\qquad x(0) = f(v, [\cdot])

    What :func:`brainsim.io.read_mod` makes of an NMODL file, and how to write any law of current: several ions,
    Goldman-Hodgkin-Katz, schemes of states::

        class Kdr(Equations):
            gbar = Parameter(36.0 * u.mS / u.cm2, "conductance")
            n = State(0.0, "activation")
            ions = {"ek": "E_K"}
            carries = {"ik": "K"}

            def rates(self, p, v, n):
                return {"n": (1 / (1 + jnp.exp(-(v + 53) / 15)) - n) / 5.0}

            def flow(self, p, v, n, ek):
                return {"ik": 1e-3 * p.gbar * n**4 * (v - ek)}

            def start(self, p, v):
                return {"n": 1 / (1 + jnp.exp(-(v + 53) / 15))}

    ``p`` has the parameters as plain numbers in the units that they are declared in; further arguments are ``v``, the
    states and the names in ``ions``. ``ions`` says what each of these is: the Nernst potential (``"E_K"``), the
    concentration inside (``"Ca"``) or outside (``"Ca_out"``) of a pool. Where the class has a parameter of that name
    it stands for the pool, unless it is None. ``carries`` names the ion of each current, None for what is no ion's.
    Currents are counted outward, as NEURON does; :meth:`currents` gives them into the cell as any channel.

    Parameters
    ----------
    **values
        Parameters and initial values of states by name. A parameter that stands for a pool and is not given follows
        the pool if the cell has one.
    """

    methods = ("rates", "flow", "start")

    def start(self, p: Any) -> dict:
        """What the states start from."""
        return {}

    def currents(self, V, *, V_held=None, **values):
        return self._inward(V, values)

    def slopes(self, V, **values):
        slopes = self._called("rates", V, values)
        return {name: with_unit(slopes.get(name, 0.0 * values_of(V)), self.unit_of(name) / u.ms) for name in self.gates}

    def steady_state(self, V, **values):
        started = self._called("start", V, values)
        return {name: with_unit(started[name], self.unit_of(name)) for name in self.gates if name in started}


class Further(State):
    """A further state of a :class:`PoolEquation`, which starts from what that says."""

    def __init__(self, doc: str, unit: u.Unit = u.UNITLESS):
        super().__init__(lambda pool: pool.begun(self._own), doc, unit=unit)

    def __set_name__(self, owner, name):
        self._own = name
        super().__set_name__(owner, name)


class PoolEquation(InNumbers, Pool):
    r"""A concentration written as an equation of plain numbers: mM, ms, and the outward current in mA/cm².

    .. math:: \dot{[\cdot]} = f([\cdot], i),\qquad E = \frac{RT}{zF} \ln \frac{[\cdot]_o}{[\cdot]}

    What :func:`brainsim.io.read_mod` makes of an NMODL file that writes a concentration. A subclass gives :meth:`rate`,
    and :meth:`start` where it does not start from ``inside``. With further states, such as buffers and shells, it gives
    :meth:`rates` and :meth:`starts`, and declares each by :class:`Further`. :class:`Equations` says what ``p`` is.

    A pool may carry currents itself, as pumps and exchangers do, by ``flow`` and ``carries`` of :class:`Equations`; ``i`` has
    them too. :meth:`rates` and :meth:`flow` may take ``v`` and what ``ions`` names, and so may :meth:`starts`: the states
    start from V and concentrations of the cell then, as gates do.
    """

    methods = ("rates", "flow", "starts")

    valence: ClassVar[float | None] = None  #: z; None where it is not known, and there is no Nernst potential then

    inside = Parameter(1.0 * u.mM, "concentration inside to start from", positive=True)
    outside = Parameter(1.0 * u.mM, "concentration outside", positive=True)
    celsius = Celsius(6.3, "temperature for the Nernst potential, in °C")
    concentration = State(lambda pool: pool.begun("concentration"), "concentration inside", unit=u.mM)

    def rate(self, p: Any, concentration: Any, current: Any) -> Any:
        """Derivative per ms."""
        raise NotImplementedError(
            f"{type(self).__name__} has no equation: define rate(self, p, concentration, current)."
        )

    def rates(self, p: Any, current: Any, **states: Any) -> dict[str, Any]:
        """Derivatives of all states per ms, by name."""
        return {"concentration": self.rate(p, states["concentration"], current)}

    def start(self, p: Any) -> Any:
        """What the concentration starts from."""
        return p.inside

    def starts(self, p: Any) -> dict[str, Any]:
        """What the states start from, by name."""
        return {"concentration": self.start(p)}

    def begun(self, name: str) -> Any:
        """What a state starts from, with its unit; 0 where nothing is said."""
        if self.starts_from_cell:  # all at once, later
            value = self.plain("inside") if name == "concentration" else 0.0
        else:
            value = self.starts(Numbers(self)).get(name, 0.0)
        return with_unit(jnp.asarray(value, float_dtype()), self.unit_of(name))

    def flows(self, p: Any) -> dict[str, tuple[Any, Any]]:
        """Of the states that diffuse along the cell: coefficient times area, in um⁴/ms, and volume per length, in um²."""
        return {}

    @property
    def starts_from_cell(self):
        return type(self).starts is not PoolEquation.starts

    @property
    def reads(self):
        ions = (self.ions[name] for name in self._further if name != "v" and not self._stands(name))
        return ("V", *ions) if "v" in self._further else tuple(ions)

    @property
    def _further(self) -> list[str]:
        """What :meth:`rates` takes beside the current and states."""
        return [name for name in self._arguments["rates"] if name == "v" or name in self.ions]

    def currents(self, V, **values):
        return self._inward(V, values)

    def steady_state(self, V, **values):
        found = self._called("starts", V, values) if self.starts_from_cell else {}
        return {name: with_unit(value, self.unit_of(name)) for name, value in found.items()}

    def slopes(self, current, **states):
        outward = -in_unit(current, CURRENT, f"{self.path}: the current")
        given = {name: self._value(name, states.get("V"), states) for name in (*self.held_states, *self._further)}
        found = self.rates(Numbers(self), outward, **given)
        return {name: with_unit(found[name], self.unit_of(name) / u.ms) for name in self.held_states}

    def along(self):
        area = math.pi / 4 * self.plain("diam") ** 2 if "diam" in self._declared else 1.0
        found = self.flows(Numbers(self))
        return {name: (with_unit(flow / v, u.um2 / u.ms), v / area) for name, (flow, v) in found.items()}

    def reversal(self, concentration):
        if self.valence is None:
            return None
        return _nernst(self.outside, concentration, self.valence, (self.celsius + 273.15) * u.kelvin)


def values_of(V: Any) -> Any:
    """The numbers of V."""
    return u.get_mantissa(V)


def steady(
    rates: Callable[..., dict], states: dict[str, Any], *conserved: tuple[Callable, Any], turns: int = 1
) -> tuple:
    r"""Where a scheme ends: :math:`\dot x = 0`, with what it conserves.

    .. math:: (J - 10^{-9}/\mathrm{ms})\,(x - x_0) = -\dot x(x_0)

    Rates that have more than one end, as those of a scheme that conserves a sum, end where :math:`x_0` leads.

    Parameters
    ----------
    rates : callable
        ``rates(x, y, ...)`` gives the derivatives by name, per ms.
    states : dict of str to array
        :math:`x_0`.
    *conserved : tuple of callable and number
        Sums of the states, as functions of them, and their values; each replaces the equation of the last state in it.
    turns : int
        Steps of Newton's method: one is all that linear rates need.

    Returns
    -------
    tuple of arrays, one for each state
    """
    count = len(states)

    def residuals(*x):
        found = rates(*x)
        given = [found[name] - 1e-9 * (value - start) for (name, start), value in zip(states.items(), x)]
        for total, value in conserved:
            given[_last_of(total, count)] = value - total(*x)
        return given

    return linear(residuals, count, tuple(states.values()), tuple(states.values()), turns)


def _last_of(total: Callable, count: int) -> int:
    """The last of so many variables that a sum depends on."""
    traced = jax.make_jaxpr(lambda *x: jnp.asarray(total(*x)))(*[0.0] * count).jaxpr
    used = {id(atom) for equation in traced.eqns for atom in equation.invars} | set(map(id, traced.outvars))
    return max(j for j, variable in enumerate(traced.invars) if id(variable) in used)


def linear(residuals: Callable, count: int, like: tuple = (), start: tuple = (), turns: int = 1) -> tuple:
    """The numbers, ``count`` at each element, at which all ``residuals``, linear in them, are zero.

    Parameters
    ----------
    residuals : callable
        Of ``count`` arrays; gives as many.
    count : int
    like : tuple of arrays, optional
        Of the shapes that the numbers have, beside those of the residuals.
    start : tuple of arrays, optional
        Where to begin, in case that the residuals are not linear; zero by default.
    turns : int
        Steps of Newton's method: one is all that linear residuals need.

    Returns
    -------
    tuple of arrays
    """
    zero = jnp.zeros((), float_dtype())
    shapes = [jnp.shape(x) for x in (*jax.eval_shape(lambda: tuple(residuals(*[zero] * count))), *like)]
    shape = jnp.broadcast_shapes(*shapes)

    def flat(x):
        given = residuals(*(row.reshape(shape) for row in x))
        return jnp.stack([jnp.broadcast_to(jnp.asarray(one, zero.dtype), shape).ravel() for one in given])

    def turn(_, x):
        value, jacobian = value_and_matrix(flat, x)
        return x + solve(jacobian, -value)

    first = [jnp.broadcast_to(jnp.asarray(x, zero.dtype), shape).ravel() for x in start or [zero] * count]
    first = jnp.stack([jnp.broadcast_to(x, max(1, math.prod(shape))) for x in first])
    found = jax.lax.fori_loop(0, turns, turn, first) if turns > 1 else turn(0, first)
    return tuple(row.reshape(shape) for row in found)


def from_step(step: Callable[[Any], dict]) -> dict:
    r"""The differential equation that a rule for steps of dt is the solution of: :math:`\dot x = \partial_{dt}\,x(dt)` at
    dt = 0.

    .. math:: x(dt) = x + (1 - e^{-dt/\tau})\,(x_\infty - x) \quad\Rightarrow\quad \dot x = (x_\infty - x)/\tau

    Parameters
    ----------
    step : callable
        ``step(dt)`` gives the states after dt by name, plain, dt in ms.

    Returns
    -------
    dict
        Derivatives per ms by name.
    """
    zero = jnp.zeros((), float_dtype())
    return jax.jvp(lambda dt: {k: jnp.asarray(x, zero.dtype) for k, x in step(dt).items()}, (zero,), (zero + 1,))[1]
