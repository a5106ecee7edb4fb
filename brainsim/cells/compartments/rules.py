"""Rules of discretisation: how many compartments each branch gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.cells.morphologies.morphology import Morphology


class Rule(Protocol):
    """What a rule is: an object with one method."""

    def counts(self, morphology: Morphology) -> np.ndarray:
        """The number of compartments of every branch, at least 1."""
        ...


#: A rule, the same number for every branch, or one number per branch.
RuleLike: TypeAlias = Rule | int | Sequence[int] | np.ndarray


@dataclass(frozen=True)
class PerBranch:
    """So many compartments of equal length in every branch.

    Parameters
    ----------
    n : int or mapping from type to int
        ``PerBranch(3)``, or ``PerBranch({"soma": 1, "dend": 5})``, which names every type that occurs.
    """

    n: int | Mapping[str, int]

    def counts(self, morphology: Morphology) -> np.ndarray:
        return per_type(self.n, morphology, "PerBranch: n")


@dataclass(frozen=True)
class MaxLength:
    """As few compartments of equal length as make none longer than ``length``.

    Parameters
    ----------
    length : Quantity, or mapping from type to Quantity
        The largest length of a compartment.
    """

    length: Any

    def counts(self, morphology: Morphology) -> np.ndarray:
        longest = per_type(self.length, morphology, "MaxLength: length", u.um)
        _positive("MaxLength: length", longest)
        return np.maximum(np.ceil(morphology.cones.of_branches / longest - 1e-9), 1).astype(int)


@dataclass(frozen=True)
class DLambda:
    r"""No compartment longer than a fraction of the length constant at a frequency: NEURON's d_lambda rule.

    .. math::
        n = 2 \left\lfloor \frac{L / (d\,\lambda_f) + 0.9}{2} \right\rfloor + 1, \qquad
        \lambda_f = \frac12 \sqrt{\frac{D}{\pi f R_a C}}

    n is odd, so that a compartment's centre is at the middle of the branch. In a branch of changing diameter
    :math:`L / \lambda_f` is the sum over its cones, each with the mean of its two diameters, as in NEURON's
    ``lambda_f`` on 3-d points.

    Parameters
    ----------
    d : float
        Largest length of a compartment as a fraction of :math:`\lambda_f`.
    frequency : Quantity
        Frequency f at which the length constant is taken.
    R_a : Quantity, or mapping from type to Quantity
        Axial resistivity. The default of 35.4 ohm cm is NEURON's: the squid's axon. Mammalian cells have 70 to 200, which
        makes more compartments.
    C : Quantity, or mapping from type to Quantity
        Capacitance of the membrane per area, spines included.

    References
    ----------
    Hines M. L., Carnevale N. T. (2001). NEURON: a tool for neuroscientists. Neuroscientist 7, 123-135.
    """

    d: float = 0.1
    frequency: QuantityLike = field(default_factory=lambda: 100 * u.Hz)
    R_a: Any = field(default_factory=lambda: 35.4 * u.ohm * u.cm)
    C: Any = field(default_factory=lambda: 1.0 * u.uF / u.cm**2)

    def counts(self, morphology: Morphology) -> np.ndarray:
        frequency = float(in_unit(self.frequency, u.Hz, "DLambda: frequency"))
        R_a = per_type(self.R_a, morphology, "DLambda: R_a", u.ohm * u.cm)
        C = per_type(self.C, morphology, "DLambda: C", u.uF / u.cm**2)
        for what, value in (("d", self.d), ("frequency", frequency), ("R_a", R_a), ("C", C)):
            _positive(f"DLambda: {what}", np.asarray(value))
        # D in um, R_a in ohm cm, C in uF/cm2 and f in Hz give the length constant in units of 1e5 um.
        per_root_um = 1e-5 * np.sqrt(4 * np.pi * frequency * R_a * C)
        cones = morphology.cones
        lengths = np.bincount(cones.branch, cones.length / np.sqrt(cones.r_a + cones.r_b)) * per_root_um
        return (2 * np.floor((lengths / self.d + 0.9) / 2) + 1).astype(int)


def counts(rule: RuleLike, morphology: Morphology) -> np.ndarray:
    """The number of compartments of every branch by a rule; refuses what is not whole and positive."""
    given: Any = rule if (by_rule := getattr(rule, "counts", None)) is None else by_rule(morphology)
    if not isinstance(given, Sequence | np.ndarray | int | np.integer) or isinstance(given, str | bool):
        raise TypeError(
            f"discretise: compartments are a rule (DLambda(0.1), MaxLength(20 * u.um), PerBranch(3)), a whole number, or one"
            f" for each branch, given {rule!r}."
        )
    numbers = np.asarray(given)
    if numbers.shape not in ((), (len(morphology),)):
        raise ValueError(f"discretise: {len(morphology)} branches, given numbers of shape {numbers.shape}.")
    numbers = np.broadcast_to(numbers, len(morphology))
    if not np.issubdtype(numbers.dtype, np.integer) or (numbers < 1).any():
        bad = next(k for k, n in enumerate(numbers.tolist()) if not isinstance(n, int) or n < 1)
        raise ValueError(
            f"discretise: a branch has a whole number of compartments, at least 1, "
            f"given {numbers[bad]} for branch {bad} ({morphology[bad].name or morphology[bad].type})."
        )
    return numbers


def per_type(value: Any, morphology: Morphology, what: str, unit: Any = u.UNITLESS) -> np.ndarray:
    """A value for all branches, or one for each type, as plain numbers per branch: (branches,)."""
    if not isinstance(value, Mapping):
        return _spread(in_unit(value, unit, what), len(morphology), what)
    types = morphology.types
    for name in (*types, *value):
        if name not in value:
            raise ValueError(f"{what}: no value for type {name!r}; the types are {', '.join(types)}.")
        if name not in types:
            raise UnknownNameError(f"{what}: the morphology has no type {name!r}.{suggestion(name, types)}")
    numbers = {name: in_unit(given, unit, f"{what} of {name}") for name, given in value.items()}
    return np.array([numbers[branch.type] for branch in morphology])


def _spread(number: ArrayLike, size: int, what: str) -> np.ndarray:
    array = np.asarray(number)
    if array.ndim:
        raise ValueError(f"{what}: one value, or a mapping from type to value, given shape {array.shape}.")
    return np.broadcast_to(array, size)


def _positive(what: str, numbers: np.ndarray) -> None:
    bad = ~(np.isfinite(numbers) & (numbers > 0))
    if bad.any():
        raise ValueError(f"{what} must be positive, given {numbers[bad][0] if numbers.ndim else numbers}.")
