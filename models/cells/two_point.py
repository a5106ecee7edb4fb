r"""Two-point pyramidal cells: what reaches the apical tuft modulates the response to what reaches the basal dendrites, and does not drive.

.. math::

    A_1(r, c) = \frac{r}{2}\left(1 + e^{r c}\right),\qquad A_2(r, c) = r + r c,\qquad A_3(r, c) = r\,(1 + \tanh r c),\qquad
    A_4(r, c) = r\,2^{r c}

are the modulatory transfer functions of J. W. Kay and W. A. Phillips: without receptive field input r nothing happens, whatever the
context c; with it the same context amplifies. The cells here modulate by their biophysics: fast sodium and potassium in the soma
and the trunk, which carries spikes back, and NMDA receptors and calcium channels in the tuft, which open where the spike that comes
back and apical input meet (M. E. Larkum). `transfer` measures the rate as a function of both inputs, and `fitted` how far it is
from each form; `streams` lets two streams of such cells be context of each other: each sees what both have in common and something
that the other does not see, equally strong. What is coherent is amplified, as in the networks of A. Adeel et al.

    python -m models.cells.two_point

References
----------
J. W. Kay, W. A. Phillips, Symmetry 12:815 (2020); M. E. Larkum, J. J. Zhu, B. Sakmann, Nature 398:338 (1999); M. E. Larkum,
W. Senn, H.-R. Luscher, Cereb. Cortex 14:1059 (2004); A. Adeel, M. Franco, M. Raza, K. Ahmed, arXiv 2207.07338 (2022).
"""

from __future__ import annotations

import argparse

import brainunit as u
import numpy as np
from scipy.optimize import least_squares

import brainsim as bs
from brainsim import cells, channels

DT = 0.05 * u.ms
AFFERENTS = 20  # of each point of a cell
BASAL, APICAL = 1.0 * u.nS, 0.4 * u.nS  # their weights
CONTEXT = 0.2 * u.nS  # of cells of the other stream
CATEGORIES, EACH = 4, 5  # of a stream: categories, and cells of each
FORMS = {
    "r": lambda r, c: r,
    "r + c": lambda r, c: r + c,
    "r/2 (1 + exp(rc))": lambda r, c: r / 2 * (1 + np.exp(r * c)),
    "r + rc": lambda r, c: r + r * c,
    "r (1 + tanh(rc))": lambda r, c: r * (1 + np.tanh(r * c)),
    "r 2^(rc)": lambda r, c: r * 2 ** (r * c),
}


def shape() -> cells.Compartments:
    """A soma, a basal dendrite, the apical trunk, and two branches of the tuft."""
    builder = cells.Builder()
    soma = builder.add(20 * u.um, 20 * u.um, type="soma")
    builder.add(150 * u.um, 2 * u.um, type="dend", parent=soma, at=0.0)
    trunk = builder.add(300 * u.um, 3 * u.um, type="apic", parent=soma, name="trunk")
    for _ in range(2):
        builder.add(120 * u.um, 2 * u.um, type="apic", parent=trunk, labels=["tuft"])
    return cells.discretise(builder.build(), [1, 2, 3, 2, 2])


def population(count: int) -> cells.MultiCompartment:
    """Such cells, with receptors at both points and inhibition of the soma."""
    density = u.mS / u.cm2
    made = cells.MultiCompartment(
        count,
        shape(),
        R_a=120 * u.ohm * u.cm,
        g_L=cells.by_region({"soma": 0.05 * density}, default=0.08 * density),
        E_L=-75 * u.mV,
        V=-75 * u.mV,
        channels=dict(
            na=channels.Na_TraubMiles(
                g_max=cells.by_region({"soma": 80 * density, "trunk": 25 * density}), V_T=-58 * u.mV
            ).on("soma", "trunk"),
            k=channels.K_TraubMiles(
                g_max=cells.by_region({"soma": 20 * density, "trunk": 6 * density}), V_T=-58 * u.mV
            ).on("soma", "trunk"),
            m=channels.KM_Yamada1989(g_max=3 * density).on("soma"),
            hva=channels.CaHT_Reuveni1993(g_max=0.5 * density, E=120 * u.mV).on("tuft"),
        ),
    )
    made.add_receptors(
        basal=bs.receptors.AMPA().on("dend"),
        apical=bs.receptors.NMDA(tau_decay=40 * u.ms).on("tuft"),
        inhibition=bs.receptors.GABA_A(),
    )
    return made


def drive(net: bs.Network, name: str, rates: np.ndarray, region: str, receptor: str, weight) -> None:
    """Poisson afferents of each cell, at its rate in Hz, onto a region of it."""
    count = len(rates)
    source = bs.sources.PoissonGroup(count * AFFERENTS, rate=np.repeat(rates, AFFERENTS) * u.Hz)
    setattr(net, name, source)
    places = net.cells.sites_of(region).reshape(-1, count)
    cell, k = np.divmod(np.arange(count * AFFERENTS), AFFERENTS)
    view = net.cells.at(region)
    number = np.searchsorted(view.ids, places[k % len(places), cell])
    net.connect(
        source, view, bs.FromArrays(np.arange(len(cell)), number), receptor=receptor, weight=weight, name=f"{name}_in"
    )


def transfer(receptive, context, *, duration: float = 1000.0, copies: int = 4, seed: int = 0) -> np.ndarray:
    """Rates of the cell in Hz, (receptive, context), for rates of its basal and apical afferents in Hz."""
    r, c, _ = np.meshgrid(receptive, context, np.arange(copies), indexing="ij")
    net = bs.Network(seed=seed)
    net.cells = population(r.size)
    drive(net, "receptive", r.ravel(), "dend", "basal", BASAL)
    drive(net, "context", c.ravel(), "tuft", "apical", APICAL)
    spikes = bs.simulate(net, duration * u.ms, dt=DT, record=["cells.spikes"], progress=False)["cells.spikes"]
    counts = np.bincount(spikes.indices, minlength=r.size).reshape(r.shape)
    return counts.mean(-1) / duration * 1e3


def fitted(receptive, context, rates) -> dict[str, float]:
    """How far the rates are from each form, as RMS in Hz: of r above a threshold, c and the rate with a scale each."""
    rho, c = np.meshgrid(receptive, context, indexing="ij")

    def away(values, form):
        threshold, of_r, of_c, scale = values
        over = (
            (lambda x: x) if form == "r + c" else (lambda x: np.maximum(x, 0))
        )  # what is added may reach the threshold
        return (scale * np.maximum(FORMS[form](over(rho - threshold) * of_r, c * of_c), 0) - rates).ravel()

    starts = [(t, 0.03, k, 10.0) for t in (5.0, 20.0, 35.0) for k in (0.02, 0.1)]
    bounds = ([0.0, 1e-3, 0.0, 0.0], [60.0, 0.1, 0.2, 1e4])
    fits = {
        form: min(least_squares(away, start, bounds=bounds, args=(form,)).cost for start in starts) for form in FORMS
    }
    return {form: float(np.sqrt(2 * cost / rates.size)) for form, cost in fits.items()}


def streams(trials: int = 24, *, together: bool = True, duration: float = 400.0, seed: int = 0) -> dict[str, float]:
    """Two streams that see one category in common and another one each; rates in Hz, and how often the most active is the common one.

    Cells of a category reach the tufts of those of the same category in the other stream, or, where not `together`, no one does.
    Cells of a stream share an inhibitory neuron.
    """
    rng = np.random.default_rng(seed)
    seen = np.array([rng.permutation(CATEGORIES)[:3] for _ in range(trials)])  # the common one, and one of each stream
    at = np.arange(trials * 2 * CATEGORIES * EACH).reshape(trials, 2, CATEGORIES, EACH)
    rates = np.full(at.shape, 5.0)
    for trial, (common, *own) in enumerate(seen):
        for stream in range(2):
            rates[trial, stream, [common, own[stream]]] = 70.0
    net = bs.Network(seed=seed)
    net.cells = population(at.size)
    drive(net, "receptive", rates.ravel(), "dend", "basal", BASAL)
    net.inhibitory = bs.neurons.LIF(2 * trials, tau=10 * u.ms, R=100 * u.Mohm)
    net.inhibitory.add_receptors(excitation=bs.receptors.AMPA())
    group = at.reshape(trials * 2, -1)
    net.connect(
        net.cells,
        net.inhibitory,
        bs.FromArrays(group.ravel(), np.repeat(np.arange(len(group)), group.shape[1])),
        receptor="excitation",
        weight=4 * u.nS,
        delay=1 * u.ms,
    )
    net.connect(
        net.inhibitory,
        net.cells,
        bs.FromArrays(np.repeat(np.arange(len(group)), group.shape[1]), group.ravel()),
        receptor="inhibition",
        weight=4 * u.nS,
        delay=1 * u.ms,
    )
    if together:
        view = net.cells.at("tuft")
        places = np.searchsorted(view.ids, net.cells.sites_of("tuft").reshape(-1, at.size))
        other = at[:, ::-1]
        pre = np.repeat(at[..., None], EACH, -1).ravel()
        post = np.repeat(other[..., None, :], EACH, -2).ravel()
        net.connect(
            net.cells,
            view,
            bs.FromArrays(np.tile(pre, len(places)), places[:, post].ravel()),
            receptor="apical",
            weight=CONTEXT,
            delay=2 * u.ms,
        )
    spikes = bs.simulate(net, duration * u.ms, dt=DT, record=["cells.spikes"], progress=False)["cells.spikes"]
    counts = np.bincount(spikes.indices, minlength=at.size).reshape(at.shape)
    by_category = counts.sum(-1)
    row = np.arange(trials)
    rate = lambda which, stream: by_category[row, stream, which].mean() / EACH / duration * 1e3
    votes = by_category + 1e-6 * rng.random(by_category.shape)
    return {
        "common, Hz": float(np.mean([rate(seen[:, 0], stream) for stream in range(2)])),
        "of one stream, Hz": float(np.mean([rate(seen[:, 1 + stream], stream) for stream in range(2)])),
        "right, of one stream": float(np.mean(votes.argmax(-1) == seen[:, :1])),
        "right, of both": float(np.mean(votes.sum(1).argmax(-1) == seen[:, 0])),
        "spikes of a cell": float(counts.mean()),
    }


def spikes_for_accuracy(context, without, trials: int = 24) -> dict[str, list[tuple[float, float, float]]]:
    """How many spikes of a cell go with how many right decisions, for trials of so many ms: (ms, spikes, right of both) each."""
    found = {}
    for name, together, durations in (("context", True, context), ("no context", False, without)):
        runs = [(d, streams(trials, together=together, duration=float(d), seed=1)) for d in durations]
        found[name] = [(d, run["spikes of a cell"], run["right, of both"]) for d, run in runs]
    return found


def main() -> None:
    receptive, context = np.linspace(0, 60, 7), np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    rates = transfer(receptive, context)
    print("rates in Hz; rows: basal afferents at", receptive, "Hz; columns: apical afferents at", context, "Hz")
    print(rates.round(1))
    print(
        "RMS of the best fit of each form, Hz:",
        {form: round(rms, 2) for form, rms in fitted(receptive, context, rates).items()},
    )
    for together in (False, True):
        print(
            "context" if together else "no context",
            {name: round(value, 3) for name, value in streams(together=together).items()},
        )
    print("ms, spikes of a cell, right of both:", spikes_for_accuracy((40, 60, 100, 150), (40, 60, 100, 150, 400)))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    main()
