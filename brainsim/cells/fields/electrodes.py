"""Electrodes outside of cells: what potentials the currents through membranes make there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim._core.recorded import made_with
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import NumberLike, QuantityLike, in_unit
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.fields.line_sources import of_lines, of_points, segments
from brainsim.cells.view import moved

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment

SOURCES = ("soma_as_point", "line", "point")


class Electrodes:
    r"""Electrodes in a homogeneous volume, and the potentials that currents through membranes make at them.

    .. math:: \phi = \frac{1}{4 \pi \sigma} \sum_i \frac{I_i}{r_i}
        \qquad\text{or}\qquad
        \phi = \frac{1}{4 \pi \sigma} \sum_i \frac{I_i}{L_i} \int_{L_i} \frac{ds}{r(s)}

    with compartments as points at their centres or as lines from end to end. As in LFPy, r is at least the radius of the
    compartment. Potentials are linear in the currents: :meth:`matrix` has what each makes at each electrode::

        probe = Electrodes(positions * u.um)
        I = transmembrane_currents(net.cells, rec["cells.V"])
        phi = probe.potentials(net.cells, I)  # (steps, electrodes)

    Parameters
    ----------
    positions : quantity (k, 3)
        Centre of each electrode.
    sigma : quantity, conductivity
        Of the volume; 0.3 S/m as in cortex.
    source : {"soma_as_point", "line", "point"}
        What compartments are: those of the soma points and all others lines, or all lines, or all points.
    radius : quantity () or (k,), optional
        Of electrodes that are discs: they measure the mean over their surface. Points if left out.
    normal : array (3,) or (k, 3)
        What the discs are at right angles to.
    points : int
        On the surface of a disc, spread evenly, at which the mean is taken.
    plane : quantity, length, optional
        z of a plane at which the volume ends, such as the glass of a multi-electrode array; the cells are above.
    sigma_below : quantity, conductivity
        Of what is below the plane: 0 for glass.

    Raises
    ------
    ValueError, UnitError, UnknownNameError
        For shapes and numbers that do not fit, electrodes below the plane, and another kind of source.

    References
    ----------
    G. R. Holt, C. Koch, J. Comput. Neurosci. 6:169 (1999); H. Lindén et al., Front. Neuroinform. 7:41 (2014).
    """

    def __init__(
        self,
        positions: QuantityLike,
        *,
        sigma: QuantityLike = 0.3 * u.siemens / u.meter,
        source: str = "soma_as_point",
        radius: QuantityLike | None = None,
        normal: ArrayLike = (0.0, 0.0, 1.0),
        points: int = 64,
        plane: QuantityLike | None = None,
        sigma_below: QuantityLike = 0.0 * u.siemens / u.meter,
    ):
        more = dict(
            sigma=sigma,
            source=source,
            radius=radius,
            normal=normal,
            points=points,
            plane=plane,
            sigma_below=sigma_below,
        )
        self.made = made_with(Electrodes, (positions,), more)  #: for descriptions of networks
        if source not in SOURCES:
            raise UnknownNameError(f"Electrodes: there is no source {source!r}.{suggestion(source, SOURCES)}")
        #: Centres in µm, (k, 3)
        self.positions = np.asarray(in_unit(positions, u.um, "Electrodes: positions"), float)
        if self.positions.ndim != 2 or self.positions.shape[1] != 3 or not np.isfinite(self.positions).all():
            raise ValueError(
                f"Electrodes: positions are finite and of shape (k, 3), given shape {self.positions.shape}."
            )
        self.sigma = _conductivity(sigma, "sigma")
        if self.sigma == 0:
            raise ValueError("Electrodes: sigma must be positive, given 0.")
        self.source = source
        self.surface = self.positions[:, None]  #: points at which each measures, (k, points, 3)
        if radius is not None:
            self.surface = _discs(self.positions, in_unit(radius, u.um, "Electrodes: radius"), normal, points)
        self.plane = None if plane is None else float(in_unit(plane, u.um, "Electrodes: plane"))
        below = _conductivity(sigma_below, "sigma_below")
        self._image = (self.sigma - below) / (self.sigma + below)
        if self.plane is not None and (self.surface[..., 2] < self.plane).any():
            raise ValueError(f"Electrodes: all are above the plane z = {self.plane} um or on it.")

    def __len__(self) -> int:
        return len(self.positions)

    def matrix(self, cells: Compartments | MultiCompartment, rotation: ArrayLike | None = None) -> u.Quantity:
        """What a current through each compartment makes at each electrode.

        Parameters
        ----------
        cells : Compartments or MultiCompartment
            Of a population, each cell stands at its position.
        rotation : array (3, 3) or (count, 3, 3), optional
            By which the shape of all cells, or of each, is turned about its origin.

        Returns
        -------
        quantity (k, n) or (k, sites)
            In kohm, in the order of the sites.

        Raises
        ------
        ValueError
            For several cells without positions in space, what is no rotation, and cells below the plane.
        """
        cut = cells if isinstance(cells, Compartments) else cells.compartments
        abreast = 1 if isinstance(cells, Compartments) else cells.abreast
        ends = moved(cells, segments(cut), rotation)
        radius = np.repeat(cut.diameter / 2, abreast)
        pointlike = np.full(len(cut), self.source == "point")
        if self.source == "soma_as_point":
            pointlike = cut.type == "soma"
        pointlike = np.repeat(pointlike, abreast)
        if self.plane is not None and (ends[..., 2] < self.plane).any():
            raise ValueError(f"Electrodes.matrix: cells are above the plane z = {self.plane} um.")
        found = np.zeros((len(self), len(ends)))
        for k, points in enumerate(self.surface):
            for at in points:
                found[k] += _inverse_distances(at, ends, radius, pointlike)
                if self.plane is not None:  # as from an image of the electrode behind the plane
                    mirrored = at * [1, 1, -1] + [0, 0, 2 * self.plane]
                    found[k] += self._image * _inverse_distances(mirrored, ends, radius, pointlike)
        # uV / nA is kohm, and 1 / (S/m um) is 1e6 ohm
        return u.Quantity(1e3 * found / (4 * np.pi * self.sigma * self.surface.shape[1]), unit=u.kohm)

    def potentials(
        self, cells: Compartments | MultiCompartment, currents: NumberLike, rotation: ArrayLike | None = None
    ) -> u.Quantity:
        """Potentials at the electrodes.

        Parameters
        ----------
        cells, rotation
            As for :meth:`matrix`.
        currents : quantity (..., n) or (..., sites)
            Out of the cell through each compartment's membrane, see :func:`transmembrane_currents`; of numpy or of JAX,
            differentiable.

        Returns
        -------
        quantity (..., k)
            In µV.
        """
        nano = in_unit(currents, u.nA, "Electrodes.potentials: currents")
        kohm = self.matrix(cells, rotation).mantissa
        if np.shape(nano)[-1:] != kohm.shape[1:]:
            raise ValueError(
                f"Electrodes.potentials: currents have one value for each of {kohm.shape[1]} sites last, given shape"
                f" {np.shape(nano)}."
            )
        if isinstance(nano, jax.Array):
            return u.Quantity(nano @ jnp.asarray(kohm.T, nano.dtype), unit=u.uvolt)
        return u.Quantity(np.asarray(nano) @ kohm.T, unit=u.uvolt)

    def __repr__(self) -> str:
        return f"Electrodes({len(self)}, sigma={self.sigma:g} S/m, source={self.source!r})"


def _inverse_distances(at, ends, radius, pointlike):
    found = np.empty(len(ends))
    found[pointlike] = of_points(at, ends[pointlike].mean(1), radius[pointlike])
    found[~pointlike] = of_lines(at, ends[~pointlike], radius[~pointlike])
    return found


def _conductivity(value, name) -> float:
    number = np.asarray(in_unit(value, u.siemens / u.meter, f"Electrodes: {name}"), float)
    if number.ndim or not np.isfinite(number) or number < 0:
        raise ValueError(f"Electrodes: {name} is one conductivity, not negative, given {value}.")
    return float(number)


def _discs(centres, radius, normal, points) -> np.ndarray:
    """Points spread evenly over discs, in a spiral by the golden angle: (k, points, 3)."""
    radius = np.broadcast_to(np.asarray(radius, float), len(centres))
    normal = np.broadcast_to(np.asarray(normal, float), centres.shape)
    size = np.linalg.norm(normal, axis=1, keepdims=True)
    if points < 1 or not (radius >= 0).all() or not (size > 0).all():
        raise ValueError("Electrodes: discs have a radius that is not negative, a normal, and at least 1 point.")
    normal = normal / size
    aside = np.cross(normal, np.eye(3)[np.abs(normal).argmin(1)])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    k = np.arange(points)
    r, angle = np.sqrt((k + 0.5) / points), np.pi * (3 - np.sqrt(5)) * k
    across = (r * np.cos(angle))[:, None] * aside[:, None] + (r * np.sin(angle))[:, None] * np.cross(normal, aside)[
        :, None
    ]
    return centres[:, None] + radius[:, None, None] * across
