"""Sharp waves, ripples, replay and gamma in CA3: 8,000 pyramidal and 150 basket cells, wired by what place cells have
learned.

Pyramidal cells (``PC``) and parvalbumin-positive basket cells (``BC``) are adaptive exponential integrate-and-fire
neurons. Between pyramidal cells are the synapses that laps on a track have left
(:mod:`~models.ca3_memory.place_cells`), strong between cells with fields close to each other. A mossy fibre with
Poisson spikes drives each pyramidal cell. Now and then activity of a few cells with one place ignites: a sharp wave of
half a second runs along the track, forward or backward, eleven times faster than the rat did, and the loop between
pyramidal and basket cells makes it ripple. With the same weights on other synapses there is nothing of that; with
synapses weakened and cells depolarised as acetylcholine does, there is gamma.

    brainsim run models/ca3_memory/sharp_waves.py --duration 3s --plot waves.png
    brainsim run models/ca3_memory/sharp_waves.py --arg n=2000 --arg state=gamma --duration 2s
    python -m models.ca3_memory.sharp_waves

References
----------
A. Ecker, B. Bagi, E. Vertes, O. Steinbach-Nemeth, M. R. Karlocai, O. I. Papp, I. Miklos, N. Hajos, T. F. Freund, A. I.
Gulyas, S. Kali, eLife 11:e71850 (2022).
"""

from __future__ import annotations

from typing import NamedTuple

import brainunit as u

import brainsim as bs
from models.ca3_memory.place_cells import Learned, N, learn
from models.ca3_memory.replay import GAMMA, RIPPLE, Summary, summary
from models.progress import track

DT = 0.1 * u.ms
DURATION = 10.0 * u.second
RECORD = ["PC.spikes", "BC.spikes"]
N_BASKET = 150


class Condition(NamedTuple):
    """What acetylcholine changes: the scale of learned weights, weights (nS; of mossy fibres None for what goes with
    the rule of learning), the mossy fibres' rate, and a current into pyramidal cells.
    """

    PC_PC: float
    BC_PC: float
    PC_BC: float
    BC_BC: float
    mossy: float | None
    rate: u.Quantity
    current: u.Quantity


STATES = {
    "ripple": Condition(1.0, 0.65, 0.85, 5.0, None, 15.0 * u.Hz, 0.0 * u.pA),
    "gamma": Condition(0.19, 0.24, 0.42, 1.12, 22.4, 17.4 * u.Hz, 40.0 * u.pA),
}
MOSSY_BY_RULE = {"symmetric": 19.15, "asymmetric": 21.5}  # nS


class Synapse(NamedTuple):
    """Times of rise and decay, and the delay, in ms.

    The published equations are :math:`\\dot x = -x/\\tau_d,\\ \\dot g = (x - g)/\\tau_r,\\ x \\leftarrow x + w/p` with
    p the peak of
    :math:`e^{-t/\\tau_d} - e^{-t/\\tau_r}`. They raise the conductance to :math:`w\\,\\tau_d/(\\tau_d - \\tau_r)`: a
    receptor's weight here.
    """

    rise: float
    decay: float
    delay: float = 0.0

    def receptor(self, reversal) -> bs.receptors.DualExponential:
        """The receptor of these synapses."""
        return bs.receptors.DualExponential(tau_rise=self.rise * u.ms, tau_decay=self.decay * u.ms, reversal=reversal)

    def peak(self, w):
        """What the conductance rises to for a published weight of ``w`` nS."""
        return w * (self.decay / (self.decay - self.rise)) * u.nS


PC_PC = Synapse(1.3, 9.5, 2.2)
MOSSY = Synapse(0.65, 5.4)
BC_PC = Synapse(0.3, 3.3, 1.1)
PC_BC = Synapse(1.0, 4.1, 0.9)
BC_BC = Synapse(0.25, 1.2, 0.6)
EXCITATORY, INHIBITORY = 0.0 * u.mV, -70.0 * u.mV


def pyramidal_cells(n: int) -> bs.neurons.AdEx:
    """Pyramidal cells, fitted to recordings: a high threshold, a reset above rest, strong adaptation."""
    return _adex(
        n, g_L=4.31475791937223, tau=41.7488927175169, E_L=-75.1884554193901, V_reset=-29.738747396665072, V_T=-24.4255910105977,
        refractory=5.96326930945599, Delta_T=4.2340696257631, a=-0.274347065652738, b=206.841448096415, tau_w=84.9358017225512,
    )  # fmt: skip


def basket_cells(n: int) -> bs.neurons.AdEx:
    """Fast-spiking basket cells, fitted to recordings."""
    return _adex(
        n, g_L=7.51454086502288, tau=15.773412296065, E_L=-74.74167987795019, V_reset=-64.99190523539687, V_T=-57.7092044103536,
        refractory=1.15622717832178, Delta_T=4.58413312063091, a=3.05640210724374, b=0.916098931234532, tau_w=178.581099914024,
    )  # fmt: skip


def _adex(n, *, g_L, tau, E_L, V_reset, V_T, refractory, Delta_T, a, b, tau_w):
    """Cells from conductances in nS, times in ms, potentials in mV and currents in pA; they begin at rest."""
    return bs.neurons.AdEx(
        n, C=g_L * tau * u.pF, g_L=g_L * u.nS, E_L=E_L * u.mV, V_T=V_T * u.mV, Delta_T=Delta_T * u.mV, V_peak=(V_T + 5 * Delta_T) * u.mV,
        V_reset=V_reset * u.mV, tau_w=tau_w * u.ms, a=a * u.nS, b=b * u.pA, refractory=refractory * u.ms, V=E_L * u.mV,
    )  # fmt: skip


def build(
    seed: int = 0,
    *,
    learned: Learned | None = None,
    n: int = N,
    rule: str = "symmetric",
    state: str = "ripple",
    shuffled: bool = False,
    cue: bool = False,
) -> bs.Network:
    """The network, with the weights of laps on the track.

    Parameters
    ----------
    seed : int
        Of laps, wiring and mossy fibres.
    learned : Learned, optional
        Result of :func:`~models.ca3_memory.place_cells.learn`; learned here if left out, which takes about a minute.
    n : int
        Pyramidal cells, if it is to be learned here; a quarter of them do much the same in a quarter of the time.
    rule : {"symmetric", "asymmetric"}
        Of learning.
    state : {"ripple", "gamma"}
        The latter with the effects of acetylcholine.
    shuffled : bool
        Put the learned weights on other synapses.
    cue : bool
        Drive cells with fields near the end of the track for the first 200 ms by 20 Hz more.

    Returns
    -------
    Network
        With populations ``PC`` and ``BC``.
    """
    for name, value, accepted in (("state", state, STATES), ("rule", rule, MOSSY_BY_RULE)):
        if value not in accepted:
            raise ValueError(f"{name}: accepted are {' and '.join(map(repr, accepted))}, given {value!r}.")
    present = STATES[state]
    learned = learn(rule, n=n, seed=seed) if learned is None else learned
    learned, n = learned.shuffled(seed) if shuffled else learned, learned.place.n
    net = bs.Network(seed=seed)
    net.PC, net.BC = pyramidal_cells(n), basket_cells(N_BASKET)
    net.PC.add_receptors(
        recurrent=PC_PC.receptor(EXCITATORY), mossy=MOSSY.receptor(EXCITATORY), inhibitory=BC_PC.receptor(INHIBITORY)
    )
    net.BC.add_receptors(excitatory=PC_BC.receptor(EXCITATORY), inhibitory=BC_BC.receptor(INHIBITORY))
    fibre = MOSSY.peak(present.mossy or MOSSY_BY_RULE[rule])
    net.PC.add_stimuli(
        fibre=bs.stimuli.PoissonInput("mossy", rate=present.rate, weight=fibre),
        acetylcholine=bs.stimuli.Constant(present.current),
    )
    if cue:
        cells = slice(n * 15 // 16, n * 15 // 16 + n // 80)
        net.PC[cells].add_stimuli(
            cue=bs.stimuli.PoissonInput("mossy", rate=20.0 * u.Hz, weight=fibre, stop=200.0 * u.ms)
        )

    def wire(pre, post, rule, receptor, synapse, w):
        net.connect(pre, post, rule, receptor=receptor, weight=synapse.peak(w), delay=synapse.delay * u.ms)

    wire(net.PC, net.PC, bs.FromArrays(learned.pre, learned.post), "recurrent", PC_PC, present.PC_PC * learned.weight)
    wire(net.BC, net.PC, bs.FixedProbability(0.25), "inhibitory", BC_PC, present.BC_PC)
    wire(net.PC, net.BC, bs.FixedProbability(learned.p), "excitatory", PC_BC, present.PC_BC)
    wire(net.BC, net.BC, bs.FixedProbability(0.25), "inhibitory", BC_BC, present.BC_BC)
    return net


def experiment(
    seed: int = 0,
    *,
    learned: Learned | None = None,
    rule: str = "symmetric",
    state: str = "ripple",
    duration=DURATION,
    **options,
) -> tuple[bs.Recording, Learned, Summary]:
    """Learn, unless ``learned`` is given, and run the network; returns the recording, what was learned, and what there
    is to see.
    """
    learned = learn(rule, seed=seed) if learned is None else learned
    net = build(seed, learned=learned, rule=rule, state=state, **options)
    rec = bs.simulate(net, duration, dt=DT, record=RECORD, progress=False)
    return rec, learned, summary(rec, learned.place, GAMMA if state == "gamma" else RIPPLE)


def main() -> None:
    """Print rates, events, ripples and replay of several seeds, and of the controls."""
    kept = None
    for seed in track(range(1, 7), "seed"):
        _, learned, found = experiment(seed)
        show(f"seed {seed}", found)
        kept = learned if seed == 2 else kept
    for title, options in (
        ("shuffled", {"shuffled": True}),
        ("gamma", {"state": "gamma"}),
        ("cue", {"cue": True, "duration": 2.0 * u.second}),
    ):
        show(f"seed 2, {title}", experiment(2, learned=kept, **options)[2])
    show("seed 2, asymmetric", experiment(2, rule="asymmetric")[2])


def show(title: str, found: Summary) -> None:
    """Print a summary in a line, and a line for each event."""
    (pyramidal, basket), (quiet, quiet_basket), (slow, slow_basket) = found.rates, found.outside, found.rhythms
    print(
        f"{title}: PC {pyramidal:.2f} Hz, BC {basket:.1f} Hz; outside events {quiet:.2f} and {quiet_basket:.1f} Hz;"
        f" {len(found.events)} events; peak {slow.frequency:.0f} and {slow_basket.frequency:.0f} Hz (p {slow.p:.2g} and"
        f" {slow_basket.p:.2g}), share {slow.share:.0%} and {slow_basket.share:.0%}",
        flush=True,
    )
    for one in found.events:
        (frequency, share, p), (frequency_basket, share_basket, _) = one.rhythms
        print(
            f"  {one.start:5.0f} ms for {one.stop - one.start:.0f} ms: PC {one.rates[0]:.2f} Hz, BC {one.rates[1]:.1f}"
            f" Hz; ripple {frequency:.0f} Hz {share:.0%} (p {p:.1g}), {frequency_basket:.0f} Hz {share_basket:.0%};"
            f" replay r {one.replay.correlation:.3f} at {one.replay.speed:.2f} m/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
