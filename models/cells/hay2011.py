r"""The layer 5 pyramidal cell of Hay et al. (2011): spikes of the soma, calcium spikes of the dendrite, and both at once.

Ten channels and calcium, in densities found by evolution (table 2 of the paper, the model for both kinds of firing), on
a reconstruction of one's own or a synthetic cell of its dimensions. A pulse into the soma alone gives one spike, an EPSP
high on the apical dendrite alone next to nothing in the soma; together, within 5 ms, they give a calcium spike of the
dendrite and with it a burst of the soma (BAC firing, Larkum et al. 1999): the cell tells that both its ends were driven.
The densest calcium channels stand 685 to 885 um up the apical dendrite.

    python -m models.cells.hay2011 --morphology cell1.asc

The published simulations stand at 6.3 °C and 5e-5 mM of calcium as their simulator does unless told otherwise, with
channels of 34 °C; so does this.

References
----------
E. Hay, S. Hill, F. Schürmann, H. Markram, I. Segev, PLoS Comput. Biol. 7:e1002107 (2011); M. E. Larkum, J. J. Zhu,
B. Sakmann, Nature 398:338 (1999).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from brainsim import Parameter, cells, channels
from models.cells.l5_shape import (
    OneAndTwoPer,
    along_apical,
    apical_reach,
    of_apical_distance,
    reconstruction,
    synthetic,
)

DT = 0.025 * u.ms
MS = u.mS / u.cm2
#: Conductances of soma and apical dendrite, in mS/cm2 (figure 4 of the paper).
SOMA = dict(na=2040.0, nap=1.72, kt=81.2, kp=2.23, kv3=693.0, sk=44.1, ca_hva=0.992, ca_lva=3.43, h=0.2)
APICAL = dict(na=21.3, kv3=0.261, km=0.0675, sk=1.2, ca_hva=0.555, ca_lva=18.7, h=0.2)
LEAK = dict(soma=0.0338, apic=0.0589, dend=0.0467, axon=0.0325)
CALCIUM = dict(soma=dict(tau=460.0, gamma=0.000501), apic=dict(tau=122.0, gamma=0.000509))
#: Where calcium channels are dense, from the beginning of the apical dendrite, and what is left of them elsewhere.
HOT_ZONE, HVA_ELSEWHERE, LVA_ELSEWHERE = (685.0, 885.0), 0.1, 0.01
#: The four trials: whether there is a pulse into the soma, and the EPSP-like current into the dendrite, in nA.
TRIALS = {"soma": (1.0, 0.0), "dendrite": (0.0, 0.5), "both": (1.0, 0.5), "dendrite x 3": (0.0, 1.5)}
#: The pulse, in nA: published, and just as far above threshold in the synthetic cell.
PULSE, PULSE_SYNTHETIC = 1.9, 1.7
#: Steps of the published figure, nA.
STEPS = (0.619, 0.793, 1.507)


def build(
    seed: int = 0,
    *,
    morphology: str | Path | cells.Morphology | None = None,
    size: int = 1,
    compartments: cells.Rule | int = OneAndTwoPer(),
    method: str = "staggered_backward_euler",
) -> bs.Network:
    """Cells without stimuli, which :func:`inject` adds.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    morphology : path, Morphology, optional
        A reconstruction (ASC or SWC), of which the axon is replaced by a stub; the synthetic cell without.
    size : int
        Number of cells.
    compartments : rule
        How branches are cut; by default as published.
    method : str
        ``"staggered_backward_euler"`` or ``"staggered_crank_nicolson"``.

    Returns
    -------
    Network
        With the population ``cell``.
    """
    shape = synthetic() if morphology is None else morphology
    shape = shape if isinstance(shape, cells.Morphology) else reconstruction(shape)
    reach = apical_reach(shape)

    def both(name, factor=np.ones_like):
        """Conductance of the soma, and of the apical dendrite times a factor by distance."""
        apical = of_apical_distance(shape, lambda d: factor(d) * APICAL[name] * MS)
        return cells.by_region({"soma": SOMA[name] * MS, "apic": apical})

    def hot(elsewhere):
        return lambda d: np.where((d > HOT_ZONE[0]) & (d < HOT_ZONE[1]), 1.0, elsewhere)

    def calcium(name, unit):
        return cells.by_region({where: values[name] * unit for where, values in CALCIUM.items()})

    rise = lambda d: -0.8696 + 2.087 * np.exp(3.6161 * d / reach)
    h = cells.by_region({"dend": SOMA["h"] * MS}, default=both("h", rise))
    net = bs.Network(seed=seed)
    net.cell = cells.MultiCompartment(
        size,
        shape,
        compartments=compartments,
        method=method,
        V=-80 * u.mV,
        E_L=-90 * u.mV,
        R_a=100 * u.ohm * u.cm,
        g_L=cells.by_region({where: g * MS for where, g in LEAK.items()}),
        C=cells.by_region({"dend": 2 * u.uF / u.cm2, "apic": 2 * u.uF / u.cm2}, default=1 * u.uF / u.cm2),
        V_th=-10 * u.mV,
        channels=dict(
            na=channels.NaTa_Hay2011(g_max=both("na")).on("soma", "apic"),
            nap=channels.NaP_Hay2011(g_max=SOMA["nap"] * MS).on("soma"),
            kt=channels.KT_Hay2011(g_max=SOMA["kt"] * MS).on("soma"),
            kp=channels.KP_Hay2011(g_max=SOMA["kp"] * MS).on("soma"),
            kv3=channels.Kv3_Hay2011(g_max=both("kv3")).on("soma", "apic"),
            km=channels.KM_Hay2011(g_max=APICAL["km"] * MS).on("apic"),
            sk=channels.SK_Hay2011(g_max=both("sk")).on("soma", "apic"),
            ca_hva=channels.CaHT_Reuveni1993(g_max=both("ca_hva", hot(HVA_ELSEWHERE)), E=None).on("soma", "apic"),
            ca_lva=channels.CaLVA_Hay2011(g_max=both("ca_lva", hot(LVA_ELSEWHERE)), E=None).on("soma", "apic"),
            h=channels.Ih_Hay2011(g_max=h).on("soma", "dend", "apic"),
        ),
        pools=dict(
            Ca=channels.Calcium_Hay2011(
                gamma=calcium("gamma", 1.0), tau=calcium("tau", u.ms), concentration=5e-5 * u.mM,
                temperature=279.45 * u.kelvin,
            ).on("soma", "apic")
        ),
    )  # fmt: skip
    return net


class EPSPCurrent(bs.stimuli.Stimulus):
    r"""A current in the shape of an EPSP, :math:`I(t) = A\,(e^{-t/\tau_2} - e^{-t/\tau_1})/\max`, t from the start on.

    Taken in the middle of each step.
    """

    amplitude = Parameter(0.0, "peak A", unit="input_unit")
    tau_1 = Parameter(0.5 * u.ms, "time constant of the rise", positive=True, shape=())
    tau_2 = Parameter(5.0 * u.ms, "time constant of the decay, longer", positive=True, shape=())

    def value(self, clock):
        rise, decay = self.plain("tau_1"), self.plain("tau_2")
        shape = lambda t: jnp.exp(-t / decay) - jnp.exp(-t / rise)
        t = jnp.maximum(clock.since(self.exact("start")) + 0.5 * clock.step_ms, 0.0)
        return self.plain("amplitude") * shape(t) / shape(rise * decay / (decay - rise) * jnp.log(decay / rise))


def inject(net: bs.Network, pulses, epsps, onset=295 * u.ms, interval=5 * u.ms) -> None:
    """Add a pulse of 5 ms into the soma of each cell, and a current like an EPSP 620 um up its apical dendrite.

    Parameters
    ----------
    net : Network
        Of :func:`build`.
    pulses, epsps : array (n,)
        Their amplitudes in nA.
    onset, interval : quantity, time
        When the pulse begins, and how much later the other current.
    """
    pulse = bs.stimuli.Constant(np.asarray(pulses) * u.nA, start=onset, stop=onset + 5 * u.ms)
    epsp = EPSPCurrent(amplitude=np.asarray(epsps) * u.nA, start=onset + interval)
    site = along_apical(net.cell.compartments, 620 * u.um)
    net.cell.add_stimuli(pulse=pulse, epsp=epsp.on(site))


def traces(net: bs.Network, duration, distances=(400, 620, 800), dt=DT, every=0.1 * u.ms):
    """Run, and give t (ms), V of the soma and so far up the apical dendrite (places, steps, cells; mV), and spikes."""
    cut, n = net.cell.compartments, net.cell.count
    places = [cells.at("soma", 0.5), *(along_apical(cut, d * u.um) for d in distances)]
    rows = [int(cells.compartments_at(place, cut)[0]) for place in places]
    record = [f"cell.V[{row * n + k}]" for row in rows for k in range(n)]
    rec = bs.simulate(net, duration, dt=dt, record=["cell.spikes", *record], sample_every=every, progress=False)
    V = np.stack([rec[name].to_decimal(u.mV)[:, 0] for name in record]).reshape(len(rows), n, -1)
    return rec.times.to_decimal(u.ms), V.swapaxes(1, 2), [rec.spikes["cell"].of(k).to_decimal(u.ms) for k in range(n)]


class Coincidence(NamedTuple):
    """V of soma and dendrite in each trial, and what they tell."""

    t: np.ndarray  #: ms, from the onset of the pulse on
    V: np.ndarray  #: mV: soma and 400, 620, 800 um up; steps; trials
    spikes: list  #: times of the soma's, ms from the onset on, of each trial

    @property
    def rest(self) -> np.ndarray:
        """V before the onset: places."""
        return self.V[:, self.t < 0].mean(axis=(1, 2))

    @property
    def peaks(self) -> np.ndarray:
        """Highest V: places, trials."""
        return self.V.max(axis=1)

    @property
    def back_propagated(self) -> np.ndarray:
        """Amplitude of the spike from the soma alone, at each place."""
        return self.peaks[:, 0] - self.rest

    @property
    def calcium_spike(self) -> float:
        """How long V of the middle dendritic place is above -30 mV in the trial of both, in ms."""
        return float(np.sum(self.V[2, :, 2] > -30.0) * np.diff(self.t[:2])[0])


def coincidence(morphology=None, *, pulse: float | None = None, onset=295 * u.ms, dt=DT, **options) -> Coincidence:
    """The four trials, from 5 ms before the pulse to 90 ms after it."""
    pulse = (PULSE_SYNTHETIC if morphology is None else PULSE) if pulse is None else pulse
    net = build(morphology=morphology, size=len(TRIALS), **options)
    somatic, dendritic = np.array(list(TRIALS.values())).T
    inject(net, pulse * somatic, dendritic, onset=onset)
    t, V, spikes = traces(net, onset + 90 * u.ms, dt=dt)
    begins = float(onset / u.ms)
    shown = t > begins - 5
    return Coincidence(t[shown] - begins, V[:, shown], [times - begins for times in spikes])


def steps(
    morphology=None, currents=STEPS, duration=2000 * u.ms, onset=700 * u.ms, dt=DT, **options
) -> list[np.ndarray]:
    """Spike times (ms from the onset on) under steps of current (nA) into the soma, of each."""
    net = build(morphology=morphology, size=len(currents), **options)
    net.cell.add_stimuli(step=bs.stimuli.Constant(np.array(currents) * u.nA, start=onset, stop=onset + duration))
    rec = bs.simulate(net, onset + duration, dt=dt, record="cell.spikes", progress=False)
    return [(rec.spikes["cell"].of(k) - onset).to_decimal(u.ms) for k in range(len(currents))]


def experiment(**options) -> Coincidence:
    """:func:`coincidence` with ``options``."""
    return coincidence(**options)


def plot(result: Coincidence, shape: cells.Morphology | None = None):
    """The cell, and V of soma and dendrite in the four trials.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    shape = synthetic() if shape is None else shape
    figure = pyplot.figure(figsize=(9.0, 5.0), layout="constrained")
    axes = figure.subplot_mosaic(
        [["cell", "soma", "dendrite"], ["cell", "both", "dendrite x 3"]], width_ratios=[0.8, 1, 1]
    )
    shape.plot(ax=axes["cell"], legend=False)
    for k, name in enumerate(TRIALS):
        for V, color, label in zip(result.V[[0, 1, 2]], ("black", "C0", "C3"), ("soma", "400 um", "620 um")):
            axes[name].plot(result.t, V[:, k], color=color, linewidth=1, label=label)
        axes[name].set(title=name, ylim=(-85, 45), xlabel="t (ms)", ylabel="V (mV)")
        axes[name].spines[["top", "right"]].set_visible(False)
    axes["soma"].legend(frameon=False, fontsize=8)
    return figure


def main(morphology: str | None = None, folder: str = "out") -> None:
    """Print what the trials and the steps give, and draw the trials."""
    shape = None if morphology is None else reconstruction(morphology)
    result = coincidence(shape)
    for k, name in enumerate(TRIALS):
        peaks = ", ".join(f"{V:.1f}" for V in result.peaks[:, k])
        print(f"{name:>13}: spikes at {np.round(result.spikes[k], 2)} ms; peak at soma, 400, 620, 800 um {peaks} mV")
    print(
        f"back-propagated spike: {np.round(result.back_propagated, 1)} mV; calcium spike {result.calcium_spike:.1f} ms"
    )
    for current, times in zip(STEPS, steps(shape)):
        rate = 1000 * (len(times) - 1) / (times[-1] - times[0])
        print(f"step of {current} nA: {len(times)} spikes in 2 s, the first after {times[0]:.1f} ms, {rate:.1f} Hz")
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder) / "hay2011.png"
    plot(result, shape).savefig(path, dpi=150)
    print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--morphology", help="a reconstruction, ASC or SWC; the synthetic cell without")
    parser.add_argument("--folder", default="out", help="where the picture goes")
    options = parser.parse_args()
    main(options.morphology, options.folder)
