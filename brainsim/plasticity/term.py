"""Arithmetic on values that belong to the presynaptic side, the postsynaptic side, or each synapse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import UNITLESS, in_unit, split_quantity, with_unit
from brainsim.events import Format, PowerLaw
from brainsim.plasticity.later import Later

FACTORS = ("pre", "past", "post", "each")


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    r"""A value at the synapses from i to j, kept as its factors: :math:`c\,a_i\,b_j\,f(w_{ij})`, or one number per
    synapse.

    What a rule reads from its :class:`Synapses` are terms. They add, multiply and compare as numbers with units do;
    products of the two sides stay factors, so that a change of weights such as ``s.A_plus * s.x`` or
    ``s.x * (s.A2 + s.A3 * s.y2)`` costs work at the synapses of spiking neurons only. Sums across the sides become one
    number per synapse.

    Parameters
    ----------
    conn : Format or Later
        The synapses.
    unit : Unit
    one, pre, post, each : plain arrays
        c, a, b, and one value per synapse; None where there is no such factor.
    past : plain array, (slots, n_pre)
        a in each of the last steps, where a synapse sees that of its own delay ago; None where it is that of now.
    law : PowerLaw
        f, or None.
    weight : plain array
        Weights that f depends on.
    """

    conn: Format | Later
    unit: u.Unit = UNITLESS
    one: jax.Array | float = 1.0
    pre: jax.Array | None = None
    post: jax.Array | None = None
    each: jax.Array | None = None
    past: jax.Array | None = None
    law: PowerLaw | None = None
    weight: jax.Array | None = None

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def sides(self) -> frozenset[str]:
        """Which of ``"pre"``, ``"past"``, ``"post"``, ``"each"`` it has one value per element of."""
        return frozenset(k for k in FACTORS if getattr(self, k) is not None) | ({"each"} if self.law else frozenset())

    def factors(self, unit: u.Unit, what: str) -> Term:
        """The same, in ``unit``, with the constant moved into one of the factors; not into ``past``, which has more numbers."""
        one = self.one * in_unit(with_unit(1.0, self.unit), unit, what)
        for side in ("each", "post", "pre"):
            if (value := getattr(self, side)) is not None:
                return dataclasses.replace(self, unit=unit, one=1.0, **{side: one * value})
        return dataclasses.replace(self, unit=unit, one=one)

    def per_synapse(self) -> Any:
        """One plain number per synapse, in its unit, in a shape that broadcasts to ``conn.weight_shape``."""
        value = self.one
        if self.pre is not None:
            value = value * self.conn.spread(self.pre)
        if self.past is not None:
            value = value * cast(Later, self.conn).seen(self.past)
        if self.post is not None:
            value = value * self.post[self.conn.targets()]
        if self.each is not None:
            value = value * self.each
        return value if self.law is None else value * self.law.of(cast(jax.Array, self.weight))

    def map(self, function: Callable) -> Term:
        """``function``, of a quantity, or of plain numbers where there is no dimension, applied to each value."""
        side = self._single()
        plain = (
            self.one * getattr(self, side)
            if side in ("pre", "past", "post")
            else self.per_synapse()
            if side == "each"
            else self.one
        )
        unit = UNITLESS if self.unit.has_same_dim(UNITLESS) else self.unit
        number, unit = split_quantity(
            function(with_unit(in_unit(with_unit(plain, self.unit), unit, "a plasticity rule"), unit))
        )
        return Term(self.conn, unit, **{side: number})

    def positive(self) -> Term:
        """The value where it is positive, else zero."""
        return self.map(lambda value: with_unit(jnp.maximum(u.get_mantissa(value), 0.0), u.get_unit(value)))

    # -- arithmetic --------------------------------------------------------------------------------------------------

    def __mul__(self, other: Any) -> Term:
        other = self._lift(other)
        if self.law is not None and other.law is not None:
            return self._each() * other._each()

        def product(name):
            mine, theirs = getattr(self, name), getattr(other, name)
            return theirs if mine is None else mine if theirs is None else mine * theirs

        values = {name: product(name) for name in ("one", *FACTORS)}
        with_law = other if self.law is None else self
        unit = cast(u.Unit, self.unit * other.unit)
        return Term(self.conn, unit, **values, law=with_law.law, weight=with_law.weight)

    def __add__(self, other: Any) -> Term:
        other = self._lift(other)
        sides = self.sides | other.sides
        side = "one" if not sides else next(iter(sides)) if len(sides) == 1 else "each"
        theirs = in_unit(with_unit(other.at(side), other.unit), self.unit, "sum in a plasticity rule")
        return Term(self.conn, self.unit, **{side: self.at(side) + theirs})

    def __neg__(self) -> Term:
        return dataclasses.replace(self, one=-self.one)

    def __sub__(self, other: Any) -> Term:
        return self + (-self._lift(other))

    def __truediv__(self, other: Any) -> Term:
        return self * self._lift(other) ** -1

    def __pow__(self, exponent: Any) -> Term:
        return self.map(lambda value: value**exponent)

    def __gt__(self, other: Any) -> Term:
        difference = self - other
        return difference.map(lambda value: (u.get_mantissa(value) > 0).astype(self._dtype()))

    def __lt__(self, other: Any) -> Term:
        return self._lift(other) > self

    def __bool__(self) -> bool:
        raise TypeError(
            "a plasticity rule cannot ask with if, and, or, not: what it compares is 1 or 0 at each synapse, to multiply with,"
            " s.on_pre(s.up * (s.y > 0.5))."
        )

    def __rsub__(self, other: Any) -> Term:
        return self._lift(other) - self

    def __rtruediv__(self, other: Any) -> Term:
        return self._lift(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def _lift(self, value) -> Term:
        if isinstance(value, Term):
            return value
        number, unit = split_quantity(value)
        if isinstance(number, Term):  # a quantity times a term
            return number * Term(self.conn, unit)
        if jnp.ndim(number):
            raise TypeError(
                "a plasticity rule calculates with what it reads from its synapses (s.x, s.post.V) and with single"
                f" numbers; given an array of shape {jnp.shape(number)}, whose side is not known."
            )
        return Term(self.conn, unit, one=number)

    def at(self, side: str) -> Any:
        """The plain values per element of ``side`` (``"pre"``, ``"past"``, ``"post"``, ``"each"``; ``"one"``: the constant)."""
        if side == "each":
            return self.per_synapse()
        value = getattr(self, side)
        return self.one if side == "one" else self.one if value is None else self.one * value

    def _single(self) -> str:
        return "one" if not self.sides else next(iter(self.sides)) if len(self.sides) == 1 else "each"

    def _each(self) -> Term:
        return Term(self.conn, self.unit, each=self.per_synapse())

    def _dtype(self):
        return jnp.result_type(float, *(v for k in ("one", *FACTORS) if (v := getattr(self, k)) is not None))
