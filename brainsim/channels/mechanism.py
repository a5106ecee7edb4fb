"""What a cell asks of anything that carries current through its membrane."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

import brainunit as u
import numpy as np

from brainsim._core import Part, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim.channels.pools import site_on
from brainsim.connectivity.distribution import Distribution


class Mechanism(Part):
    r"""Currents through the membrane, per area, and the states that they depend on.

    .. math:: I_{ion} = f_{ion}(V, x, [\cdot]),\qquad \dot x = f(V, x, [\cdot])

    A subclass declares its states and gives :meth:`currents`, :meth:`slopes` and :meth:`steady_state`; all is
    elementwise in arrays of any one shape. :class:`Channel` is what opens by gates and conducts by Ohm's law; further
    ions, states that are no fractions, and currents that follow other laws stand in a subclass of this class.

    Parameters
    ----------
    **values
        Parameters and initial values of states by name.
    """

    count: int | tuple[int, ...] = ()
    gates: tuple[str, ...] = ()  #: its states
    #: groups of states that are coupled so closely that they are advanced together, by a step of backward Euler
    #: linearised at its start (exact in what a scheme conserves, and stable at any dt); others advance one by one
    together: tuple[tuple[str, ...], ...] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.gates = tuple(name for name, declared in cls._declared.items() if isinstance(declared, State))

    def __init__(self, **values: Any):
        super().__init__(**values)
        self.allocate()

    def bind(self, cell: Any, name: str, ids: np.ndarray | None = None) -> None:
        """Make this the mechanism ``name`` of ``cell``, which may be anything with a ``count`` and a ``path``."""
        self.place(site_on(cell, name))

    def shape_of(self, name):
        if (
            self.bound
            or isinstance(self._aside.given.get(name), Distribution)
            or isinstance(self._declared[name], State)
        ):
            return super().shape_of(name)
        return None  # of parameters, before it is known how many cells there are

    # -- what a mechanism defines ------------------------------------------------------------------------------------

    def currents(self, V: u.Quantity, *, V_held: u.Quantity | None = None, **values: Any) -> dict:
        """Currents into the cell by the name of the ion, None for what is no ion's.

        Parameters
        ----------
        V : quantity, voltage
        V_held : quantity, voltage, optional
            Potential for a conductance that follows V at once, if it is not V: the current is then linear in V.
        **values
            States, concentrations (``Ca``, outside ``Ca_out``) and Nernst potentials (``E_Ca``) by name; what is not
            needed is ignored.

        Returns
        -------
        dict of str or None to quantity, current per area
        """
        raise NotImplementedError(f"{type(self).__name__} carries no current: define currents(self, V, **values).")

    def slopes(self, V: u.Quantity, **values: Any) -> dict:
        """dx/dt of every state, by name; arguments as in :meth:`currents`."""
        return {}

    def steady_state(self, V: u.Quantity, **values: Any) -> dict:
        """What every state starts from at V and concentrations, by name."""
        return {}

    @property
    def follows(self) -> bool:
        """Whether the conductance, or a part of it, follows V at once, and is held for methods that hold it."""
        return False

    @property
    def needs(self) -> tuple[str, ...]:
        """The pools that the cell must have."""
        return ()

    def settle_in(self, pools: Collection[str]) -> None:
        """Take note of the pools that the cell has."""

    # -- what follows from it ----------------------------------------------------------------------------------------

    def check_pools(self, pools: Collection[str], path: str) -> None:
        """Refuse a cell without the pools that are needed.

        Raises
        ------
        UnknownNameError
            Names the mechanism and the pool.
        """
        check_pools(self, pools, path)


def check_pools(part: Any, pools: Collection[str], path: str) -> None:
    """Let a part take note of the pools, and refuse it without those that it needs."""
    part.settle_in(pools)
    for name in part.needs:
        if name not in pools:
            raise UnknownNameError(
                f"{path} depends on the concentration {name!r}, of which the cell has no pool.{suggestion(name, pools)}"
            )


def arguments_of(method: Any) -> tuple[str, ...]:
    """Names of what a method takes beside ``self``."""
    parameters = inspect.signature(method).parameters.values()
    return tuple(p.name for p in parameters if p.kind != p.VAR_KEYWORD)[1:]
