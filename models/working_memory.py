"""Working memory of spiking neurons with slow adaptation, trained on delayed match to sample.

.. math::

    u_t &= e^{-1/100} u_{t-1} + x_t W_{in} + b_{in} + s_{t-1} |W| M + b_{rec} \\\\
    I_{1,t} &= A_1 \\text{ where } s_{t-1} \\text{, else } e^{-1/10} I_{1,t-1},\\qquad
    I_{2,t} = e^{-1/\\tau_{I2}} I_{2,t-1} - 0.6\\,s_{t-1} \\\\
    V_t &= e^{-1/20} V_{t-1} + (1 - e^{-1/20})(u_t + I_{1,t} + I_{2,t}),\\qquad s_t = H(V_t - 1),\\qquad V_t \\leftarrow V_t - s_t \\\\
    o_t &= e^{-1/10} o_{t-1} + s_t W_{out} + b_{out}

80 excitatory and 20 inhibitory generalised integrate-and-fire neurons; the signs M of their synapses obey Dale's law
and do not change in training. All quantities are without dimension, in steps of 1 ms. A sample direction is shown for
0.5 s and, after a delay of 1 s without spikes that would tell it, a test direction; the network is to say whether it is
the same. What it remembers lies in the currents I2, which every spike makes more negative and which recover with time
constants of 0.1 to 3 s.

    python -m models.working_memory          the whole training: 500 updates of 64 trials of 2.5 s
    brainsim run models/working_memory.py    one trial before it

References
----------
C. Wang, T. Zhang, S. He, H. Gu, S. Li, S. Wu, ICLR (2024), section 5.3; S. Mihalas, E. Niebur, Neural Comput. 21:704
(2009); G. Bellec et al., NeurIPS (2018).
"""

from __future__ import annotations

import time
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.progress import Bar

DT = 1.0 * u.ms
DURATION = 2500.0 * u.ms
RECORD = ["channels.spikes", "cells.spikes", "readout.o"]

CHANNELS, EXCITATORY, INHIBITORY = 100, 80, 20
DIRECTIONS = 8
RECENT = 20  # updates that tell how well the network answers now


# -- the network -----------------------------------------------------------------------------------------------------


class Leaky(bs.receptors.Receptor):
    r"""A sum that leaks, with a constant drive: :math:`g_t = e^{-dt/\tau} g_{t-1} + b + \text{what arrived}`; the
    membrane sees :math:`g_t`.
    """

    tau = bs.Parameter(100.0 * u.ms, "time constant", positive=True)
    b = bs.Parameter(0.0, "drive in every step", unit="g_unit")
    g = bs.State(0.0, "current", unit="g_unit")

    def advance(self, clock):
        g = self.plain("g") + self.plain("b")
        self.put("g", g * self.decay(clock, "tau"))
        return g


class GIF(bs.neurons.Neuron):
    """Generalised integrate-and-fire neuron in discrete time: currents that spikes leave, then V, then the spike, which
    subtracts 1.
    """

    input_unit = u.UNITLESS

    tau = bs.Parameter(20.0 * u.ms, "time constant of V", positive=True)
    tau_I1 = bs.Parameter(10.0 * u.ms, "time constant of the fast current", positive=True)
    tau_I2 = bs.Parameter(1000.0 * u.ms, "time constant of the slow current", positive=True)
    A1 = bs.Parameter(0.0, "fast current after a spike")
    A2 = bs.Parameter(-0.6, "what a spike adds to the slow current")
    V = bs.State(0.0, "membrane potential; fires above 1")
    I1 = bs.State(0.0, "fast current")
    I2 = bs.State(0.0, "slow current")
    excess = bs.State(0.0, "sum over the steps of how far V was above 1.4 or below -1, squared")

    def update(self, clock, drives):
        drive = sum(receptor.current(g, None) for receptor, g in drives) + self.stimulation(clock)
        spikes = self.plain("spikes")
        I1 = jnp.where(spikes > 0, self.plain("A1"), self.plain("I1") * self.decay(clock, "tau_I1"))
        I2 = self.plain("I2") * self.decay(clock, "tau_I2") + self.plain("A2") * spikes
        decay = self.decay(clock, "tau")
        V = self.plain("V") * decay + (drive + I1 + I2) * (1 - decay)
        self.put("excess", self.plain("excess") + jax.nn.relu(V - 1.4) ** 2 + jax.nn.relu(-1.0 - V) ** 2)
        spikes = self.surrogate(V - 1.0)
        for name, value in (("I1", I1), ("I2", I2), ("V", V - spikes), ("spikes", spikes)):
            self.put(name, value)

    def decay(self, clock, tau):
        """Factor of a variable in a step."""
        return jnp.exp(-clock.step_ms / self.plain(tau))


class Readout(bs.masses.Mass):
    """Units that are the sum of their inputs."""

    inputs = {"I": "o"}

    o = bs.State(0.0, "output")

    def update(self, clock, drives):
        self.put("o", sum(receptor.current(g, None) for receptor, g in drives))


def signs() -> np.ndarray:
    """M, (100, 100): +1 in the rows of excitatory neurons, -1 in those of inhibitory ones, 0 on the diagonal."""
    rows = np.where(np.arange(EXCITATORY + INHIBITORY) < EXCITATORY, 1.0, -1.0)
    return rows[:, None] * (1.0 - np.eye(len(rows)))


def build(seed: int = 0) -> bs.Network:
    """The untrained network, for one trial: ``inputs={"channels.input": array (steps, 100)}``.

    Parameters
    ----------
    seed : int
        Seed of the initial weights and of the time constants.

    Returns
    -------
    Network
        With populations ``channels`` (100), ``cells`` (80 excitatory, then 20 inhibitory) and ``readout`` (no match,
        match).
    """
    net, rng, n = bs.Network(seed=seed), np.random.default_rng(seed), EXCITATORY + INHIBITORY
    net.channels = bs.sources.SpikeInput(CHANNELS)
    excitatory = np.arange(n) < EXCITATORY
    net.cells = GIF(
        n,
        A1=np.where(excitatory, 0.0, 1.0),
        tau_I2=rng.uniform(100, 3000, n) * u.ms,
        surrogate=bs.surrogate.Triangular(width=1.0, height=0.3),
    )
    net.cells.add_receptors(**{layer: Leaky(tau=100.0 * u.ms, b=np.zeros(n)) for layer in ("input", "recurrent")})
    net.readout = Readout(2)
    net.readout.add_receptors(input=Leaky(tau=10.0 * u.ms, b=np.zeros(2)))
    recurrent = np.abs(rng.normal(0, np.sqrt(0.4 / n), (n, n))) * signs()
    recurrent[:EXCITATORY] /= 4
    everyone = dict(rule=bs.AllToAll())
    net.connect(
        net.channels,
        net.cells,
        receptor="input",
        weight=rng.normal(0, np.sqrt(0.4 / CHANNELS), (CHANNELS, n)),
        **everyone,
    )
    net.connect(net.cells, net.cells, receptor="recurrent", weight=recurrent, **everyone)
    net.connect(net.cells, net.readout, receptor="input", weight=rng.normal(0, np.sqrt(0.4 / n), (n, 2)), **everyone)
    return net


# -- the task --------------------------------------------------------------------------------------------------------


class Task(NamedTuple):
    """Delayed match to sample: lengths of its periods, in steps of 1 ms, and rates of the input in Hz."""

    fixation: int = 500
    sample: int = 500
    delay: int = 1000
    test: int = 500
    background: float = 1.0
    peak: float = 40.0
    sharpness: float = 2.0

    @property
    def steps(self) -> int:
        return self.fixation + self.sample + self.delay + self.test

    @property
    def duration(self):
        return self.steps * DT

    def rates(self, sample, test):
        """Rates of the channels in every step, in Hz, (steps, 100), for two directions from 0 to 7."""
        preferred = 2 * jnp.pi * jnp.arange(CHANNELS) / CHANNELS

        def tuned(direction):
            return self.peak * jnp.exp(self.sharpness * (jnp.cos(2 * jnp.pi * direction / DIRECTIONS - preferred) - 1))

        step, sampled = jnp.arange(self.steps)[:, None], self.fixation + self.sample
        shown = jnp.where((step >= self.fixation) & (step < sampled), tuned(sample), 0.0)
        return self.background + shown + jnp.where(step >= sampled + self.delay, tuned(test), 0.0)

    def trial(self, key):
        """One random trial: spikes of the channels, (steps, 100), and whether the two directions match, 0 or 1."""
        for_match, for_sample, for_other, for_spikes = jax.random.split(key, 4)
        match = jax.random.bernoulli(for_match).astype(jnp.int32)
        sample = jax.random.randint(for_sample, (), 0, DIRECTIONS)
        other = (sample + jax.random.randint(for_other, (), 1, DIRECTIONS)) % DIRECTIONS
        rates = self.rates(sample, jnp.where(match == 1, sample, other))
        spikes = jax.random.uniform(for_spikes, rates.shape) < 1e-3 * rates
        return spikes.astype(rates.dtype), match


def inputs(seed: int = 0) -> dict:
    """One random trial, for ``simulate(net, Task().duration, dt=DT, inputs=inputs())``."""
    return {"channels.input": jax.jit(Task().trial)(jax.random.PRNGKey(seed))[0]}


# -- training --------------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """Of trials: loss, fraction of right answers, mean rate of the cells in Hz."""

    loss: jax.Array
    accuracy: jax.Array
    rate: jax.Array


def objective(net: bs.Network, task: Task = Task(), checkpoint_every: int | None = None):
    """``evaluate(weights, key, n)``: a pure function that runs n random trials.

    The loss is the cross entropy of the output at every step of the test period, and the square of the mean ``excess``,
    which keeps V from -1 to 1.4. The answer is the larger mean output in the test period.

    Returns
    -------
    evaluate : function
        Gives the loss, to be differentiated by the weights, and an :class:`Outcome`.
    weights : dict
        The trainable numbers of the network now.
    """
    run = bs.function(
        net, task.duration, dt=DT, record=["cells.spikes", "readout.o"], checkpoint_every=checkpoint_every
    )
    trained = [path for path in run.parameters if path.endswith((".weight", ".b"))]
    law = jnp.asarray(signs(), run.parameters["cells->cells.weight"].dtype)

    def one(weights, key):
        spikes, label = task.trial(key)
        lawful = weights | {"cells->cells.weight": jnp.abs(weights["cells->cells.weight"]) * law}
        state, recorded = run(lawful, {}, inputs={"channels.input": spikes})
        outputs = recorded["readout.o"][-task.test :]
        loss = optax.softmax_cross_entropy(outputs, jax.nn.one_hot(label, 2)[None, :]).mean()
        right = outputs.mean(0).argmax() == label
        return loss, state["cells.excess"].mean() / task.steps, right, recorded["cells.spikes"].mean() * 1000

    def evaluate(weights, key, n):
        losses, excess, right, rates = jax.vmap(one, in_axes=(None, 0))(weights, jax.random.split(key, n))
        loss = losses.mean() + excess.mean() ** 2
        return loss, Outcome(loss, right.mean(), rates.mean())

    return evaluate, {path: run.parameters[path] for path in trained}


class Trained(NamedTuple):
    """How a training went: per update loss, accuracy in its trials and mean rate in Hz; how many updates the network
    has kept; the time.
    """

    losses: np.ndarray
    accuracies: np.ndarray
    rates: np.ndarray
    kept: int
    seconds: float

    def epochs(self, updates: int = 100) -> np.ndarray:
        """Mean accuracy in every ``updates`` updates."""
        return np.array([self.accuracies[k : k + updates].mean() for k in range(0, len(self.accuracies), updates)])


def train(
    net: bs.Network,
    task: Task = Task(),
    *,
    updates: int = 500,
    batch: int = 64,
    rate: float = 1e-3,
    clip: float = 0.5,
    seed: int = 0,
    checkpoint_every: int | None = 50,
    progress: bool = False,
) -> Trained:
    """Train the weights of ``net``, in place, by Adam with the norm of the gradient clipped; every update sees new
    trials.

    Gradients through 2,500 steps are sometimes wrong by orders of magnitude, and accuracy then falls for a while. So
    the network keeps the weights of the time when it answered best, by the mean over RECENT updates; their trials were
    new, as those of a test are.

    Parameters
    ----------
    net : Network
        From :func:`build`.
    task : Task
    updates, batch : int
        Number of updates, and trials in each.
    rate, clip : float
        Learning rate, and largest norm of the gradient: without a limit it explodes after some hundred updates.
    seed : int
        Seed of the trials.
    checkpoint_every : int, optional
        Steps between states that are kept for the way back.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Trained
    """
    evaluate, weights = objective(net, task, checkpoint_every)
    optimizer = optax.chain(optax.clip_by_global_norm(clip), optax.adam(rate))
    descent = bs.train.Descent(lambda weights, key: evaluate(weights, key, batch), optimizer, has_aux=True)
    update, place = jax.jit(descent), descent.first(weights)
    started, key, outcomes = time.perf_counter(), jax.random.PRNGKey(seed), []
    best, kept, answered = weights, 0, 0.0
    with Bar("training", updates, progress) as bar:
        for k in range(updates):
            place, _, outcome = update(place, jax.random.fold_in(key, k))
            outcomes.append([float(value) for value in outcome])
            recent = np.mean(outcomes[-RECENT:], axis=0)
            if k + 1 >= RECENT and recent[1] >= answered:
                best, kept, answered = place.values, k + 1, recent[1]
            bar.tell(text=f"loss {recent[0]:.3f}, accuracy {100 * recent[1]:.1f} %, {recent[2]:.1f} Hz")
    store(net, best if kept else place.values)
    return Trained(*np.array(outcomes).T, kept or updates, time.perf_counter() - started)


def store(net: bs.Network, weights: dict) -> None:
    """Put trained numbers into the network."""
    for path, array in weights.items():
        owner, _, name = path.rpartition(".")
        setattr(net[owner], name, np.abs(array) * signs() if path == "cells->cells.weight" else array)


def accuracy(net: bs.Network, task: Task = Task(), *, trials: int = 512, batch: int = 64, seed: int = 1) -> float:
    """Fraction of right answers in new trials."""
    evaluate, weights = objective(net, task)
    run = jax.jit(lambda key: evaluate(weights, key, batch)[1].accuracy)
    return float(
        np.mean([run(jax.random.fold_in(jax.random.PRNGKey(seed), k)) for k in range(1000, 1000 + trials // batch)])
    )


def experiment(
    net: bs.Network | None = None, task: Task = Task(), *, seed: int = 0, **options
) -> tuple[bs.Network, Trained]:
    """Train ``net`` (or ``build(seed)``); returns the network and how the training went."""
    net = build(seed) if net is None else net
    return net, train(net, task, seed=seed, **options)


def main() -> None:
    """The whole training; prints the accuracy of every 100 updates, and that in 1,024 new trials."""
    net, trained = experiment(progress=True)
    for k, value in enumerate(trained.epochs()):
        print(
            f"updates {100 * k + 1} to {100 * k + 100}: accuracy {100 * value:.1f} %,"
            f" {trained.rates[100 * k : 100 * k + 100].mean():.1f} Hz"
        )
    best = trained.accuracies[trained.kept - RECENT : trained.kept].mean()
    print(
        f"best mean of {RECENT} updates {100 * best:.1f} %, those until {trained.kept}; with the weights of then, "
        f"{100 * accuracy(net, trials=1024):.1f} % of 1,024 new trials; {trained.seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
