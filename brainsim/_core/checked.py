"""Plain values at the door: finite, of the declared sign, and still so in the type that they are kept in."""

from __future__ import annotations

import numpy as np


def checked(what: str, number, dtype, *, positive: bool = False) -> np.ndarray:
    """``number`` as an array of ``dtype``.

    Parameters
    ----------
    what : str
        What it is, for errors.
    number : number or array
        In the unit that it is kept in.
    dtype : numpy dtype
    positive : bool
        Refuse zero and what is below.

    Raises
    ------
    TypeError
        For something that is no number.
    ValueError
        For a value that is not finite, has a sign that is not accepted, or does not fit into ``dtype``.
    """
    given, dtype = np.asarray(number), np.dtype(dtype)
    if given.dtype.kind not in "bif":
        raise TypeError(f"{what}: expected numbers, given {number!r}.")
    refuse(what, given, ~np.isfinite(given), "values must be finite")
    refuse(what, given, given <= 0 if positive else False, "values must be positive")
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        kept = given.astype(dtype)
    if dtype.kind == "f":
        refuse(what, given, ~np.isfinite(kept), f"values must lie within {np.finfo(dtype).max:.3g} for {dtype}")
        refuse(what, given, kept <= 0 if positive else False, f"values must be positive, and stay so in {dtype}")
    else:
        refuse(
            what,
            given,
            kept != given,
            "values must be true or false" if dtype.kind == "b" else f"values must be whole numbers ({dtype})",
        )
    return kept


def refuse(what: str, given: np.ndarray, bad, must: str) -> None:
    """Raise a ValueError that says what ``must`` be and shows the first of the ``bad`` values."""
    if np.any(bad):
        bad = np.broadcast_to(bad, given.shape)
        first = given[bad].flat[0]
        where = f", {bad.sum():,} of {bad.size:,} values" if given.ndim else ""
        raise ValueError(f"{what}: {must}, given {first}{where}.")
