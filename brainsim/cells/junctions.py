"""Gap junctions, and whatever else lets current flow between two compartments: inside the implicit step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim._core import FixedVariable, Parameter, Part, Site
from brainsim.cells.on_sites import Ground
from brainsim.cells.view import positions_of
from brainsim.connectivity import ConnectionRule, Placed

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment


class Junctions(Part):
    r"""Gap junctions between cells of a population, or between places of one cell.

    .. math:: I_a = g\,(V_b - V_a),\qquad I_b = g\,(V_a - V_b)

    They are part of the implicit step, however strong they are, and conduct both ways alike::

        cells.add_junctions(gap=Junctions(bs.FixedProbability(0.2), g=0.5 * u.nS).on("soma"))
        cells.add_junctions(ring=Junctions([[0, 1], [1, 2], [2, 0]], g=[1, 1, 2] * u.nS, to=tips()).on(at("dend", 1.0)))

    Both ends stand where ``.on(...)`` says, in the middle of the soma without; with ``to`` the second end of each
    stands there. Where there is one place in each cell, places have the numbers of the cells. The equations of all
    compartments and junctions are solved by conjugate gradients over the solution of the trees, see
    :func:`brainsim.trees.solve_coupled`: about as many solutions of the trees as there are junctions in a row, fewer where
    they are weak.

    Cells that are joined belong to one population, which may have cells of several shapes (channels by
    :func:`brainsim.cells.cells`). Between populations, each of which is solved alone,
    :class:`brainsim.receptors.GapJunction` takes V of the other as it was at the beginning of the step, and is refused where
    that would be wrong. Extracellular fields drive no current through junctions.

    Parameters
    ----------
    pairs : ConnectionRule, or int array (k, 2)
        Which places are joined: by their numbers, in rising order of sites, or by a rule. Where both ends stand at the same
        places, its pairs from a lower to a higher number count: with ``FixedProbability(0.2)`` two cells are joined with
        probability 0.2.
    g : quantity, conductance, () or (k,)
        Of each junction; in the order of the pairs given, and in rising order of the places of a rule's.
    to : Region, Locations or str, optional
        Where the second end stands.

    Raises
    ------
    TypeError, ValueError
        For pairs that do not exist, name one place twice, or come with weights.

    References
    ----------
    M. Hines, Int. J. Biomed. Comput. 15:69 (1984); M. Galarreta, S. Hestrin, Nature 402:72 (1999).
    """

    g = Parameter(1.0 * u.nS, "conductance of each junction", nonnegative=True)

    def __init__(self, pairs: ConnectionRule | ArrayLike, *, to: Any = None, **values: Any):
        super().__init__(**values)
        if isinstance(pairs, ConnectionRule):
            if pairs.values is not None:
                raise ValueError(
                    f"Junctions: {pairs.name} comes with weights; give the pairs alone, and g=... for them."
                )
        else:
            pairs = np.asarray(pairs)
            if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
                raise TypeError(
                    "Junctions: pairs are a rule such as FixedProbability(0.1), or numbers of places of shape (k, 2), given"
                    f" {pairs.dtype} of shape {pairs.shape}."
                )
        vars(self._aside).update(pairs=pairs, to=to)

    def bind(self, cells: MultiCompartment, name: str, ids: np.ndarray | None = None) -> None:
        """Join places of ``cells``."""
        to, here = vars(self._aside)["to"], self._aside.sites
        there = here if to is None else cells.sites_of(*(to if isinstance(to, tuple | list) else (to,)))
        vars(self._aside).update(ends=(Ground(cells), here, there))
        for of_sites in ("sites", "standing_on"):  # its numbers are those of junctions
            vars(self._aside).pop(of_sites, None)
        self.place(cells.site(name))

    def stand_at(self, sites, total, abreast=1):
        """It has one value for each junction, none for sites."""

    def _stand(self, site: Site) -> None:
        cells, here, there = vars(self._aside)["ends"]
        given = vars(self._aside)["pairs"]
        if isinstance(given, ConnectionRule):
            joined = _drawn(given, cells, here, there, site)
        else:
            joined = _named(given, cells, here, there, site.path)
        self.hold("pairs", FixedVariable(jnp.asarray(joined, jnp.int32)))
        super()._stand(site._replace(facts={**site.facts, "count": len(joined), "size": (len(joined),)}))

    @property
    def ends(self) -> np.ndarray:
        """The sites that each joins: (count, 2)."""
        return np.asarray(self.plain("pairs"))

    def conductance(self) -> jax.Array:
        """g of every junction, in nS: (count,)."""
        return jnp.broadcast_to(self.plain("g"), (self.count,))

    def inflow(self, V: jax.Array) -> jax.Array:
        """Current through junctions into every site at V (mV), in pA: (sites,)."""
        a, b = self.plain("pairs").T
        current = self.conductance() * (V[b] - V[a])
        return jnp.zeros_like(V).at[a].add(current).at[b].add(-current)


def _drawn(rule: ConnectionRule, cells: Ground, here, there, site: Site) -> np.ndarray:
    """The sites that a rule joins, with a key of the place where the junctions stand."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(site.moment.key_at(site.path))))
    where = Placed(lambda: positions_of(cells, here), lambda: positions_of(cells, there))
    found = rule.connect(here, there, rng, True, where)
    ends = np.stack([here[found.pre], there[found.indices]], 1)
    once = ends[:, 0] < ends[:, 1] if np.array_equal(here, there) else ends[:, 0] != ends[:, 1]
    return np.unique(np.sort(ends[once], 1), axis=0)


def _named(given: np.ndarray, cells: Ground, here, there, path: str) -> np.ndarray:
    """The sites of pairs of places, in their order."""
    for k, pair in enumerate(given.tolist()):
        for number, places in zip(pair, (here, there)):
            if not 0 <= number < len(places):
                raise ValueError(f"{path}: pair {k} is {pair}, and there are {len(places)} places, from 0 on.")
        a, b = here[pair[0]], there[pair[1]]
        if a == b:
            raise ValueError(f"{path}: pair {k} is {pair}, which joins {cells.describe_site(a)} to itself.")
    return np.stack([here[given[:, 0]], there[given[:, 1]]], 1).reshape(-1, 2)
