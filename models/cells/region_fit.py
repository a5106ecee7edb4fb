"""Conductances by region from what experiments report: features of spikes and a sag, by gradient from many starts.

A soma with a branching dendrite has sodium, delayed rectifier and M current in the soma, sodium in the dendrite at
another density, h in the dendrite that grows with the distance, and a leak of each: seven numbers, of which nothing is
known but bounds that span factors of 10 to 30. Of the cell four protocols are known: the course of V in soma and dendrite
under a current that hyperpolarises and one that does not make it fire, and eFEL's features, each with its standard
deviation, of V in soma and dendrite under two currents that do.

What spikes tell leaves the delayed rectifier and the M current nearly free against each other, and a fit that stops in
that valley puts the rest into the leaks, which then are wrong by 30 % in opposite directions. A subthreshold step, which
opens M but no delayed rectifier, and V of the dendrite beside that of the soma, which tells where current leaks, lead out of it.

First Adam goes on from several starts drawn between the bounds, all at once; then Levenberg-Marquardt from the best of
them. How well the data tell each number is the curvature at the end.

    python -m models.cells.region_fit

References
----------
S. Druckmann et al., Front. Neurosci. 1:7 (2007), on features with standard deviations as the error of a model; W. Van
Geit et al., Front. Neuroinform. 10:17 (2016); M. Deistler et al., Nat. Methods (2025), on gradients.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import brainunit as u
import jax
import numpy as np
import optax

import brainsim as bs
from brainsim import cells, channels
from brainsim.train import Features, Protocol, Protocols, Unknown, Unknowns, Voltage, features

G = u.mS / u.cm2
DT, DURATION = 0.05 * u.ms, 110 * u.ms
WINDOW = dict(start=20 * u.ms, stop=95 * u.ms)
CURRENTS = dict(low=-0.04, below=0.01, middle=0.07, high=0.12)  # nA

TRUE = dict(na=55.0, kd=12.0, m=0.25, na_dend=8.0, h=0.04, leak_soma=0.05, leak_dend=0.03)  # mS/cm2
BOUNDS = dict(
    na=(20, 200), kd=(3, 50), m=(0.05, 1), na_dend=(2, 30), h=(0.01, 0.3), leak_soma=(0.01, 0.3), leak_dend=(0.01, 0.3)
)

#: Standard deviations of features: what repetitions of an experiment may give.
STD = {
    "Spikecount": 0.5,
    "mean_frequency": 2.0,
    "time_to_first_spike": 0.5,
    "inv_first_ISI": 4.0,
    "ISI_CV": 0.02,
    "AP_height": 1.0,
    "AP_width": 0.05,
    "AHP_depth_abs": 0.5,
    "voltage_base": 0.5,
}
STD_DEND = {"AP_height": 1.0, "AHP_depth_abs": 0.5}


def network(values: dict[str, float]) -> bs.Network:
    """The cell with these values, in mS/cm2, and a current into its soma."""
    g = {name: value * G for name, value in values.items()}
    shape = cells.rall_tree(2, diameter=3 * u.um, length=120 * u.um, soma=20 * u.um)
    net = bs.Network()
    net.cell = cells.MultiCompartment(
        1,
        shape,
        compartments=cells.MaxLength(40 * u.um),
        R_a=150 * u.ohm * u.cm,
        C=1 * u.uF / u.cm2,
        E_L=-75 * u.mV,
        V=-72 * u.mV,
        g_L=cells.by_region({"soma": g["leak_soma"], "dend": g["leak_dend"]}),
        channels=dict(
            na=channels.Na_TraubMiles(V_T=-60 * u.mV, g_max=cells.by_region({"soma": g["na"], "dend": g["na_dend"]})),
            kd=channels.K_TraubMiles(V_T=-60 * u.mV, E=-90 * u.mV, g_max=g["kd"]).on("soma"),
            m=channels.KM_Yamada1989(tau_max=100 * u.ms, g_max=g["m"]).on("soma"),
            h=channels.Ih_HM1992(g_max=cells.of_distance(lambda d: g["h"] * (1 + d / (100 * u.um)))).on("dend"),
        ),
    )
    net.cell.add_stimuli(step=bs.stimuli.Constant(0 * u.nA, **WINDOW))
    return net


def unknowns(net: bs.Network) -> Unknowns:
    """The seven numbers, by region."""
    between = {name: (low * G, high * G) for name, (low, high) in BOUNDS.items()}
    make = lambda name, path, at, **more: Unknown(path, at, between=between[name], log=True, **more)
    return Unknowns(
        net,
        na=make("na", "cell.na.g_max", "soma"),
        na_dend=make("na_dend", "cell.na.g_max", "dend"),
        kd=make("kd", "cell.kd.g_max", "soma"),
        m=make("m", "cell.m.g_max", "soma"),
        h=make("h", "cell.h.g_max", "dend", times=cells.of_distance(lambda d: 1 + d / (100 * u.um))),
        leak_soma=make("leak_soma", "cell.g_L", "soma"),
        leak_dend=make("leak_dend", "cell.g_L", "dend"),
    )


def protocols(net: bs.Network, recorded: dict | None = None) -> Protocols:
    """The experiment; with ``recorded`` responses, what is asked."""
    tip = cells.tips() & cells.branches(3)
    asked: dict[str, list] = {name: [] for name in CURRENTS}
    if recorded is not None:
        for name in ("low", "below"):
            asked[name] = [
                Voltage(at, recorded[name][at], std=0.5 * u.mV, weight=20, start=5 * u.ms) for at in ("soma", "dend")
            ]
        for name in ("middle", "high"):
            for at, stds in (("soma", STD), ("dend", STD_DEND)):
                threshold = -20 * u.mV if at == "soma" else -35 * u.mV
                trace = features.Trace(recorded[name][at], DT, threshold=threshold, **WINDOW)
                values = {key: (features.measure(key, trace), std) for key, std in stds.items()}
                values = {key: (float(u.get_mantissa(mean)), std) for key, (mean, std) in values.items()}
                asked[name].append(Features(at, values, threshold=threshold, **WINDOW))
    return Protocols(
        net, DURATION, dt=DT, record=dict(soma=net.cell.at("soma"), dend=net.cell.at(tip)), checkpoint_every=50, bound=3.0,
        **{name: Protocol({"cell.step.amplitude": CURRENTS[name] * u.nA}, asked[name]) for name in CURRENTS},
    )  # fmt: skip


class Fit(NamedTuple):
    """What was found: values in mS/cm2 by name, losses of all starts, the loss after least squares, the report of the
    features, and the curvature.
    """

    values: dict[str, float]
    losses: np.ndarray
    last: float
    report: bs.train.Report
    curvature: bs.train.Curvature

    def errors(self) -> dict[str, float]:
        """Of each number, as a part of it."""
        return {name: value / TRUE[name] - 1 for name, value in self.values.items()}


def fit(
    starts: int = 8, updates: int = 60, best: int = 1, steps: int = 40, seed: int = 0, progress: bool | None = None
) -> Fit:
    """Find the conductances.

    Parameters
    ----------
    starts : int
        Drawn between the bounds.
    updates : int
        Of Adam, for each.
    best : int
        Of the starts, from which Levenberg-Marquardt goes on.
    steps : int
        Of it.
    seed : int
        Of the starts.
    progress : bool, optional
        Show how far it is.

    Returns
    -------
    Fit
    """
    recorded = jax.jit(protocols(network(TRUE)).responses)()
    net = network({name: float(np.sqrt(low * high)) for name, (low, high) in BOUNDS.items()})
    looked_for = unknowns(net)
    experiment = protocols(net, recorded)
    loss = lambda free: experiment.loss(looked_for.parameters(free))
    optimizer = optax.chain(
        optax.clip_by_global_norm(5.0),  # a spike that appears makes the gradient jump
        optax.adam(optax.cosine_decay_schedule(0.15, updates, 0.1)),
    )
    drawn = looked_for.sample(jax.random.PRNGKey(seed), starts)
    found = bs.train.minimize(loss, drawn, updates, optimizer=optimizer, starts=starts, progress=progress)
    residuals = lambda free: experiment.residuals(looked_for.parameters(free))
    few = jax.tree.map(lambda x: x[found.order[:best]], found.values)
    better = bs.train.least_squares(residuals, few, steps=steps, tolerance=1e-10, starts=best)
    values = {name: float(value.to_decimal(G)) for name, value in looked_for.values(better.best).items()}
    report = experiment.report(looked_for.parameters(better.best), by_efel=False)
    curvature = bs.train.fisher(residuals, better.best, looked_for.labels)
    return Fit(values, found.losses, float(better.loss.min()), report, curvature)


def main(**options) -> Fit:
    """Fit, and print what was found."""
    result = fit(**options)
    least = np.minimum.accumulate(result.losses).min(1)
    print(f"{'':>10}  {'true':>8} {'fitted':>10} {'off (%)':>9}")
    for name, error in result.errors().items():
        print(f"{name:>10}  {TRUE[name]:8.4g} {result.values[name]:10.5g} {100 * error:9.3f}")
    at = np.unique(np.geomspace(1, len(least), 6).astype(int) - 1)
    print(
        "loss of the best start:",
        ", ".join(f"{k + 1}: {least[k]:.4g}" for k in at),
        f"; least squares {result.last:.3g}",
    )
    print(result.report)
    print(result.curvature)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--best", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
