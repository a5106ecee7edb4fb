"""What every channel shares: gates that depend on V and on concentrations, a conductance, and a driving force."""

from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter, State
from brainsim._errors import UnknownNameError
from brainsim.channels.mechanism import Mechanism, arguments_of

DENSITY = u.mS / u.cm2


class Gate(State):
    """A fraction in [0, 1]. It starts at its steady state at the V of its cell, unless given."""

    def __init__(self, doc: str):
        super().__init__(0.0, doc)


class Channel(Mechanism):
    r"""An ion channel, per area of membrane.

    .. math:: I = \bar g\,o(x, \ldots)\,(E - V),\qquad \dot x = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x
        \quad\text{or}\quad \dot x = (x_\infty(V) - x)/\tau_x(V)

    A subclass declares its gates and gives :meth:`kinetics` and :meth:`open_fraction`. Their arguments say what they
    depend on: ``V``, gates by name, and concentrations by the name of their pool (``Ca``). All is elementwise in arrays
    of any one shape, so a channel serves single compartments and cables alike. I is the current *into* the cell, so
    that it adds to the stimuli.

    A channel stands alone too, for a look at its curves: ``Na_HH1952().kinetics(V)["m"].steady``.

    Parameters
    ----------
    **values
        Parameters and initial values of gates by name.
    """

    # : the pool, if the cell has it, that the current feeds and whose Nernst potential serves where E is None
    ion: str | None = None
    reads: tuple[str, ...] = ()  #: concentrations that it depends on

    g_max = Parameter(1.0 * DENSITY, "conductance with all gates open", nonnegative=True)
    E = Parameter(0.0 * u.mV, "reversal potential")

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        methods = ("kinetics", "open_fraction", "slopes", "steady_state")
        cls._arguments = {method: arguments_of(getattr(cls, method)) for method in methods}
        named = dict.fromkeys(name for names in cls._arguments.values() for name in names)
        cls.reads = tuple(name for name in named if name not in ("V", *cls.gates))

    # -- what a channel defines --------------------------------------------------------------------------------------

    def kinetics(self, V: u.Quantity) -> dict:
        """:class:`Rates` or :class:`Relaxation` of every gate, by name."""
        return {}

    def open_fraction(self) -> Any:
        """The part of ``g_max`` that conducts."""
        return 1.0

    @property
    def follows(self) -> bool:
        """Whether the conductance, or a part of it, follows V at once."""
        return "V" in self._arguments["open_fraction"]

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.reads, *([str(self.ion)] if self.E is None else []))

    # -- what follows from it ----------------------------------------------------------------------------------------

    def currents(self, V, *, V_held=None, **values):
        return {self.ion: self.current(V, V_held=V_held, **values)}

    def current(self, V: u.Quantity, *, V_held: u.Quantity | None = None, **values: Any) -> Any:
        """Current into the cell.

        Parameters
        ----------
        V : quantity, voltage
        V_held : quantity, voltage, optional
            Potential for a conductance that follows V at once, if it is not V: the current is then linear in V.
        **values
            Gates, concentrations (``Ca``) and Nernst potentials (``E_Ca``) by name; what the channel does not need is
            ignored.

        Returns
        -------
        quantity, current per area
        """
        reversal = values[f"E_{self.ion}"] if self.E is None else self.E
        return self.g_max * self._with("open_fraction", V if V_held is None else V_held, values) * (reversal - V)

    def slopes(self, V: u.Quantity, **values: Any) -> dict:
        """dx/dt of every gate, by name; arguments as in :meth:`current`."""
        return {gate: kinetics.slope(values[gate]) for gate, kinetics in self._kinetics(V, values).items()}

    def steady_state(self, V: u.Quantity, **values: Any) -> dict:
        """Every gate as it becomes at fixed V and concentrations."""
        return {gate: kinetics.steady for gate, kinetics in self._kinetics(V, values).items()}

    def _kinetics(self, V, values) -> dict:
        """What :meth:`kinetics` says of every gate.

        Raises
        ------
        UnknownNameError, TypeError
            If it does not say it.
        """
        given = self._with("kinetics", V, values)
        what = f"{self.path}: {type(self).__name__}.kinetics"
        if not isinstance(given, dict):
            raise TypeError(
                f"{what} gives a dictionary with Rates or a Relaxation of each gate; given {type(given).__name__}."
            )
        for gate in self.gates:
            if gate not in given:
                raise UnknownNameError(
                    f"{what} says nothing of the gate {gate!r}; given: {', '.join(given) or 'nothing'}."
                )
            if not hasattr(given[gate], "steady") or not hasattr(given[gate], "slope"):
                raise TypeError(f"{what}: {gate} is to be Rates or a Relaxation, given {type(given[gate]).__name__}.")
        return {gate: given[gate] for gate in self.gates}

    def _with(self, method, V, values):
        """``method`` with the arguments that it takes."""
        values = values | {"V": V}
        if missing := [name for name in self._arguments[method] if name not in values]:
            raise TypeError(f"{self.path}: {type(self).__name__}.{method} takes {missing[0]}; give {missing[0]}=...")
        return getattr(self, method)(**{name: values[name] for name in self._arguments[method]})
