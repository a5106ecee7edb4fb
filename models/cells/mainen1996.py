r"""Dendrites make the firing pattern: two compartments with the channels of Mainen and Sejnowski (1996).

An axon and soma with the fast currents, a dendrite with the slow ones, the same densities in all cells. What differs is
the shape alone: how many times larger the dendrite is (rho), and the resistance between (kappa). With rho the pattern
goes from regular firing over adaptation and doublets to bursts; with kappa too small the spike charges both at once, and
with kappa too large the dendrite's current comes back too late. Their four reconstructed cells differ in just this.

    python -m models.cells.mainen1996

References
----------
Z. F. Mainen, T. J. Sejnowski, Nature 382:363 (1996), figure 3; rates as their program has them, with the corrections
that it lists.
"""

from __future__ import annotations

from pathlib import Path

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import Parameter, cells, channels
from brainsim.channels import Channel, Gate, Rates, Relaxation, exprel

DT = 0.025 * u.ms
PS = u.psiemens / u.um**2
WARM = channels.q10(2.3, 37.0, 23.0)
"""What 37 °C make of rates, and in this model of conductances too."""
#: Area of the dendrite over that of axon and soma, and resistance between in Mohm: shown in the picture.
SHAPES = ((50, 10), (100, 10), (140, 10), (165, 10), (200, 10), (165, 1), (165, 30))
SETTLE, STEP = 200 * u.ms, 900 * u.ms


class Na(Channel):
    r"""Fast sodium current.

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.182\,(v + 35)}{1 - e^{-(v + 35)/9}},\quad \beta_m = \frac{-0.124\,(v + 35)}{1 - e^{(v + 35)/9}},\quad
        h_\infty = \frac{1}{1 + e^{(v + 65)/6.2}}

    .. math:: \tau_h^{-1} = \frac{0.024\,(v + 50)}{1 - e^{-(v + 50)/5}} - \frac{0.0091\,(v + 75)}{1 - e^{(v + 75)/5}}

    with :math:`v = (V - V_{sh})/\mathrm{mV}`, rates per ms, times ``phi``.
    """

    E = Parameter(60.0 * u.mV, "sodium reversal potential")
    V_sh = Parameter(10.0 * u.mV, "shift along V")
    phi = Parameter(WARM, "factor of the rates", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v, phi = (V - self.V_sh) / u.mV, self.phi / u.ms
        back = 0.12 / exprel(-(v + 50) / 5) + 0.0455 / exprel((v + 75) / 5)
        m = (v + 35) / 9
        return {
            "m": Rates(phi * (1.638 / exprel(-m)), phi * (1.116 / exprel(m))),
            "h": Relaxation(u.math.sigmoid(-(v + 65) / 6.2), 1.0 / (phi * back)),
        }

    def open_fraction(self, m, h):
        return m**3 * h


class K(Channel):
    r"""Potassium current with one gate, fast in the axon.

    .. math:: I = \bar g\,n\,(E - V),\qquad \alpha_n = \frac{a\,(V - V_n)}{1 - e^{-(V - V_n)/9}},\quad
        \beta_n = \frac{-b\,(V - V_n)}{1 - e^{(V - V_n)/9}}

    with V in mV, times ``phi``.
    """

    E = Parameter(-90.0 * u.mV, "potassium reversal potential")
    V_n = Parameter(25.0 * u.mV, "potential of the rates")
    a = Parameter(0.02 / u.ms, "rate of opening, per mV", positive=True)
    b = Parameter(0.002 / u.ms, "rate of closing, per mV", positive=True)
    phi = Parameter(WARM, "factor of the rates", positive=True)
    n = Gate("activation")

    def kinetics(self, V):
        v = (V - self.V_n) / u.mV / 9
        return {"n": Rates(9 * self.phi * self.a / exprel(-v), 9 * self.phi * self.b / exprel(v))}

    def open_fraction(self, n):
        return n


class KM(K):
    """Slow potassium current M, with the equation of :class:`K`."""

    V_n = Parameter(-30.0 * u.mV, "potential of the rates")
    a = Parameter(0.001 / u.ms, "rate of opening, per mV", positive=True)
    b = Parameter(0.001 / u.ms, "rate of closing, per mV", positive=True)


class KCa(Channel):
    r"""Potassium current that calcium opens, slowly.

    .. math:: I = \bar g\,n\,(E - V),\qquad \dot n = a\,[Ca]\,(1 - n) - b\,n

    with rates times ``phi``.
    """

    E = Parameter(-90.0 * u.mV, "potassium reversal potential")
    a = Parameter(0.01 / u.ms / u.mM, "rate of opening per concentration", positive=True)
    b = Parameter(0.02 / u.ms, "rate of closing", positive=True)
    phi = Parameter(WARM, "factor of the rates", positive=True)
    n = Gate("activation")

    def kinetics(self, Ca):
        return {"n": Rates(self.phi * self.a * Ca, self.phi * self.b)}

    def open_fraction(self, n):
        return n


class Ca(channels.CaHT_Reuveni1993):
    """Calcium current of Reuveni et al. (1993), whose rates the model takes for those of 23 °C."""

    E = Parameter(140.0 * u.mV, "calcium reversal potential")
    phi = Parameter(WARM, "factor of the rates", positive=True)

    def kinetics(self, V):
        found = super().kinetics(V)
        return {gate: Rates(self.phi * rates.alpha, self.phi * rates.beta) for gate, rates in found.items()}


def build(seed: int = 0, *, shapes=SHAPES, current=0.1 * u.nA, method: str = "staggered_backward_euler") -> bs.Network:
    """Cells of two compartments, one of each shape, with a step of current into axon and soma.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    shapes : sequence of (rho, kappa)
        Area of the dendrite over the 100 um2 of axon and soma, and the resistance between in Mohm, both positive.
    current : quantity, current
        From 200 to 1,100 ms.
    method : str
        ``"staggered_backward_euler"`` or ``"staggered_crank_nicolson"``.

    Returns
    -------
    Network
        With the population ``cells``; V of axon and soma, then of the dendrite, cell by cell.
    """
    rho, kappa = np.asarray(shapes, float).T
    thickness = 10 / np.pi
    R_a = 1e2 * kappa * np.pi * thickness**2 / 4 / (5 * rho)  # of half the dendrite; ohm cm = 1e-2 Mohm um
    net = bs.Network(seed=seed)
    net.cells = cells.MultiCompartment(
        len(rho),
        [_two_compartments(thickness, 10 * ratio) for ratio in rho],
        compartments=1,
        method=method,
        V=-70 * u.mV,
        V_th=0 * u.mV,
        R_a=np.repeat(R_a, 2) * u.ohm * u.cm,
        C=0.75 * u.uF / u.cm2,
        g_L=cells.by_region({"soma": 0 * PS, "dend": u.siemens / u.cm2 / 30000}),
        channels=dict(
            na=Na(g_max=cells.by_region({"soma": 30000 * WARM * PS, "dend": 15 * WARM * PS})),
            kv=K(g_max=1500 * WARM * PS).on("soma"),
            km=KM(g_max=0.1 * WARM * PS).on("dend"),
            kca=KCa(g_max=3 * WARM * PS).on("dend"),
            ca=Ca(g_max=0.3 * WARM * PS).on("dend"),
        ),
        pools=dict(Ca=channels.Calcium(depth=0.1 * u.um, tau=200 * u.ms, rest=1e-4 * u.mM).on("dend")),
    )
    net.cells.add_stimuli(step=bs.stimuli.Constant(current, start=SETTLE, stop=SETTLE + STEP))
    return net


def _two_compartments(thickness: float, length: float) -> cells.Morphology:
    builder = cells.Builder()
    axon = builder.add(10 * u.um, thickness * u.um, type="soma")
    builder.add(length * u.um, thickness * u.um, type="dend", parent=axon, at=0.5)
    return builder.build()


def experiment(dt=DT, **options) -> bs.Recording:
    """The run of ``build(**options)``: spikes and V of all compartments."""
    record = ["cells.spikes", "cells.V"]
    return bs.simulate(build(**options), SETTLE + STEP, dt=dt, record=record, sample_every=0.1 * u.ms, progress=False)


def spike_times(rec: bs.Recording) -> list[np.ndarray]:
    """Those of every cell, in ms from the beginning of the step on."""
    spikes = rec.spikes["cells"]
    return [(spikes.of(k) - SETTLE).to_decimal(u.ms) for k in range(spikes.n)]


def burstiness(times: np.ndarray) -> float:
    """The longest interval over the shortest, of all but the first spike: 1 is regular, above 10 bursts."""
    intervals = np.diff(times)
    return float(intervals.max() / intervals.min()) if len(intervals) else np.nan


def plot(rec: bs.Recording, shapes=SHAPES):
    """V of axon and soma (black) and of the dendrite (red) of every cell.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(shapes), figsize=(8.0, 1.2 * len(shapes)), sharex=True, layout="constrained")
    t, V = (rec.times - SETTLE).to_decimal(u.ms), rec["cells.V"].to_decimal(u.mV).reshape(len(rec.times), -1, 2)
    for k, ((rho, kappa), ax) in enumerate(zip(shapes, axes)):
        ax.plot(t, V[:, k, 0], color="black", linewidth=0.6)
        ax.plot(t, V[:, k, 1], color="C3", linewidth=0.8)
        ax.set_ylabel(f"rho {rho}\nkappa {kappa}", fontsize=8)
        ax.set(xlim=(-20, 900), ylim=(-80, 50))
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("t (ms)")
    return figure


def main(folder: str = "out") -> None:
    """Print spikes by shape, and draw V."""
    rec = experiment()
    for (rho, kappa), times in zip(SHAPES, spike_times(rec)):
        print(f"rho {rho}, kappa {kappa} Mohm: {len(times)} spikes, {np.round(times[:6], 2)}, {burstiness(times):.1f}")
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder) / "mainen1996.png"
    plot(rec).savefig(path, dpi=150)
    print(path)


if __name__ == "__main__":
    main()
