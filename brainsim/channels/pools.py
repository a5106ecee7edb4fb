"""Concentrations inside the cell, fed by currents; Nernst potentials."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import brainunit as u
import brainunit.constants as constants
import numpy as np

from brainsim._core import Moment, Parameter, Part, Site, State
from brainsim._units import Value, in_unit
from brainsim.channels.temperature import Kelvin


def nernst(outside: u.Quantity, inside: u.Quantity, valence: int, celsius: float = 36.0) -> u.Quantity:
    r"""Nernst potential, :math:`E = \frac{RT}{zF} \ln \frac{c_o}{c_i}`.

    Parameters
    ----------
    outside, inside : quantity, concentration
    valence : int
        z: 1 for sodium and potassium, 2 for calcium, -1 for chloride.
    celsius : float
        Temperature, in °C.

    Returns
    -------
    quantity, mV
    """
    return _nernst(outside, inside, valence, u.celsius2kelvin(celsius))


def _nernst(outside, inside, valence, temperature):
    scale = (constants.gas * temperature / (valence * constants.faraday)).to(u.mV)
    return scale * u.math.log(in_unit(outside / inside, u.UNITLESS, "ratio of concentrations"))


IONS = ("Ca", "Na", "K", "Cl", "Mg", "H")
OWN = {"Ca": "Calcium()", "Na": "Sodium()", "K": "Potassium()"}  # pools of these


def site_on(cell, name: str) -> Site:
    """Where a channel or pool ``name`` of a cell stands."""
    own = getattr(cell, "site", None)
    return own(name) if own is not None else Site(f"{cell.path}.{name}", Moment(), {"count": cell.count})


class Pool(Part):
    """The concentration of an ion beneath the membrane. A subclass declares ``concentration`` and gives :meth:`slope`, or
    with further states, such as buffers and shells, :meth:`slopes`.
    """

    count: int | tuple[int, ...] = ()
    ion: str | None = None  #: what it is of, if it is of one alone: its valence and its usual concentrations are those
    #: whether its states are advanced together by backward Euler, linearised at the start of a step, and not exactly
    implicit = False
    held_states: tuple[str, ...] = ("concentration",)  #: its states, ``concentration`` the first: what channels see
    #: states that diffuse along a cell, each with the parameter that is its coefficient
    diffuses: ClassVar[dict[str, str]] = {}
    reads: tuple[str, ...] = ()  #: what :meth:`slopes` takes beside its states: ``"V"``, concentrations, potentials
    needs: tuple[str, ...] = ()  #: the pools that the cell must have
    starts_from_cell = False  #: whether its states start from V and other pools, as :meth:`steady_state` says

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        further = [n for n, d in cls._declared.items() if isinstance(d, State) and n != "concentration"]
        cls.held_states = ("concentration", *further)

    def bind(self, cell: Any, name: str, ids: np.ndarray | None = None) -> None:
        """Make this the pool ``name`` of ``cell``; the name is that of the ion: ``Ca``.

        Raises
        ------
        ValueError
            For the name of an ion that it is not of.
        """
        meant = next((ion for ion in IONS if ion.lower() == name.lower()), None)
        if self.ion is not None and meant is not None and name != self.ion:
            own = "" if meant == self.ion else f", or for {meant} {OWN.get(meant, 'a pool of its own')}"
            raise ValueError(
                f"{cell.path}.{name}: channels feed the pool that is called as their ion is, and {type(self).__name__} is one of"
                f" {self.ion}, given as {name!r}; write pools=dict({self.ion}={type(self).__name__}(...)){own}."
            )
        self.place(site_on(cell, name))

    def slope(self, concentration: Value, current: Value) -> Value:
        """Time derivative, with ``current`` the sum of the currents of this ion into the cell."""
        raise NotImplementedError(f"{type(self).__name__} has no equation: define slope(self, concentration, current).")

    def slopes(self, current: Value, **states: Value) -> dict[str, Value]:
        """Time derivatives of all states, by name; a pool of one state gives :meth:`slope`."""
        return {"concentration": self.slope(states["concentration"], current)}

    def currents(self, V: u.Quantity, **values: Any) -> dict:
        """Currents that the pool carries itself, as pumps do: into the cell, per area, by ion, as those of a mechanism.

        They count among those that feed the pool.
        """
        return {}

    def steady_state(self, V: u.Quantity, **values: Any) -> dict:
        """What states start from at V and concentrations, by name, where ``starts_from_cell``."""
        return {}

    def settle_in(self, pools: Collection[str]) -> None:
        """Take note of the pools that the cell has."""

    def along(self) -> dict[str, tuple[Any, Any]]:
        """Of the states that diffuse along a cell: the coefficient, and the part of the cross-section that the space takes,
        where it matters.
        """
        given = {state: getattr(self, name) for state, name in self.diffuses.items()}
        return {state: (value, 1.0) for state, value in given.items() if value is not None}

    def outer(self, states: dict[str, Value]) -> Value | None:
        """Concentration outside, which may be one of its ``states``; None where the pool has none."""
        return states.get("outside", self.outside if "outside" in self._declared else None)

    def reversal(self, concentration: Value) -> u.Quantity | None:
        """Nernst potential; None where the concentration has no unit that would allow one."""
        return None

    def potential(self, states: dict[str, Value]) -> u.Quantity | None:
        """:meth:`reversal` in these states."""
        return self.reversal(states["concentration"])


class Calcium(Pool):
    r"""Calcium in a shell beneath the membrane, with first-order removal.

    .. math:: \dot{[Ca]} = \max\!\left(\frac{I_{Ca}}{2 F d},\,0\right) - \frac{[Ca] - [Ca]_\infty}{\tau},\qquad
        E_{Ca} = \frac{RT}{2F} \ln \frac{[Ca]_o}{[Ca]}

    with :math:`I_{Ca}` the current into the cell. The pump does not run backwards, so an outward current takes nothing
    out.

    References
    ----------
    A. Destexhe, D. Contreras, T. J. Sejnowski, M. Steriade, J. Neurophysiol. 72:803 (1994).
    """

    ion = "Ca"

    depth = Parameter(1.0 * u.um, "depth d of the shell", positive=True)
    tau = Parameter(5.0 * u.ms, "time constant of removal", positive=True)
    rest = Parameter(2.4e-4 * u.mM, "concentration without current", positive=True)
    outside = Parameter(2.0 * u.mM, "concentration outside", positive=True)
    temperature = Kelvin(309.15 * u.kelvin, "absolute temperature, for the Nernst potential")
    concentration = State(lambda pool: pool.rest, "concentration inside", unit=u.mM)

    def slope(self, concentration, current):
        influx = u.math.maximum(current, 0.0 * u.get_unit(current)) / (2.0 * constants.faraday * self.depth)
        return influx.to(u.mM / u.ms) + (self.rest - concentration) / self.tau

    def reversal(self, concentration):
        return _nernst(self.outside, concentration, 2, self.temperature)


class Calcium_Traub1991(Pool):
    r"""Calcium in the units of the hippocampal pyramidal cell models, which are arbitrary: a number without unit.

    .. math:: \dot\chi = \phi\,I_{Ca} - \beta\,\chi

    with :math:`I_{Ca}` the current into the cell. The paper gives :math:`\phi` for each compartment; 0.13 is that of
    the model with two compartments (1994).

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991);
    P. F. Pinsky, J. Rinzel, J. Comput. Neurosci. 1:39 (1994).
    """

    ion = "Ca"

    phi = Parameter(0.13 / (u.uA / u.cm2 * u.ms), "concentration per charge that enters")
    beta = Parameter(0.075 / u.ms, "rate of removal", positive=True)
    concentration = State(0.0, "concentration inside")

    def slope(self, concentration, current):
        return self.phi * current - self.beta * concentration


class Calcium_Hay2011(Calcium):
    r"""Calcium in a thin shell beneath the membrane, of which buffers leave a small part free (``CaDynamics_E2``).

    .. math:: \dot{[Ca]} = \frac{\gamma\,I_{Ca}}{2 F d} - \frac{[Ca] - [Ca]_\infty}{\tau},\qquad
        E_{Ca} = \frac{RT}{2F} \ln \frac{[Ca]_o}{[Ca]}

    with :math:`I_{Ca}` the current into the cell. The published simulations have the Nernst potential of 6.3 °C, at which
    their simulator stands unless told otherwise; the rates of the channels are those of 34 °C.

    References
    ----------
    A. Destexhe, D. Contreras, T. J. Sejnowski, M. Steriade, J. Neurophysiol. 72:803 (1994), as in E. Hay, S. Hill,
    F. Schürmann, H. Markram, I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    gamma = Parameter(0.05, "part that stays free", positive=True)
    depth = Parameter(0.1 * u.um, "depth d of the shell", positive=True)
    tau = Parameter(80.0 * u.ms, "time constant of removal", positive=True)
    rest = Parameter(1e-4 * u.mM, "concentration without current", positive=True)
    temperature = Kelvin(307.15 * u.kelvin, "absolute temperature, for the Nernst potential")

    def slope(self, concentration, current):
        influx = self.gamma * current / (2.0 * constants.faraday * self.depth)
        return influx.to(u.mM / u.ms) + (self.rest - concentration) / self.tau
