"""Further receptors of a projection: what its synapses bring to them beside the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Dynamics, Moment, Parameter, Site
from brainsim._units import float_dtype, in_unit
from brainsim.receptors.base import Receptor


class Branch(Dynamics):
    """One further receptor.

    Attributes
    ----------
    factor : quantity, ()
        What arrives here for a weight of 1.
    """

    factor = Parameter(1.0, "what arrives here for a weight of 1", unit="factor_unit", shape=())

    def slot(self, name):
        return dataclasses.replace(super().slot(name), nonnegative=not self.signed)


class Branches(Dynamics):
    """All further receptors of a projection, by name."""

    @classmethod
    def of(cls, path: str, weight_unit: u.Unit, given: Mapping[str, Any], post: Any, moment: Moment) -> Branches:
        """Those that are ``given`` with their factors, of a projection whose weights are in ``weight_unit``."""
        made = cls()
        made.place(Site(path, moment))
        for name, factor in given.items():
            receptor = post.receptors[name]
            unit = receptor.weight_unit(u.UNITLESS) / weight_unit
            branch = Branch(factor=in_unit(factor, unit, f"{path}.{name}.factor") * unit)
            branch.place(Site(f"{path}.{name}", moment, dict(factor_unit=unit, signed=receptor.signed)))
            made.fix(**{name: branch})
        return made

    @property
    def factors(self) -> dict[str, jax.Array]:
        """Factor of each receptor, plain."""
        return {name: branch.plain("factor") for name, branch in self.parts(Branch).items()}


class Sum:
    """In place of a receptor: what arrives together at each of ``n`` places."""

    ports, adds_up, one_by_one, path, port = ("total",), True, False, "several receptors", "total"

    def __init__(self, n: int):
        self.total = jnp.zeros(n, float_dtype())

    def plain(self, name: str) -> jax.Array:
        return self.total

    def put(self, name: str, array: jax.Array) -> None:
        self.total = array

    def features(self, sent: jax.Array) -> tuple[jax.Array]:
        """What of a presynaptic value counts: the value itself."""
        return (sent,)


def receptors_of(given: Any) -> tuple[str | None, dict[str, Any]]:
    """The first receptor, and the others with their factors, from what ``connect`` was given.

    Raises
    ------
    TypeError, ValueError
        For what does not name receptors, or names none or one twice.
    """
    if given is None or isinstance(given, str):
        return given, {}
    named = given if isinstance(given, Mapping) else None
    if named is None and isinstance(given, list | tuple):
        if len(set(map(repr, given))) < len(given):
            raise ValueError(f"connect: a receptor is named twice, given {given!r}.")
        named = dict.fromkeys(given, 1.0) if all(isinstance(name, str) for name in given) else None
    if named is None or not all(isinstance(name, str) for name in named):
        raise TypeError(
            f"connect: receptor is the name of one, such as 'ampa', or several: ['ampa', 'nmda'], or with factors of the"
            f" weight {{'ampa': 1.0, 'nmda': 0.2}}; given {given!r}."
        )
    if not named:
        raise ValueError("connect: receptor names none, given an empty list; None is for synapses that send nothing.")
    (first, factor), *others = named.items()
    if isinstance(factor, bool) or not isinstance(factor, int | float) or factor != 1:
        raise ValueError(
            f"connect: the weight is that of the first receptor, {first!r}, whose factor is 1; given {factor}."
        )
    return first, dict(others)


def check_several(path: str, post: Any, first: str, others: Mapping[str, Any]) -> None:
    """Refuse receptors that cannot share synapses.

    Raises
    ------
    ValueError
        Names the receptor, and why.
    """
    target = post.receptors[first]
    for name in (first, *others):
        receptor = post.receptors[name]
        if receptor.graded or receptor.one_by_one or receptor.within_steps or len(receptor.ports) > 1:
            why = "takes graded signals" if receptor.graded else "takes single spikes"
        elif type(receptor).features is not Receptor.features:
            why = "takes functions of what arrives"
        elif target.signed and not receptor.signed:
            why = f"is a conductance and takes no negative weights, which {first!r} does; name it first"
        elif (receptor.count, receptor.runs) != (target.count, target.runs) or "at" in vars(receptor):
            why = f"stands at other places than {first!r}"
        else:
            continue
        raise ValueError(f"{path}: {receptor.path} {why}, and cannot share synapses; connect to it by itself.")
