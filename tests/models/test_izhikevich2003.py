"""Izhikevich's network against his program net.m: 12 seeds of 3 s in NumPy, and spike for spike with the same noise.

E 7.36 +- 0.11 Hz, I 6.91 +- 0.21 Hz, CV 0.42, peaks at 8 +- 0.6 Hz and 26 to 38 Hz, power 36 % in 5-20 Hz and 51 % in
25-70 Hz; variance over mean of the population count in 1 ms bins 3.4.
"""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models import izhikevich2003


@pytest.fixture(scope="module")
def measured():
    """Means of the observables of four seeds over 3 s."""
    found = [izhikevich2003.experiment(seed=seed, duration=3.0 * u.second)[1] for seed in range(4)]
    return {name: np.mean([one[name] for one in found]) for name in found[0]}


def test_rates(measured):
    assert measured["rate_E"] == pytest.approx(7.36, abs=0.22)
    assert measured["rate_I"] == pytest.approx(6.91, abs=0.42)
    assert measured["cv"] == pytest.approx(0.42, abs=0.03)


def test_population_fluctuations(measured):
    assert measured["fano"] == pytest.approx(3.4, abs=0.5)


def test_rhythms(measured):
    assert measured["alpha"] == pytest.approx(8.0, abs=1.2)
    assert 24 <= measured["gamma"] <= 38
    assert measured["low"] == pytest.approx(0.36, abs=0.1)
    assert measured["high"] == pytest.approx(0.51, abs=0.1)


def test_same_spikes_as_the_program_of_the_paper():
    steps, seed = 300, 3
    net = izhikevich2003.build(seed=seed, noise_E=0.0 * u.mV, noise_I=0.0 * u.mV)
    rng = np.random.default_rng(0)
    noise = np.concatenate([5 * rng.standard_normal((steps, 800)), 2 * rng.standard_normal((steps, 200))], 1)
    net.E.add_stimuli(given=bs.stimuli.TimedArray(noise[:, :800] * u.mV, 1.0 * u.ms))
    net.I.add_stimuli(given=bs.stimuli.TimedArray(noise[:, 800:] * u.mV, 1.0 * u.ms))
    rec = bs.simulate(net, steps * u.ms, dt=1.0 * u.ms, record=["E.spikes", "I.spikes"])
    ours = sorted(
        [(s, i) for s, i in zip(rec.spikes["E"].steps, rec.spikes["E"].indices)]
        + [(s, i + 800) for s, i in zip(rec.spikes["I"].steps, rec.spikes["I"].indices)]
    )
    theirs = program_of_the_paper(net, noise)
    assert len(theirs) > 1000
    assert ours == theirs


def program_of_the_paper(net, noise):
    """net.m with the parameters and weights of ``net`` and a given noise; (step, neuron) of every spike."""

    def both(name, unit):
        return np.concatenate(
            [np.broadcast_to(np.asarray(u.Quantity(getattr(p, name)).to_decimal(unit)), len(p)) for p in (net.E, net.I)]
        )

    a, b, c, d = both("a", u.kHz), both("b", u.UNITLESS), both("c", u.mV), both("d", u.mV)
    S = np.block(
        [[np.asarray(net[f"{pre}->{post}"].weight.to_decimal(u.mV)) for post in ("E", "I")] for pre in ("E", "I")]
    )
    v = np.full(1000, -65.0)
    recovery = b * v
    spikes = []
    for step, current in enumerate(noise):
        fired = np.flatnonzero(v >= 30)  # at the end of the step before, which is number `step` counted from 1
        spikes += [(step, i) for i in fired]
        v[fired] = c[fired]
        recovery[fired] += d[fired]
        current = current + S[fired].sum(0)
        for _ in range(2):
            v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - recovery + current)
        recovery = recovery + a * (b * v - recovery)
    return sorted(spikes + [(len(noise), i) for i in np.flatnonzero(v >= 30)])
