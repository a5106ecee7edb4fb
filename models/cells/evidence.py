r"""Evidence integrated by cells with dendrites: a recurrent network of 20, trained by gradient through its channels.

.. math::

    I_i(t) = w_i\,x(t),\qquad g_{ij} = \bar g_{ij}\,s_j,\qquad \dot s_j = \frac{s_\infty(V_j) - s_j}{\tau_s(V_j)},\qquad
    L = -\log \frac{e^{\bar V_{right}}}{e^{\bar V_1} + e^{\bar V_2}}

A current x that fluctuates about a mean just above or below zero enters the basal dendrites of all cells for 500 ms. Two
leaky readouts get synapses from all of them, and have to tell the sign of its sum: the one that is right is to be more
depolarised, on average over the 20 ms that follow (:math:`\bar V`, in mV).

Each cell is an apical dendrite, a soma and a basal dendrite with ten channels between them, of the densities of a layer 5
pyramidal cell; ten excite and ten inhibit, from somata to apical dendrites. What is learned are the conductances of all
synapses and the weights of the input.

    python -m models.cells.evidence [--updates 100] [--seed 0] [--long]

Steps are 0.1 ms here and 0.025 ms in the paper, and an update has more trials.

References
----------
M. Deistler, K. L. Kadhim, M. Pals, J. Beck, Z. Huang, M. Gloeckler, J. K. Lappalainen, C. Schroeder, P. Berens, P. J. Goncalves, J. H.
Macke, Nature Methods (2025), figure 5; L. F. Abbott, E. Marder, in: Methods in Neuronal Modeling, 2nd ed., MIT Press (1998), on the
synapses; H. Markram et al., Cell 163:456 (2015), on the densities.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.signal import butter, sosfilt

import brainsim as bs
from brainsim import cells, channels
from models.progress import track

DT = 0.1 * u.ms
DURATION, RESPONSE = 500.0, 20.0  # ms: of the stimulus, and of the answer, in which it goes on
MEAN, MEAN_STD, NOISE, CUTOFF = 0.005, 0.0002, 0.05, 80.0  # of a sample of 0.025 ms; Hz
SAMPLE = 0.025  # ms
CELLS, INHIBITORY, CONNECTED = 20, 10, 0.2
GAIN = 5.0  # of the recurrent conductances, in mS/cm2 of a compartment
MS = u.mS / u.cm2
APICAL = dict(na=26.145, kv3=4.226, km=0.143)
SOMA = dict(na=983.955, kv3=303.472, sk=8.407, ca_hva=0.994, ca_lva=0.333)
H = 0.08
REVERSALS = {"exc": 0.0, "inh": -75.0}
SYNAPSES = ("exc", "inh", "exc_out", "inh_out")
INPUT = 400.0  # pA: standard deviation of the weights of the input at the beginning


class Trials(NamedTuple):
    """Stimuli (trials, samples), and which of the readouts is right (0: the sum is above zero)."""

    stimulus: np.ndarray
    right: np.ndarray


def trials(number: int, rng: np.random.Generator, *, mean=MEAN, duration=DURATION, dt=DT) -> Trials:
    """Currents that fluctuate about ``mean`` or its negative: white noise behind a low-pass filter.

    Parameters
    ----------
    number : int
    rng : numpy.random.Generator
    mean : float
        Distance of the mean from zero.
    duration : float
        Of the stimulus in ms, before the answer.
    dt : quantity, time
        Of the samples that are kept; the noise is made for steps of 0.025 ms, as published.
    """
    every = round(float(dt.to_decimal(u.ms)) / SAMPLE)
    samples = round((duration + RESPONSE) / SAMPLE)
    means = rng.choice([-mean, mean], (number, 1)) + MEAN_STD * rng.normal(size=(number, 1))
    low = butter(6, CUTOFF, fs=1e3 / SAMPLE, output="sos")
    x = sosfilt(low, means + NOISE * rng.normal(size=(number, samples)), axis=-1)
    total = x[:, : round(duration / SAMPLE)].sum(-1)
    return Trials(x.reshape(number, -1, every).mean(-1), np.where(total > 0, 0, 1))


def shape() -> cells.Compartments:
    """A soma between an apical and a basal dendrite, of one compartment each."""
    builder, side = cells.Builder(), dict(length=10 * u.um, diameter=2 * u.um)
    soma = builder.add(side["length"], side["diameter"], type="soma")
    builder.add(side["length"], side["diameter"], type="apic", parent=soma)
    builder.add(side["length"], side["diameter"], type="dend", parent=soma, at=0.0)
    return cells.discretise(builder.build(), 1)


def build(seed: int = 0, *, size: int = CELLS, inhibitory: int = INHIBITORY) -> bs.Network:
    """The untrained network.

    Parameters
    ----------
    seed : int
        Of connections, conductances and weights of the input.
    size, inhibitory : int
        Number of cells, and of those among them that inhibit.

    Returns
    -------
    Network
        With populations ``cells`` and ``readout`` (two), and projections ``exc``, ``inh``, ``exc_out`` and ``inh_out``.
    """
    rng = np.random.default_rng(seed)
    net = bs.Network(seed=seed)
    both = lambda name: cells.by_region({"soma": SOMA[name] * MS, "apic": APICAL[name] * MS})
    net.cells = cells.MultiCompartment(
        size,
        shape(),
        R_a=100 * u.ohm * u.cm,
        C=cells.by_region({"apic": 2 * u.uF / u.cm2}, default=1 * u.uF / u.cm2),
        g_L=0.03 * MS,
        E_L=-75 * u.mV,
        V=-65 * u.mV,
        V_th=-10 * u.mV,
        channels=dict(
            na=channels.NaTs_Hay2011(g_max=both("na"), E=50 * u.mV).on("soma", "apic"),
            kv3=channels.Kv3_Hay2011(g_max=both("kv3"), E=-85 * u.mV).on("soma", "apic"),
            km=channels.KM_Hay2011(g_max=APICAL["km"] * MS, E=-85 * u.mV).on("apic"),
            sk=channels.SK_Hay2011(g_max=SOMA["sk"] * MS, E=-85 * u.mV).on("soma"),
            ca_hva=channels.CaHT_Reuveni1993(g_max=SOMA["ca_hva"] * MS, E=None).on("soma"),
            ca_lva=channels.CaLVA_Hay2011(g_max=SOMA["ca_lva"] * MS, E=None).on("soma"),
            h=channels.Ih_Hay2011(g_max=cells.by_region({"apic": 1.2 * H * MS, "dend": H * MS})).on("apic", "dend"),
        ),
        pools=dict(
            Ca=channels.Calcium_Hay2011(gamma=0.000609, tau=210.485 * u.ms, concentration=5e-5 * u.mM).on("soma")
        ),
    )
    net.readout = cells.MultiCompartment(
        2, cells.discretise(cells.cylinder(10 * u.um, 2 * u.um, type="soma"), 1), g_L=30 * MS, E_L=-70 * u.mV, V=-65 * u.mV
    )  # fmt: skip
    graded = lambda name: bs.receptors.Graded(reversal=REVERSALS[name] * u.mV)
    net.cells.add_receptors(**{name: graded(name).on("apic") for name in REVERSALS})
    net.readout.add_receptors(**{name: graded(name) for name in REVERSALS})
    net.cells.add_stimuli(evidence=bs.stimuli.Constant(np.zeros(size) * u.pA).on("dend"))
    _connect(net, rng, inhibitory)
    return net


def _connect(net: bs.Network, rng: np.random.Generator, inhibitory: int) -> None:
    """Synapses of random conductance, such that excitation and inhibition are balanced."""
    size = net.cells.count
    joined = rng.random((size, size)) < CONNECTED
    part, inputs = inhibitory / size, joined.sum() / size
    ratio = (1 - part) / part
    scale = GAIN * float((net.cells.area[0] * MS).to_decimal(u.nS))
    scale *= np.sqrt(1 / (1 - 2 * inputs / size / np.pi) / ratio) / np.sqrt(inputs)
    for name in REVERSALS:
        of = np.arange(size) < inhibitory if name == "inh" else np.arange(size) >= inhibitory
        mean = scale * (ratio if name == "inh" else 1.0) * u.nS
        pre, post = np.nonzero(joined & of[:, None])
        net.connect(
            net.cells.at("soma"), net.cells.at("apic"), bs.FromArrays(pre, post), receptor=name, name=name,
            weight=np.abs(rng.normal(size=len(pre))) * mean, terminal=bs.terminals.ReleaseByPotential(a_d=1 / u.ms, s=0.2),
        )  # fmt: skip
        pre = np.flatnonzero(of)
        net.connect(
            net.cells.at("soma"), net.readout, bs.FromArrays(np.repeat(pre, 2), np.tile([0, 1], len(pre))),
            receptor=name, weight=np.abs(rng.normal(size=2 * len(pre))) * mean, name=f"{name}_out",
            terminal=bs.terminals.ReleaseByPotential(a_d=0.025 / u.ms, s=0.2),
        )  # fmt: skip


def answer(net: bs.Network, *, duration: float = DURATION, dt=DT):
    """A function from learned numbers and stimuli (trials, samples) to mean V of both readouts at the end, (trials, 2).

    What is learned is a dictionary: weights of the input, ``"input"``, in pA, and conductances by projection, in nS.
    """
    run = bs.function(
        net, (duration + RESPONSE) * u.ms, dt=dt, record=["readout.V"], checkpoint_every=round(np.sqrt(5200))
    )
    last = round(RESPONSE / run.step_ms)

    def one(learned, x):
        given = {f"{name}.weight": learned[name] for name in SYNAPSES}
        current = x[:, None] * learned["input"][None]
        V = run(given, {}, inputs={"cells.evidence.amplitude": current})[1]["readout.V"]
        return V[-last:].mean(0)

    return jax.vmap(one, in_axes=(None, 0))


class Bounds(NamedTuple):
    """Between which numbers stay: conductances within three times the largest at the beginning, the input within +-most."""

    most: float
    inputs: float

    def learned(self, free: dict) -> dict:
        """From numbers without bounds."""
        found = {name: self.most * jax.nn.sigmoid(free[name]) for name in SYNAPSES}
        return found | {"input": self.inputs * jnp.tanh(free["input"])}

    def free(self, learned: dict) -> dict:
        """And back."""
        part = {name: learned[name] / self.most for name in SYNAPSES}
        found = {name: jnp.log(x / (1 - x)) for name, x in part.items()}
        return found | {"input": jnp.arctanh(learned["input"] / self.inputs)}


class Trained(NamedTuple):
    """What was learned, the loss of each update, and of how many fresh trials the answer is right."""

    learned: dict
    losses: np.ndarray
    before: float
    accuracy: float


def accuracy(net: bs.Network, learned: dict, number: int, rng, *, at_once: int = 100, **options) -> float:
    """The part of fresh trials that are answered rightly; options as in :func:`trials`."""
    told = jax.jit(answer(net, **{k: v for k, v in options.items() if k == "duration"}))
    right = 0
    for _ in range(-(-number // at_once)):
        given = trials(at_once, rng, **options)
        right += int((np.asarray(told(learned, jnp.asarray(given.stimulus))).argmax(-1) == given.right).sum())
    return right / (-(-number // at_once) * at_once)


def train(seed: int = 0, *, updates: int = 100, batch: int = 16, rate: float = 0.05, tests: int = 1000) -> Trained:
    """Train a network, and test it on fresh trials.

    Parameters
    ----------
    seed : int
        Of the network and of the trials.
    updates, batch : int
        Updates of Adam, and trials of each.
    rate : float
        Of learning. Gradients are divided by their norm to the power of 0.8 in each update, as published; here those of each
        projection by their own, since those of recurrent synapses may be a hundred thousand times as large as others.
    tests : int
        Fresh trials, before and after.
    """
    net, rng = build(seed), np.random.default_rng(1000 + seed)
    told = answer(net)
    learned = {name: net[name].weight.mantissa for name in SYNAPSES}
    learned["input"] = INPUT * rng.normal(size=net.cells.count)
    bounds = Bounds(3 * float(max(learned[name].max() for name in SYNAPSES)), 10 * INPUT)
    before = accuracy(net, learned, min(tests, 200), rng)

    def loss(free, x, right):
        return optax.softmax_cross_entropy_with_integer_labels(told(bounds.learned(free), x), right).mean()

    optimizer = optax.adam(optax.cosine_decay_schedule(rate, updates, 0.1))
    free = jax.tree.map(jnp.asarray, bounds.free(learned))
    state = optimizer.init(free)

    @jax.jit
    def update(free, state, x, right):
        value, slopes = jax.value_and_grad(loss)(free, x, right)
        changes, state = optimizer.update(jax.tree.map(lambda g: g / jnp.linalg.norm(g) ** 0.8, slopes), state)
        return optax.apply_updates(free, changes), state, value

    losses = []
    for k in track(range(updates), "update"):
        given = trials(batch, rng)
        free, state, value = update(free, state, jnp.asarray(given.stimulus), jnp.asarray(given.right))
        losses.append(float(value))
        if k % 10 == 9:
            print(f"{k + 1} updates: loss {np.mean(losses[-10:]):.3f}", flush=True)
    learned = bounds.learned(free)
    return Trained(learned, np.array(losses), before, accuracy(net, learned, tests, rng))


def main(seed: int = 0, updates: int = 100, long: bool = False) -> Trained:
    """Train, and tell how often the answer is right; with ``long`` also of stimuli of 3 s."""
    made = train(seed, updates=updates)
    print(f"right before {100 * made.before:.1f} %, after {100 * made.accuracy:.1f} %")
    if long:
        net, rng = build(seed), np.random.default_rng(2000 + seed)
        print(f"3 s: right {100 * accuracy(net, made.learned, 200, rng, duration=3000.0):.1f} %")
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--long", action="store_true", help="stimuli of 3 s too")
    main(**vars(parser.parse_args()))
