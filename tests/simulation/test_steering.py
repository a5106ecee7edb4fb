"""Runs that end by a condition, that call Python on their way, and that tell how far they are."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def network(**values):
    net = bs.Network(seed=0)
    net.E = bs.neurons.LIF(3, V=-60 * u.mV, E_L=-60 * u.mV, V_th=-50 * u.mV, tau=20 * u.ms, R=100 * u.Mohm, **values)
    net.E.add_stimuli(drive=bs.stimuli.Constant(300 * u.pA))
    return net


def ms(time):
    return float(time.to_decimal(u.ms))


def first_spike():
    rec = bs.simulate(network(), 15 * u.ms, record="E.spikes")
    return int(rec.spikes["E"].steps[0])


def test_a_condition_ends_the_run_after_the_step_in_which_it_is_met():
    net = network()
    rec = bs.simulate(net, 15 * u.ms, record=["E.spikes", "E.V"], until=lambda net: net.E.spikes.any())
    assert first_spike() == 82  # 20 ms * ln(30 / 20) = 8.11 ms
    assert int(net.steps) == 82 and ms(rec.stop) == pytest.approx(8.2) and rec.stop == net.t
    assert len(rec.spikes["E"]) == 3 and rec["E.V"].shape == (82, 3)
    whole = bs.simulate(network(), 15 * u.ms, record=["E.V"])
    rest = bs.simulate(net, 6.8 * u.ms, record=["E.spikes", "E.V"])
    np.testing.assert_array_equal((rec + rest)["E.V"].mantissa, whole["E.V"].mantissa)


@pytest.mark.parametrize("chunk", (None, 7))
def test_it_is_looked_at_every_so_often(chunk):
    net = network()
    seen = bs.simulate(
        net, 15 * u.ms, until=lambda net: net.E.V.max() > -51 * u.mV, check_every=0.5 * u.ms, chunk_steps=chunk
    )
    # V = -51 mV at 20 ms * ln(30 / 21) = 7.13 ms
    assert ms(seen.stop) == pytest.approx(7.5)
    assert bs.simulate(net, 1 * u.ms, until=lambda net: net.E.V.max() > 0 * u.mV).stop == net.t


def test_a_callback_looks_at_the_live_network_and_changes_it():
    net, seen = network(), []

    def look(live):
        seen.append((float(live.t.to_decimal(u.ms)), float(live.E.V[0].to_decimal(u.mV))))
        live.E.drive.amplitude = 0 * u.pA

    rec = bs.simulate(net, 5 * u.ms, record=["E.V"], callback=look, callback_every=2 * u.ms)
    assert [t for t, _ in seen] == [2, 4]
    V = rec["E.V"][:, 0].to_decimal(u.mV)
    assert V[19] == seen[0][1] and V[39] == seen[1][1] and V.shape == (50,)
    np.testing.assert_allclose(V[19], -60 + 30 * (1 - np.exp(-2 / 20)), rtol=1e-9)
    np.testing.assert_allclose(V[49], -60 + (V[19] + 60) * np.exp(-3 / 20), rtol=1e-9)


def test_it_changes_no_result_and_may_end_the_run():
    inputs = {"E.drive.amplitude": np.linspace(0, 500, 100) * u.pA}
    plain = bs.simulate(network(), 10 * u.ms, record=["E.V", "E.spikes"], inputs=inputs)
    net = network()
    bs.simulate(net, 0.7 * u.ms, inputs={"E.drive.amplitude": inputs["E.drive.amplitude"][:7]})
    rest = {"E.drive.amplitude": inputs["E.drive.amplitude"][7:]}
    record = {"E.V": bs.Record("E.V", initial=True), "E.spikes": None}
    cut = bs.simulate(net, 9.3 * u.ms, record=record, inputs=rest, callback=lambda net: None, callback_every=1 * u.ms)
    np.testing.assert_array_equal(cut["E.V"].mantissa, plain["E.V"].mantissa[6:])
    np.testing.assert_array_equal(cut.spikes["E"].steps, plain.spikes["E"].steps)
    ended = bs.simulate(network(), 10 * u.ms, callback=lambda net: net.t > 3 * u.ms, callback_every=1 * u.ms)
    assert ms(ended.stop) == pytest.approx(4)
    ended = bs.simulate(
        network(), 10 * u.ms, callback=lambda net: (-99 * u.mV < net.E.V).any(), callback_every=1 * u.ms
    )
    assert ms(ended.stop) == pytest.approx(1)
    with pytest.raises(
        TypeError, match=r"callback: it ends the run by returning one truth value.* given \(3,\) of them"
    ):
        bs.simulate(network(), 2 * u.ms, callback=lambda net: net.E.spikes, callback_every=1 * u.ms)


def test_progress_is_told_to_a_function():
    told = []
    bs.simulate(network(), 10 * u.ms, progress=lambda done, seconds: told.append((done, seconds)))
    assert told[-1][0] == 1 and 0 < told[-1][1] < 600
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    told.clear()
    bs.sweep(network(), {"E.tau": [10, 20] * u.ms}, 1 * u.ms, progress=lambda done, seconds: told.append(done))
    assert told[-1] == 1


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (dict(until=3), TypeError, "until: expected a function"),
        (dict(until=lambda net: net.E.spikes), TypeError, r"one truth value.* of shape \(3,\)"),
        (dict(until=lambda net: net.E.V.mean()), TypeError, "one truth value"),
        (dict(until=lambda: True), TypeError, "until: expected a function of the network, lambda net: ..., given <func"),
        (dict(check_every=1 * u.ms), ValueError, "give until"),
        (dict(until=lambda net: net.E.spikes.any(), check_every=0.25 * u.ms), ValueError, "check_every: .*multiple"),
        (dict(callback=print), ValueError, "give both"),
        (dict(callback=3, callback_every=1 * u.ms), TypeError, "callback: expected a function"),
        (dict(callback=print, callback_every=9 * u.ms), ValueError, "longer than the run"),
        (dict(progress="yes"), TypeError, "progress: expected True, False or a function"),
    ],
)  # fmt: skip
def test_what_cannot_steer_is_refused(options, kind, message):
    net = network()
    with pytest.raises(kind, match=message):
        bs.simulate(net, 2 * u.ms, **options)
    assert int(net.steps) == 0


def test_a_callback_that_builds_is_refused():
    net = network()

    def build(live):
        live.F = bs.neurons.LIF(2)

    with pytest.raises(ValueError, match="may assign numbers of the network, and not add"):
        bs.simulate(net, 2 * u.ms, callback=build, callback_every=1 * u.ms)
    with pytest.raises(ValueError, match="not add, take out or reset"):
        bs.simulate(network(), 2 * u.ms, callback=lambda live: live.reset(), callback_every=1 * u.ms)
    with pytest.raises(bs.NetworkInUseError):
        bs.simulate(network(), 2 * u.ms, callback=lambda live: bs.simulate(live, 1 * u.ms), callback_every=1 * u.ms)
