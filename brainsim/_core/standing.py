"""Parts of a population: they stand at all of its sites, or at some."""

from __future__ import annotations

from typing import Any, Self

from brainsim._core.dynamics import Dynamics


class Part(Dynamics):
    """What stands on a population: a channel, a pool, a receptor, a stimulus."""

    def on(self, *places: Any) -> Self:
        """Stand at these places of a cell only: ``Na_HH1952().on("soma", "axon")``, ``Constant(0.2 * u.nA).on(at("dend[3]", 0.5))``.

        Parameters
        ----------
        *places : str, Region or Locations
            Regions and locations, see :mod:`brainsim.cells`; several are taken together.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If it stands somewhere already.
        """
        if self.bound:
            raise ValueError(f"{self.path} stands already; say where before it is given to a population.")
        if not places:
            raise ValueError(f"{type(self).__name__}.on: give a place at least.")
        self._aside.where = tuple(places)
        return self

    @property
    def where(self) -> tuple | None:
        """The places that were asked for; None for those that are its kind's."""
        return vars(self._aside).get("where")
