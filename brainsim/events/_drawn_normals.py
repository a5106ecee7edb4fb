"""Standard normal numbers in float32: by the compiled library where it is there, and the same bits without."""

from __future__ import annotations

import ctypes

import numpy as np

from brainsim.events import _library
from brainsim.events._drawn_rows import words
from brainsim.events._shared import Purpose

BLOCK = 1 << 16  # numbers that are looked at together
F = np.float32
NEAR = [F(x) for x in (59.109374720, 159.29113202, 50.434271938, 3.3871327179)]
OVER_NEAR = [F(x) for x in (67.187563600, 78.757757664, 17.895169469, 1.0)]
FAR = [F(x) for x in (0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777)]
OVER_FAR = [F(x) for x in (0.12021132975, 0.73700164250, 1.0)]
LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1)
LOG = [F(x) for x in (*LOG, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)]


def draw_normals(key: np.ndarray, n: int, out: np.ndarray | None = None) -> np.ndarray:
    r"""The first ``n`` normal numbers of a key, float32: quantiles of words of a counter-based generator.

    .. math:: z_k = \Phi^{-1}\!\left(\frac{w_k + 1/2}{2^{32}}\right)

    to 1e-6 of each, up to 6.3 standard deviations.

    Parameters
    ----------
    key : uint32 array, (2,)
    n : int
        Up to 2^34.
    out : float32 array, (n,), optional
        What they are written to.

    References
    ----------
    M. J. Wichura, Appl. Statist. 37:477 (1988), algorithm AS 241.
    """
    key, function = np.ascontiguousarray(key, np.uint32), _library.host("draw_normals", None)
    numbers = np.empty(n, F) if out is None else out
    if function is None:
        place = np.arange(n)
        numbers[:] = _normals_of(words(key, np.zeros_like(place), place, Purpose.NORMALS).astype(np.uint32))
    else:
        function(ctypes.c_void_p(key.ctypes.data), ctypes.c_int64(n), ctypes.c_void_p(numbers.ctypes.data))
    return numbers


def places_outside(numbers: np.ndarray, low: float, high: float) -> np.ndarray:
    """Places of the numbers below ``low`` or above ``high``, of a contiguous float32 array, ascending."""
    function = _library.host("places_outside", ctypes.c_int64)
    if function is None:
        return np.flatnonzero((numbers < F(low)) | (numbers > F(high)))
    bounds, found = (ctypes.c_float(low), ctypes.c_float(high)), [np.empty(0, np.int64)]
    places = np.empty(min(numbers.size, BLOCK), np.int32)
    for start in range(0, numbers.size, BLOCK):
        part = numbers[start : start + BLOCK]
        given = ctypes.c_void_p(part.ctypes.data), ctypes.c_int64(part.size)
        count = function(*given, *bounds, ctypes.c_void_p(places.ctypes.data))
        found.append(start + places[:count].astype(np.int64))
    return np.concatenate(found)


def scale_normals(numbers: np.ndarray, mean: float, std: float, low: float, high: float) -> None:
    """Put ``mean + std z``, or the nearer of two bounds, in place of each z of a contiguous float32 array."""
    function = _library.host("scale_normals", None)
    if function is None:
        np.clip(F(mean) + F(std) * numbers, F(low), F(high), out=numbers)
        return
    given = (ctypes.c_float(x) for x in (mean, std, low, high))
    function(ctypes.c_void_p(numbers.ctypes.data), ctypes.c_int64(numbers.size), *given)


def _normals_of(word):
    upper = word >= 1 << 31
    half = (np.where(upper, ~word, word) & np.uint32(0x7FFFFFFF)).astype(np.int32)
    tail, q = ((x.astype(F) + F(0.5)) * F(2.0**-32) for x in (half, np.int32(0x7FFFFFFF) - half))
    r = F(0.180625) - q * q
    near = q * _polynomial(NEAR, r) / _polynomial(OVER_NEAR, r)
    d = np.sqrt(_minus_log(tail)) - F(1.6)
    far = _polynomial(FAR, d) / _polynomial(OVER_FAR, d)
    z = np.where(q <= F(0.425), near, far)
    return np.where(upper, z, -z)


def _minus_log(x):
    bits = x.view(np.int32)
    exponent = (bits - np.int32(0x3F3504F3)) >> 23
    f = (bits - exponent * np.int32(1 << 23)).view(F) - F(1)
    z = f * f
    return -(exponent.astype(F) * F(0.69314718056) + (_polynomial(LOG, f) * f * z - F(0.5) * z + f))


def _polynomial(coefficients, x):
    """With the coefficient of the highest power first."""
    value = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        value = value * x + c
    return value
