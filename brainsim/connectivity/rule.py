"""The interface of connection rules."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import ClassVar

import numpy as np

from brainsim._errors import NamesArguments

from . import _checks
from .geometry import Space
from .pairs import Pairs, Synapses
from .placed import Placed


@dataclass(frozen=True, repr=False)
class ConnectionRule(metaclass=NamesArguments):
    """Which pairs of neurons are connected.

    A rule is a value: it can be compared, hashed and used for several projections. A new rule is a frozen dataclass
    (``repr=False`` keeps the short form below) with `_draw` and `expected_synapses`.

    Parameters
    ----------
    self_connections : bool, keyword only
        Whether a neuron may connect to itself (an autapse) where both sides belong to one population. Default True.
    """

    self_connections: bool = field(default=True, kw_only=True)
    values: ClassVar[np.ndarray | None] = None  # weights that the rule carries, in the order of its list of pairs
    draws: ClassVar[bool] = True  # whether chance decides on pairs; otherwise who gives the rule knows them

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "_draw" in vars(cls):  # one that draws in a way of its own does not do so in the parts of another
            for name in {"parts", "_draw_rows"} - vars(cls).keys():
                setattr(cls, name, getattr(ConnectionRule, name))

    def __post_init__(self):
        self._set("self_connections", _checks.flag(self.name, "self_connections", self.self_connections))

    @property
    def name(self) -> str:
        """Name of the rule in messages."""
        return type(self).__name__

    def connect(
        self,
        pre: int | np.ndarray,
        post: int | np.ndarray,
        rng: np.random.Generator,
        same: bool = False,
        space: Space | Placed | None = None,
    ) -> Synapses:
        """Draw the synapses from one view of neurons to another.

        Parameters
        ----------
        pre, post : int or array of int, shape (n_pre,) and (n_post,)
            Size of each view, which stands for neurons 0 to size - 1, or its neurons' indices within their population.
            Indices matter only for recognising self connections.
        rng : numpy.random.Generator
            The only source of randomness.
        same : bool
            Whether both views are of the same population, so that equal indices are the same neuron.
        space : Space or Placed, optional
            Where the neurons of both views are; rules that depend on it need it, the others do not look at it.

        Returns
        -------
        Synapses
            Compressed sparse rows over indices local to the views, targets ascending within each row.

        Raises
        ------
        ValueError
            If the views cannot hold what the rule asks for.
        """
        _checks.generator(self.name, rng)
        exclude_self = _checks.flag(self.name, "same", same) and not self.self_connections
        pairs = Pairs.between(self.name, pre, post, exclude_self, space)
        return self._draw(pairs, rng)

    def connect_rows(
        self,
        pre: int | np.ndarray,
        post: int | np.ndarray,
        rows: Sequence[int],
        rng: np.random.Generator,
        same: bool = False,
        space: Space | Placed | None = None,
    ) -> Iterator[Synapses]:
        """As :meth:`connect`, the synapses of some presynaptic neurons after the other: those from ``rows[k]`` on to
        ``rows[k + 1] - 1``, in numbers from 0 on. What is given holds until the next are.
        """
        _checks.generator(self.name, rng)
        pairs = Pairs.between(self.name, pre, post, same and not self.self_connections, space)
        drawn = self._draw_rows(pairs, rows, rng)
        return self.connect(pre, post, rng, same, space).rows(rows) if drawn is None else drawn

    def _draw_rows(self, pairs: Pairs, rows: Sequence[int], rng: np.random.Generator) -> Iterator[Synapses] | None:
        """As `_draw`, row after row; None where that is no way to draw them."""
        return None

    @abc.abstractmethod
    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        """Draw synapses among the allowed ``pairs``; targets ascending within each row."""

    def parts(self, pairs: Sequence[int], rng: np.random.Generator) -> Sequence[ConnectionRule] | None:
        """Rules for several parts of the postsynaptic neurons that together are this one.

        Parameters
        ----------
        pairs : sequence of int
            How many pairs may be connected in each part.
        rng : numpy.random.Generator

        Returns
        -------
        sequence of ConnectionRule, or None
            None where what the neurons of a part receive depends on those of another in more than a number.
        """
        return None

    @abc.abstractmethod
    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        """Upper estimate of the number of synapses, for a memory check before building.

        Exact, or six standard deviations above the mean where the number is random; self connections count as allowed.
        """

    def __or__(self, other: ConnectionRule) -> ConnectionRule:
        """The pairs of either rule, each once."""
        return _combined().Union(self, other)

    def __add__(self, other: ConnectionRule) -> ConnectionRule:
        """The pairs of both rules, those of both twice."""
        return _combined().Sum(self, other)

    def __sub__(self, other: ConnectionRule) -> ConnectionRule:
        """The pairs of this rule that the other does not have."""
        return _combined().Difference(self, other)

    def __and__(self, other: ConnectionRule) -> ConnectionRule:
        """The pairs that both rules have."""
        return _combined().Intersection(self, other)

    def __getitem__(self, part) -> ConnectionRule:
        """The rule between some neurons of the two views: ``rule[:10, 20:30]``."""
        if not isinstance(part, tuple) or len(part) != 2:
            raise IndexError(f"{self.name}: a part is of both sides, rule[pre, post], given {part!r}")
        return _combined().Part(self, *part)

    def expected_between(self, n_pre: int, n_post: int, placed: Placed | None = None) -> int:
        """As :meth:`expected_synapses`, where more may be known from where the neurons are."""
        return self.expected_synapses(n_pre, n_post)

    def __repr__(self) -> str:
        # What defines the rule, and of what has a default only what was changed.
        shown = [
            f for f in fields(self) if not f.kw_only and (f.default is MISSING or getattr(self, f.name) != f.default)
        ]
        shown += [f for f in fields(self) if f.kw_only and getattr(self, f.name) != f.default]
        return f"{self.name}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen; only __post_init__ uses this

    def _require(self, wanted: int, name: str, available: np.ndarray, side: str, partners: str) -> None:
        """Refuse to take ``wanted`` partners from fewer that are available, or any at all from none."""
        if not len(available) or not wanted:
            return
        least = int(available.min())
        multiple = getattr(self, "multiple", False)
        if least >= wanted or (multiple and least > 0):
            return
        where = int(np.argmin(available))
        edit = "" if multiple or not least else ", or multiple=True to allow several synapses per pair"
        raise ValueError(
            f"{self.name}: {name} = {wanted}, but {side} neuron {where} has only {least} possible {partners} partners"
            f"{'' if self.self_connections else ' (itself not counted)'}; give {name} <= {least}{edit}"
        )


def _combined():
    from . import combined  # which is made of rules

    return combined
