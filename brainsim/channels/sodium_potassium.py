"""Sodium and potassium that currents move: concentrations inside and outside, the pump between them, leaks."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u
import brainunit.constants as constants
import jax

from brainsim._core import Parameter, State
from brainsim.channels.equations import Equations
from brainsim.channels.kinetics import exprel
from brainsim.channels.pools import Pool, _nernst
from brainsim.channels.temperature import Celsius, Kelvin

FARADAY, GAS = 96485.33212331001, 8.314462618153241  # C/mol, J/(K mol)


def ghk(v: Any, inside: Any, outside: Any, valence: int, celsius: Any) -> jax.Array:
    r"""Outward current through a permeability of 1 cm/s, by Goldman, Hodgkin and Katz.

    .. math:: i = z F\,\frac{x}{1 - e^{-x}}\,(c_i - c_o\,e^{-x}),\qquad x = \frac{z F v}{R T}

    Plain numbers, for the ``flow`` of :class:`Equations`. Finite and smooth at v = 0.

    Parameters
    ----------
    v : float or array
        Potential in mV.
    inside, outside : float or array
        Concentrations in mM.
    valence : int
        z.
    celsius : float or array
        Temperature in °C.

    Returns
    -------
    array
        Current in mA/cm², outward where it is positive; times the permeability in cm/s.

    References
    ----------
    D. E. Goldman, J. Gen. Physiol. 27:37 (1943); A. L. Hodgkin, B. Katz, J. Physiol. 108:37 (1949).
    """
    x = 1e-3 * valence * FARADAY * v / (GAS * (celsius + 273.15))
    return 1e-3 * valence * FARADAY * (inside / exprel(-x) - outside / exprel(x))


class _BothSides(Pool):
    """What ions of valence 1 share whose concentrations change on both sides."""

    implicit = True  # both sides at once, so that what leaves one is in the other
    diffuses: ClassVar[dict[str, str]] = {"concentration": "D"}

    depth = Parameter(1.0 * u.um, "volume inside over area of the membrane", positive=True)
    outer_depth = Parameter(
        None, "volume outside over area; None for one without bounds", unit=u.um, optional=True, positive=True
    )
    bath = Parameter(1.0 * u.mM, "concentration outside, far away", positive=True)
    tau_bath = Parameter(
        None, "time in which what is outside follows the bath; None for never", unit=u.ms, optional=True, positive=True
    )
    D = Parameter(
        None, "diffusion inside along the cell; None for none", unit=u.um2 / u.ms, optional=True, positive=True
    )
    temperature = Kelvin(309.15 * u.kelvin, "absolute temperature, for the Nernst potential")
    concentration = State(10.0 * u.mM, "concentration inside")
    outside = State(lambda pool: pool.bath, "concentration outside", unit=u.mM)

    def slopes(self, current, **states):
        flux = current / constants.faraday
        change = 0.0 * states["outside"] / u.ms
        if self.outer_depth is not None:
            change = change - (flux / self.outer_depth).to(u.mM / u.ms)
        if self.tau_bath is not None:
            change = change + (self.bath - states["outside"]) / self.tau_bath
        return {"concentration": (flux / self.depth).to(u.mM / u.ms), "outside": change}

    def reversal(self, concentration):
        return _nernst(self.outside, concentration, 1, self.temperature)

    def potential(self, states):
        return _nernst(states["outside"], states["concentration"], 1, self.temperature)


class Sodium(_BothSides):
    r"""Sodium inside and outside, moved by all currents that carry it.

    .. math:: \dot c_i = \frac{I_{Na}}{F d_i},\qquad \dot c_o = -\frac{I_{Na}}{F d_o} + \frac{c_{bath} - c_o}{\tau_{bath}},\qquad
        E_{Na} = \frac{RT}{F} \ln \frac{c_o}{c_i}

    with :math:`I_{Na}` the current into the cell. A cell with it needs a pump that balances what leaks at rest
    (:class:`NaKPump`), and channels that follow its potential: ``Na_HH1952(E=None)``.

    Parameters
    ----------
    depth : quantity, length
        :math:`d_i`: volume over area of the membrane; a quarter of the diameter for all of a cylinder.
    outer_depth : quantity, length, optional
        :math:`d_o`, of the space outside: its volume over the area. Without, that holds so much that nothing changes.
    bath, tau_bath : quantity, concentration, and time, optional
        What the space outside exchanges with, and how slowly.
    D : quantity, area per time, optional
        Diffusion inside along the cell.

    References
    ----------
    J. R. Cressman, G. Ullah, J. Ziburkus, S. J. Schiff, E. Barreto, J. Comput. Neurosci. 26:159 (2009); H. Kager, W. J. Wadman,
    G. G. Somjen, J. Neurophysiol. 84:495 (2000).
    """

    ion = "Na"

    bath = Parameter(140.0 * u.mM, "concentration outside, far away", positive=True)
    concentration = State(10.0 * u.mM, "concentration inside")


class Potassium(_BothSides):
    r"""Potassium inside and outside, moved by all currents that carry it.

    .. math:: \dot c_i = \frac{I_K}{F d_i},\qquad \dot c_o = -\frac{I_K}{F d_o} + \frac{c_{bath} - c_o}{\tau_{bath}},\qquad
        E_K = \frac{RT}{F} \ln \frac{c_o}{c_i}

    with :math:`I_K` the current into the cell. Where the space outside is narrow (``outer_depth``) it collects what spikes
    let out, and the cell is depolarised by it.

    Parameters
    ----------
    depth, outer_depth, bath, tau_bath, D
        As for :class:`Sodium`.

    References
    ----------
    J. R. Cressman, G. Ullah, J. Ziburkus, S. J. Schiff, E. Barreto, J. Comput. Neurosci. 26:159 (2009); H. Kager, W. J. Wadman,
    G. G. Somjen, J. Neurophysiol. 84:495 (2000).
    """

    ion = "K"

    bath = Parameter(4.0 * u.mM, "concentration outside, far away", positive=True)
    concentration = State(130.0 * u.mM, "concentration inside")


class NaKPump(Equations):
    r"""Na/K-ATPase: three sodium out, two potassium in.

    .. math:: I = I_{max} \left(1 + \frac{K_K}{[K]_o}\right)^{-2} \left(1 + \frac{K_{Na}}{[Na]_i}\right)^{-3},\qquad
        I_{Na} = 3 I,\qquad I_K = -2 I

    I is outward. It follows the pools ``Na`` and ``K`` of a cell that has them.

    Parameters
    ----------
    I_max : quantity, current per area
        Net current where both are plenty.
    K_Na, K_K : quantity, concentration
        At which a site is half bound.
    nai, ko : quantity, concentration, optional
        Sodium inside and potassium outside, in place of those of pools.

    References
    ----------
    H. Kager, W. J. Wadman, G. G. Somjen, J. Neurophysiol. 84:495 (2000), after P. Läuger, Electrogenic Ion Pumps, Sinauer (1991).
    """

    I_max = Parameter(10.0 * u.uA / u.cm2, "net current where both are plenty", nonnegative=True)
    K_Na = Parameter(10.0 * u.mM, "sodium inside at which a site is half bound", positive=True)
    K_K = Parameter(2.0 * u.mM, "potassium outside at which a site is half bound", positive=True)
    nai = Parameter(10.0 * u.mM, "sodium inside; None for that of the pool Na", optional=True, positive=True)
    ko = Parameter(4.0 * u.mM, "potassium outside; None for that of the pool K", optional=True, positive=True)
    ions: ClassVar = {"nai": "Na", "ko": "K_out"}
    carries: ClassVar = {"ina": "Na", "ik": "K"}

    def flow(self, p, nai, ko):
        one = 1e-3 * p.I_max / (1 + p.K_K / ko) ** 2 / (1 + p.K_Na / nai) ** 3
        return {"ina": 3 * one, "ik": -2 * one}


class NaLeak_GHK(Equations):
    r"""Sodium that leaks, by Goldman, Hodgkin and Katz.

    .. math:: I_{Na} = P\,F\,\frac{x}{1 - e^{-x}}\,([Na]_i - [Na]_o\,e^{-x}),\qquad x = \frac{F V}{R T}

    I is outward, see :func:`ghk`. It feeds the pool ``Na`` and follows it.

    Parameters
    ----------
    P : quantity, velocity
        Permeability.
    celsius : float
        Temperature, in °C.
    nai, nao : quantity, concentration, optional
        In place of those of the pool.

    References
    ----------
    D. E. Goldman, J. Gen. Physiol. 27:37 (1943); A. L. Hodgkin, B. Katz, J. Physiol. 108:37 (1949).
    """

    P = Parameter(1e-7 * u.cm / u.second, "permeability", nonnegative=True)
    celsius = Celsius()
    nai = Parameter(10.0 * u.mM, "sodium inside; None for that of the pool Na", optional=True, positive=True)
    nao = Parameter(140.0 * u.mM, "sodium outside; None for that of the pool Na", optional=True, positive=True)
    ions: ClassVar = {"nai": "Na", "nao": "Na_out"}
    carries: ClassVar = {"ina": "Na"}

    def flow(self, p, v, nai, nao):
        return {"ina": p.P * ghk(v, nai, nao, 1, p.celsius)}


class KLeak_GHK(Equations):
    r"""Potassium that leaks, by Goldman, Hodgkin and Katz.

    .. math:: I_K = P\,F\,\frac{x}{1 - e^{-x}}\,([K]_i - [K]_o\,e^{-x}),\qquad x = \frac{F V}{R T}

    I is outward, see :func:`ghk`. It feeds the pool ``K`` and follows it.

    Parameters
    ----------
    P : quantity, velocity
        Permeability.
    celsius : float
        Temperature, in °C.
    ki, ko : quantity, concentration, optional
        In place of those of the pool.

    References
    ----------
    D. E. Goldman, J. Gen. Physiol. 27:37 (1943); A. L. Hodgkin, B. Katz, J. Physiol. 108:37 (1949).
    """

    P = Parameter(1e-6 * u.cm / u.second, "permeability", nonnegative=True)
    celsius = Celsius()
    ki = Parameter(130.0 * u.mM, "potassium inside; None for that of the pool K", optional=True, positive=True)
    ko = Parameter(4.0 * u.mM, "potassium outside; None for that of the pool K", optional=True, positive=True)
    ions: ClassVar = {"ki": "K", "ko": "K_out"}
    carries: ClassVar = {"ik": "K"}

    def flow(self, p, v, ki, ko):
        return {"ik": p.P * ghk(v, ki, ko, 1, p.celsius)}
