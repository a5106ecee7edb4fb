"""Short scripts by theme: each shows what theory or its paper says."""

import numpy as np
import pytest

from tests.examples.test_ported import load


def test_a_strong_volley_goes_down_the_chain_and_becomes_sharper():
    module = load("synfire_chain")
    strong, weak = module.run()
    size, spread = module.packet(strong, 9)
    assert size >= 90 and spread < 0.7  # of a volley of 1 ms
    assert module.packet(weak, 9)[0] < 5


def test_some_noise_is_better_than_little_and_than_much():
    counts, heard = load("stochastic_resonance").run()
    best = heard.argmax()
    assert 2 <= best <= len(heard) - 5
    assert heard[best] > 3 * max(heard[0], heard[-1])
    assert np.all(np.diff(counts[:12]) >= 0)  # more noise, more spikes


def test_a_wave_travels_a_little_slower_than_axons():
    when = load("travelling_wave").run()
    assert np.isfinite(when).all()  # it reaches all
    along = when[2, 10:40]
    speed = 50 * 29 / (along[-1] - along[0])  # um / ms; axons have 100
    assert 75 < speed < 100
    np.testing.assert_allclose(when, when.T, atol=1.0)


def test_a_cable_is_as_rall_has_it():
    module = load("cable")
    x, _, V = module.run()
    np.testing.assert_allclose(V[-1] / V[-1, 0], module.theory(x) / module.theory(x[0]), rtol=2e-3)


def test_currents_of_the_clamp_are_those_of_the_closed_form():
    module = load("clamped_membrane")
    found, late = module.peaks(module.run())
    V, t = module.LEVELS, np.arange(0.01, 10.0, 0.01)[:, None]

    def rates(v):
        m = 0.1 * (v + 40 + 1e-9) / (1 - np.exp(-(v + 40 + 1e-9) / 10)), 4 * np.exp(-(v + 65) / 18)
        h = 0.07 * np.exp(-(v + 65) / 20), 1 / (1 + np.exp(-(v + 35) / 10))
        n = 0.01 * (v + 55 + 1e-9) / (1 - np.exp(-(v + 55 + 1e-9) / 10)), 0.125 * np.exp(-(v + 65) / 80)
        return m, h, n

    gates = []
    for (a, b), (a_0, b_0) in zip(rates(V), rates(np.full_like(V, -65.0))):
        gates.append(a / (a + b) + (a_0 / (a_0 + b_0) - a / (a + b)) * np.exp(-(a + b) * t))
    m, h, n = gates
    current = 120 * m**3 * h * (V - 50) + 36 * n**4 * (V + 77)
    inward = slice(2, 9)  # where sodium is seen
    np.testing.assert_allclose(found[inward], current.min(0)[inward], rtol=0.03, atol=20)
    np.testing.assert_allclose(late[4:], current[-1][4:], rtol=0.02)


def test_the_field_is_fitzhughs():
    V, w, (dV, dw), path, _ = load("phase_plane").run()
    np.testing.assert_allclose(dV, V - V**3 / 3 - w + 0.5, atol=1e-6)
    np.testing.assert_allclose(np.argmin(np.abs(dw), 0)[30:50], np.argmin(np.abs(V + 0.7 - 0.8 * w), 0)[30:50])
    assert path.max() > 1.5 and path[1000:].min() < -1.5  # a cycle


def test_what_a_tired_synapse_sends():
    module = load("short_term")
    for name, values in module.run().items():
        np.testing.assert_allclose(values, module.formula(module.RATES, *module.KINDS[name]), rtol=0.02)


def test_weights_turn_to_the_principal_component():
    _, w, cosine = load("principal_component").run()
    assert cosine[0] < 0.5 and cosine[-100:].mean() > 0.95
    assert np.linalg.norm(w[-1]) == pytest.approx(1.0, abs=0.15)


def test_a_spike_is_moved_to_its_time():
    times, _ = load("time_of_a_spike").run()
    assert times[0] < 15 and times[-1] == pytest.approx(30.0, abs=0.2)


def test_digits_are_read():
    history, _, _ = load("digits").run()
    assert history["validation accuracy"][-1] > 0.84


def test_a_membrane_is_found():
    module = load("membrane_from_a_trace")
    found, *_ = module.run()
    for path, true in module.TRUE.items():
        assert float(found[path]) == pytest.approx(true, rel=0.03)


def test_the_synapse_that_is_rewarded_grows():
    rec = load("reward").run()
    w = np.asarray(rec["inputs->cell.weight"].mantissa).reshape(len(rec.times), -1)[-1]
    assert w[0] > 7 and w[0] > w[1:].mean() + 1.5 * w[1:].std()
    assert np.sum(w > w[0]) <= 2


def test_an_astrocyte_follows_the_difference():
    _, level, expected = load("astrocyte").run()
    assert np.abs(level - expected).mean() < 0.03 and np.corrcoef(level, expected)[0, 1] > 0.99


def test_intervals_of_gamma_processes():
    for order, train in load("intervals").run().items():
        assert train.cv() == pytest.approx(order**-0.5, abs=0.03)
        assert float(train.rate().mantissa) == pytest.approx(20.0, rel=0.03)


def test_the_filter_is_found():
    field, seen = load("receptive_field").run()
    assert np.corrcoef(field.ravel(), seen.ravel())[0, 1] > 0.85


def test_order_sets_in_where_theory_says():
    module = load("kuramoto")
    order = module.run()
    np.testing.assert_allclose(order[3:], module.theory(module.RATIOS[3:]), atol=0.08)
    assert order[0] < 0.2  # of 400 by chance: 0.05, and more near the transition
