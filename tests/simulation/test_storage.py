"""A run goes on from a file, bit by bit."""

import brainunit as u
import pytest

import brainsim as bs


def test_a_run_goes_on_where_the_saved_one_stopped(balanced, same_state, same_spikes, tmp_path):
    options = {"delay": bs.Uniform(0.3 * u.ms, 2.5 * u.ms), "plastic": True}
    net, twin = balanced(**options), balanced(**options)
    net.E.tau = 19 * u.ms
    bs.simulate(net, 7 * u.ms)
    bs.save(net, tmp_path / "checkpoint")
    whole = bs.simulate(net, 8 * u.ms, record="E.spikes")
    bs.load(twin, tmp_path / "checkpoint")
    same_spikes(whole, bs.simulate(twin, 8 * u.ms, record="E.spikes"))
    same_state(net, twin)


def test_a_seed_that_was_reset_is_saved_too(balanced, same_spikes, tmp_path):
    net, twin = balanced(), balanced()
    net.reset(seed=99)
    bs.simulate(net, 1 * u.ms)
    for _ in range(2):  # an earlier checkpoint is replaced
        bs.save(net, tmp_path / "checkpoint")
    bs.load(twin, tmp_path / "checkpoint")
    same_spikes(*(bs.simulate(n, 10 * u.ms, record="E.spikes") for n in (net, twin)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"n_E": 40}, r"has shape \(40,\) in the network, \(80,\) in the checkpoint"),
        ({"extra": True}, r"'A\..*' is only in the network"),
        ({"plastic": True}, r"is only in the"),
        ({"seed": 1}, "wiring"),
    ],
)
def test_another_structure_is_refused_and_the_network_stays(other, message, balanced, tmp_path):
    bs.save(balanced(), tmp_path / "checkpoint")
    net = balanced(**other)
    before = net.E.plain("V")
    with pytest.raises(ValueError, match=message):
        bs.load(net, tmp_path / "checkpoint")
    assert net.E.plain("V") is before


def test_no_checkpoint_is_no_file(balanced, tmp_path):
    with pytest.raises(FileNotFoundError, match="load: no checkpoint at"):
        bs.load(balanced(), tmp_path / "nothing")
