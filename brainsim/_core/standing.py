"""Parts of a population: they stand at all of its sites, or at some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core.declared import FixedVariable
from brainsim._core.dynamics import Dynamics
from brainsim._core.site import OfSite
from brainsim._units import split_quantity, with_unit

FEW = 8  # runs of sites that are cut out one by one; more are gathered


class Part(Dynamics):
    """What stands on a population: a channel, a pool, a receptor, a stimulus."""

    runs: tuple[tuple[int, int], ...] | None = None  #: of the sites that it stands at, where it is not all
    abreast: int = 1  #: how many sites are looked up at once, where they are not few runs
    count: int | tuple[int, ...]

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
        self._aside.where = self._aside.asked = tuple(places)
        return self

    @property
    def where(self) -> tuple | None:
        """The places that were asked for; None for those that its kind has by default."""
        return vars(self._aside).get("where")

    def by_site(self, name: str, value: OfSite) -> Any:
        standing = vars(self._aside).get("standing_on")
        return super().by_site(name, value) if standing is None else value.at(*standing)

    def check_beside(self, others: Iterable[Part]) -> None:
        """Say what this part, which stands on a population now, has to do with others there."""

    def stands_beside(self, population: Dynamics) -> Part | None:
        """The part of the population that it adds to, at whose sites it stands then; None as a rule."""
        return None

    def stand_at(self, sites: np.ndarray, total: int, abreast: int = 1) -> None:
        """Stand at ``sites``, in rising order, of a population that has ``total``: so many ``abreast`` at each of its places."""
        cuts = np.flatnonzero(np.diff(sites) != 1) + 1
        runs = tuple((int(run[0]), int(run[-1]) + 1) for run in np.split(sites, cuts))
        if runs == ((0, total),):
            return
        if len(runs) <= FEW:
            self.fix(runs=runs)
        else:
            rows = sites[::abreast] // abreast
            if np.array_equal(sites, (rows[:, None] * abreast + np.arange(abreast)).ravel()):  # all or none of a place
                self.fix(abreast=abreast)
                sites, total = rows, total // abreast
            back = np.full(total, len(sites), np.int32)
            back[sites] = np.arange(len(sites))
            self.hold("at", FixedVariable(jnp.asarray(sites, jnp.int32)))
            self.hold("back", FixedVariable(jnp.asarray(back)))

    def taken(self, x: Any) -> Any:
        """Of one value per site of the population, those where the part stands; what is one value for all stays it."""
        number, unit = split_quantity(x)
        if jnp.ndim(number) == 0 or (self.runs is None and "at" not in vars(self)):
            return x
        if self.runs is None:
            return with_unit(self._rows(number)[self.plain("at")].reshape(-1), unit)
        pieces = [number[start:stop] for start, stop in self.runs]
        return with_unit(pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces), unit)

    def spread(self, x: Any, total: int) -> Any:
        """One value per site of a population that has ``total``: ``x`` where the part stands, zero elsewhere."""
        number, unit = split_quantity(x)
        if self.runs is None and "at" not in vars(self):
            return x
        number = jnp.broadcast_to(number, (self.count,))
        if self.runs is None:
            # What is not there reads the zero at the end: XLA gathers several times faster than it scatters
            rows = self._rows(number)
            rows = jnp.concatenate([rows, jnp.zeros((1, *rows.shape[1:]), number.dtype)])
            return with_unit(rows[self.plain("back")].reshape(-1), unit)
        pieces: list[jax.Array] = []
        done, taken = 0, 0
        for start, stop in self.runs:
            pieces += [jnp.zeros(start - done, number.dtype), number[taken : taken + stop - start]]
            done, taken = stop, taken + stop - start
        return with_unit(jnp.concatenate([*pieces, jnp.zeros(total - done, number.dtype)]), unit)

    def _rows(self, number: jax.Array) -> jax.Array:
        return number if self.abreast == 1 else number.reshape(-1, self.abreast)
