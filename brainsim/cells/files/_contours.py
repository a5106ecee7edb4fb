"""Somata from outlines, as NEURON makes them (import3d_gui.hoc and import3d_sec.hoc of NEURON 9)."""

from __future__ import annotations

import numpy as np


def soma_of(contours: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Points and radii of the soma that one outline, or a stack of them, stands for: (k, 3) and (k,).

    An outline of so few points that its slices have no width (NEURON then has a soma without area) is a sphere.
    """
    if len(contours) == 1:
        points, radius = _slices(contours[0])
        return (points, radius) if (radius > 0).all() else ball(*_circle(contours[0]))
    circles = [_circle(contour) for contour in contours]
    return np.array([center for center, _ in circles]), np.array([radius for _, radius in circles])


def ball(center: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A cylinder as long as it is wide, which has the area of the sphere."""
    return center + radius * np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]]), np.full(3, radius)


def stacks(contours: list[np.ndarray]) -> list[list[int]]:
    """Which outlines are of one soma: those whose boxes overlap in the plane with that of the one before."""
    groups: list[list[int]] = []
    for k, contour in enumerate(contours):
        before = contours[k - 1][:, :2]
        flat = contour[:, :2]
        apart = k == 0 or (flat.min(0) > before.max(0)).any() or (before.min(0) > flat.max(0)).any()
        groups += [[k]] if apart else []
        if not apart:
            groups[-1].append(k)
    return groups


def around(contour: np.ndarray) -> np.ndarray:
    """A hundred and one points at even steps along an outline, from its first point to its last."""
    steps = np.linalg.norm(np.diff(contour[:, :2], axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.linspace(0, along[-1], 101)
    return np.stack([np.interp(even, along, x) for x in contour.T], axis=1)


def _circle(contour):
    """Centre and radius: amid the mean distance from the centre and what the perimeter gives."""
    points = around(contour)
    center = points.mean(0)
    perimeter = np.linalg.norm(np.diff(contour, axis=0, append=contour[:1]), axis=1).sum()
    return center, (np.linalg.norm(points - center, axis=1).mean() + perimeter / (2 * np.pi)) / 2


def _slices(contour):
    """Twenty-one discs along the longest axis, each as wide as the outline is there."""
    points = around(contour)
    center = points.mean(0)
    points = points - center
    _, axes = np.linalg.eigh(points.T @ points)
    major, minor = axes[:, 2], axes[:, 1] * [1, 1, 0]
    major = -major if major[np.argmax(np.abs(major))] < 0 else major
    minor = minor / np.linalg.norm(minor)
    along, aside = points @ major, points @ minor
    start = int(np.argmax(along))
    along, aside = np.roll(along, -start), np.roll(aside, -start)
    turn = int(np.argmin(along))
    one = _rising(along[:turn][::-1], aside[:turn][::-1])
    other = _rising(along[turn:], aside[turn:])
    both = np.sort(np.concatenate([one[0], other[0]]))
    places = np.linspace(both[1], both[-2], 21)
    width = np.abs(np.interp(places, *one) - np.interp(places, *other))
    width[0], width[-1] = (width[0] + width[1]) / 2, (width[-1] + width[-2]) / 2
    return center + places[:, None] * major, width / 2


def _rising(along, aside):
    """One side of an outline without the points that go back."""
    along, aside = along.tolist(), aside.tolist()
    j = len(along) - 1
    while j > 0:
        if along[j] <= along[j - 1]:
            del along[j], aside[j]
            j = min(j, len(along) - 1)
        else:
            j -= 1
    return along, aside
