"""Calcium with buffers and pumps, in one space or in shells from the membrane to the axis."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import brainunit as u
import brainunit.constants as constants

from brainsim._core import Parameter, State
from brainsim.channels.pools import Pool, _nernst
from brainsim.channels.temperature import Kelvin

FLUX = u.umol / u.cm2 / u.second


class _WithBuffer(Pool):
    """What calcium with a buffer and a pump has in common."""

    ion = "Ca"
    implicit = True

    B = Parameter(0.05 * u.mM, "all of the buffer, free and bound", nonnegative=True)
    k_on = Parameter(100.0 / (u.mM * u.ms), "rate of binding", nonnegative=True)
    k_off = Parameter(0.1 / u.ms, "rate of unbinding", positive=True)
    J_max = Parameter(4e-6 * FLUX, "the most that the pump takes out through an area", nonnegative=True)
    K_pump = Parameter(1e-3 * u.mM, "concentration at which it takes out half of that", positive=True)
    rest = Parameter(1e-4 * u.mM, "concentration at which a leak brings in what the pump takes out", positive=True)
    outside = Parameter(2.0 * u.mM, "concentration outside", positive=True)
    temperature = Kelvin(309.15 * u.kelvin, "absolute temperature, for the Nernst potential")
    D = Parameter(
        None, "diffusion of free calcium along the cell; None for none", unit=u.um2 / u.ms, optional=True, positive=True
    )
    D_B = Parameter(
        None, "diffusion of the buffer; None for one that stays", unit=u.um2 / u.ms, optional=True, positive=True
    )

    def binding(self, free: Any, bound: Any) -> Any:
        """What becomes bound, per time."""
        return self.k_on * free * (self.B - bound) - self.k_off * bound

    def bound_at(self, free: Any) -> Any:
        """What is bound in equilibrium."""
        return self.B * free / (free + self.k_off / self.k_on)

    def through_membrane(self, free: Any, current: Any) -> Any:
        """Flux inward through an area: the current, the leak and the pump."""
        pump = free / (free + self.K_pump) - self.rest / (self.rest + self.K_pump)
        return current / (2.0 * constants.faraday) - self.J_max * pump

    def reversal(self, concentration):
        return _nernst(self.outside, concentration, 2, self.temperature)


class BufferedCalcium(_WithBuffer):
    r"""Calcium that a buffer binds and a pump takes out, in a space beneath the membrane.

    .. math:: \dot c = \frac1d\left(\frac{I_{Ca}}{2F} - J_{max}\left[\frac{c}{c + K} - \frac{c_\infty}{c_\infty + K}\right]\right)
        - k_{on}\,c\,(B - b) + k_{off}\,b,\qquad \dot b = k_{on}\,c\,(B - b) - k_{off}\,b

    with :math:`I_{Ca}` the current into the cell. Calcium and buffer diffuse along a cell with shape where ``D`` and
    ``D_B`` are given, as if the space were the same part of each cross-section. Binding is solved implicitly, and diffusion
    by a step of backward Euler after it: both are stable at any dt and keep what there is.

    Parameters
    ----------
    depth : quantity, length
        Volume over area of the membrane, d; a quarter of the diameter for all of a cylinder.
    B, k_on, k_off
        Buffer.
    J_max, K_pump, rest
        Pump, and the concentration at which nothing flows without current.
    D, D_B : quantity, area per time, optional
        Diffusion along the cell.

    References
    ----------
    N. T. Carnevale, M. L. Hines, The NEURON Book (2006), chapter 9; T. J. Sejnowski, N. Qian, in: Single Neuron
    Computation, Academic Press (1992).
    """

    diffuses: ClassVar[dict[str, str]] = {"concentration": "D", "buffered": "D_B"}

    depth = Parameter(0.25 * u.um, "volume over area d", positive=True)
    concentration = State(lambda pool: pool.rest, "free calcium", unit=u.mM)
    buffered = State(lambda pool: pool.bound_at(pool.rest), "bound calcium", unit=u.mM)

    def slopes(self, current, **states):
        free, bound = states["concentration"], states["buffered"]
        binds = self.binding(free, bound)
        entering = (self.through_membrane(free, current) / self.depth).to(u.mM / u.ms)
        return {"concentration": entering - binds, "buffered": binds}


class _Shells(_WithBuffer):
    """What calcium in shells has in common, however many there are."""

    shells: ClassVar[int] = 1

    diameter = Parameter(1.0 * u.um, "diameter of the cylinder", positive=True)
    D_radial = Parameter(0.6 * u.um2 / u.ms, "diffusion of free calcium between shells", nonnegative=True)
    concentration = State(lambda pool: pool.rest, "free calcium in the outermost shell", unit=u.mM)
    buffered = State(lambda pool: pool.bound_at(pool.rest), "bound calcium in the outermost shell", unit=u.mM)

    @property
    def free_states(self) -> list[str]:
        """Names of the free calcium of each shell, from the outermost to the axis."""
        return ["concentration", *(f"free_{k}" for k in range(1, self.shells))]

    @property
    def bound_states(self) -> list[str]:
        """Names of the bound calcium of each shell."""
        return ["buffered", *(f"buffered_{k}" for k in range(1, self.shells))]

    def slopes(self, current, **states):
        n, R = self.shells, self.diameter / 2
        free = [states[name] for name in self.free_states]
        found = {}
        # Per length: shells of equal thickness, with the area between two of them over the distance of their middles
        volume = [(2 * (n - k) - 1) / n**2 for k in range(n)]  # over pi R^2
        between = [2.0 * (n - k) for k in range(1, n)]  # over pi
        flux = [self.D_radial * g * (free[k] - free[k + 1]) for k, g in enumerate(between)]
        for k, name in enumerate(self.bound_states):
            binds = self.binding(free[k], states[name])
            gain = self.through_membrane(free[0], current) * 2 * R if k == 0 else flux[k - 1]
            gain = gain - flux[k] if k + 1 < n else gain
            found[name] = binds
            found[self.free_states[k]] = (gain / (volume[k] * R**2)).to(u.mM / u.ms) - binds
        return found


@functools.cache
def radial_calcium(shells: int) -> type[Pool]:
    r"""The class of calcium in ``shells`` of a cylinder, from the membrane to the axis, with a buffer in each and a pump.

    .. math:: V_k\,\dot c_k = A_k\,D\,\frac{c_{k-1} - c_k}{\Delta r} - A_{k+1}\,D\,\frac{c_k - c_{k+1}}{\Delta r}
        - V_k\,[k_{on}\,c_k (B - b_k) - k_{off}\,b_k]

    with what enters through the membrane, as in :class:`BufferedCalcium`, in the outermost, whose calcium channels see::

        pools = dict(Ca=channels.radial_calcium(4)(diameter=cells.of_diameter(lambda d: d)))

    The further states are ``free_1``, ``free_2``, ... and ``buffered``, ``buffered_1``, ...; all diffuse along a cell with shape
    where ``D`` and ``D_B`` are given. Shells have the same thickness; all states are solved together by backward Euler.

    Parameters
    ----------
    shells : int
        At least 2.

    Returns
    -------
    type of Pool

    Raises
    ------
    ValueError
        For fewer than two shells, or more than 50.

    References
    ----------
    N. T. Carnevale, M. L. Hines, The NEURON Book (2006), chapter 9.
    """
    if not isinstance(shells, int) or not 2 <= shells <= 50:
        raise ValueError(f"radial_calcium: shells must be a whole number from 2 to 50, given {shells!r}.")
    rest = lambda pool: pool.rest
    bound = lambda pool: pool.bound_at(pool.rest)
    states: dict[str, Any] = {}
    for k in range(1, shells):
        states[f"free_{k}"] = State(rest, f"free calcium in shell {k}", unit=u.mM)
        states[f"buffered_{k}"] = State(bound, f"bound calcium in shell {k}", unit=u.mM)
    own = ["concentration", "buffered", *states]
    diffuses = {name: "D_B" if name.startswith("buffered") else "D" for name in own}
    doc = f"Calcium in {shells} shells, see :func:`radial_calcium`."
    facts = {"shells": shells, "diffuses": diffuses, "__doc__": doc, "__module__": __name__}
    return type(f"RadialCalcium{shells}", (_Shells,), {**states, **facts})
