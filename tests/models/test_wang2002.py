"""Wang's decision network against an independent program with the same parameters (120 trials a coherence) and the
paper's behaviour.
"""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models import wang2002

# coherence: correct (E1 chosen at 0), mean decision time in ms, rates of winner and loser at the end of the stimulus,
# memory
PROGRAM = {
    0.0: (0.50, 923, 25.7, 2.8, 13.6),
    0.032: (0.65, 909, 25.9, 2.8, 13.4),
    0.064: (0.78, 876, 26.2, 2.7, 13.7),
    0.128: (0.94, 804, 27.8, 2.3, 13.7),
    0.256: (1.00, 606, 30.5, 1.8, 14.6),
    0.512: (1.00, 428, 33.1, 1.5, 14.8),
}


@pytest.fixture(scope="module")
def net():
    return wang2002.build()


def test_weights_onto_a_pool_sum_to_those_onto_any_cell(net):
    for receptor, plain in (("ampa", 0.05), ("nmda", 0.165)):
        total = np.zeros(len(net.E))
        for projection in net.projections.values():
            if (projection.post, projection.receptor) == ("E", receptor):
                _, targets = projection.indices_of_synapses()
                total += np.bincount(targets, minlength=len(net.E)) * float(projection.weight.to_decimal(u.nS))
        assert total == pytest.approx(len(net.E) * plain, rel=1e-6)


def test_one_gate_serves_all_nmda_projections(net):
    nmda = [p for p in net.projections.values() if p.receptor == "nmda"]
    assert len(nmda) == 7 and len({p.held_by for p in nmda}) == 1


def test_spontaneous_rates(net):
    net.reset(seed=1)
    rec = bs.simulate(net, 500 * u.ms, dt=wang2002.DT, record=wang2002.RECORD, progress=False)
    assert 1.5 < rec.spikes["E"].rate(start=200 * u.ms).to_decimal(u.Hz) < 3.0  # 2.0 to 2.7 Hz
    assert 6.5 < rec.spikes["I"].rate(start=200 * u.ms).to_decimal(u.Hz) < 9.0  # 7.8 to 8.7 Hz


def test_motion_has_the_rates_of_its_coherence():
    net = wang2002.build(coherence=0.5, sigma=0.0 * u.Hz)
    net["E.motion"].start, net["E.motion"].stop = 0.0 * u.ms, 300.0 * u.ms
    net["E.background"].rate = 0.0 * u.Hz
    net["E.motion"].weight = 1e-3 * u.nS
    net.E.ampa.tau = 1e9 * u.ms  # the conductance counts the spikes
    bs.simulate(net, 300 * u.ms, dt=wang2002.DT, progress=False)
    counts = np.asarray(net.E.ampa.g.to_decimal(u.nS)) / 1e-3
    spread = np.sqrt(0.3 * 60 / wang2002.POOL)
    assert counts[:240].mean() == pytest.approx(0.3 * 60, abs=4 * spread)
    assert counts[240:480].mean() == pytest.approx(0.3 * 20, abs=4 * spread)
    assert counts[480:].max() == 0


def test_psychometric_fit_recovers_a_weibull_function():
    c = np.array(wang2002.COHERENCES)
    assert wang2002.psychometric_fit(c, wang2002.weibull(c, 0.09, 1.3)) == pytest.approx((0.09, 1.3), rel=1e-3)
    assert wang2002.weibull(0.09, 0.09, 1.3) == pytest.approx(0.816, abs=1e-3)


@pytest.mark.slow
def test_strong_motion_decides_fast_and_right():
    # 4 trials of 1.4 s: decision time 428 +- 93 ms in 120 trials of the program.
    found = wang2002.experiment([0.512], trials=4, duration=1.4 * u.second, progress=False)[0]
    measured = wang2002.summary(found)
    assert measured["decided"] == 1 and measured["correct"] == 1
    assert measured["time"] == pytest.approx(428, abs=4 * 93 / 2)


@pytest.mark.slow
def test_psychometric_and_chronometric_functions():
    """120 trials at each coherence: fractions within 0.08 of the program's (2 s.d. of the difference of two such
    samples), 0.13 at c = 0.
    """
    found = [wang2002.summary(trials) for trials in wang2002.experiment(PROGRAM, trials=120, progress=False)]
    for (c, (correct, time, winner, loser, _)), measured in zip(PROGRAM.items(), found):
        assert measured["correct"] == pytest.approx(correct, abs=0.08 if c > 0.05 else 0.13)
        assert measured["time"] == pytest.approx(time, abs=100)
        assert measured["winner"] == pytest.approx(winner, rel=0.1)
        assert measured["loser"] == pytest.approx(loser, abs=0.5)
        assert measured["decided"] >= 0.95
    times = [m["time"] for m in found]
    assert times[0] > times[3] > times[4] > times[5]
    threshold, _ = wang2002.psychometric_fit(list(PROGRAM), [m["correct"] for m in found])
    assert 0.04 < threshold < 0.12
