"""A run goes on from a file, bit by bit; nothing that goes wrong with a file costs anything."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split


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
    for _ in range(2):  # an earlier checkpoint is replaced, and its arrays go
        bs.save(net, tmp_path / "checkpoint")
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2
    bs.load(twin, tmp_path / "checkpoint")
    same_spikes(*(bs.simulate(n, 10 * u.ms, record="E.spikes") for n in (net, twin)))


def small(n=5, V=-60.0, steps=0):
    net = bs.Network()
    net.E = bs.neurons.LIF(n, V=V * u.mV)
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(net.E, net.E, bs.AllToAll(), receptor="ampa", weight=np.arange(n * n).reshape(n, n) * u.pA)
    return net


def everything(net):
    structure, *parts = split(net)
    arrays = {path: np.asarray(array) for part in parts for path, array in part.items()}
    return arrays | {"step_ms": net._aside.step_ms, "begun": net.begun}


def assert_untouched(net, before):
    after = everything(net)
    assert after.keys() == before.keys()
    for path, array in before.items():
        np.testing.assert_array_equal(after[path], array, err_msg=path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"n_E": 40}, r"has shape \(40,\) in the network, \(80,\) in the checkpoint"),
        ({"extra": True}, r"'A\..*' is only in the network"),
        ({"plastic": True}, r"is only in the"),
        ({"seed": 1}, "the wiring of 'E->E' is not that of the checkpoint"),
        ({"delay": 1 * u.ms}, "'E->I.axon.line' is only in the network"),
    ],
)
def test_another_structure_is_refused_and_the_network_stays(other, message, balanced, tmp_path):
    net = balanced()
    bs.simulate(net, 1 * u.ms, dt=0.5 * u.ms)
    bs.save(net, tmp_path / "checkpoint")
    net = balanced(**other)
    before = everything(net)
    with pytest.raises(ValueError, match=message):
        bs.load(net, tmp_path / "checkpoint")
    assert_untouched(net, before)


def test_no_checkpoint_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="load: no checkpoint at"):
        bs.load(small(), tmp_path / "nothing")
    for verb in (bs.save, bs.load):
        with pytest.raises(TypeError, match="expected a Network, given dict"):
            verb({}, tmp_path / "nothing")


def test_arrays_of_no_elements_are_kept(tmp_path):
    def build():
        net = bs.Network()
        net.E = bs.neurons.LIF(3)
        net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms))
        rule = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA)
        options = {"receptor": "ampa", "weight": bs.Uniform(0 * u.pA, 1 * u.pA), "plasticity": rule}
        net.connect(net.E, net.E, bs.FixedProbability(0.0), **options)
        return net

    net, twin = build(), build()
    assert net["E->E"].n_synapses == 0
    net.E.V = -51 * u.mV
    bs.save(net, tmp_path / "checkpoint")
    bs.load(twin, tmp_path / "checkpoint")
    np.testing.assert_array_equal(twin.E.V.mantissa, -51.0)
    assert twin["E->E"].weight.shape == (0,)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "folder with a name like ours"])
def test_what_is_not_ours_is_not_touched(kind, tmp_path):
    other, place = tmp_path / "thesis", tmp_path / "place"
    other.mkdir()
    (other / ("thesis.tex" if kind != "folder with a name like ours" else "brainsim-notes")).write_text("years of work")
    place = {"file": other / "thesis.tex", "link": place}.get(kind, other)
    if kind == "link":
        place.symlink_to(other)
    with pytest.raises(FileExistsError, match="save: .* is (a file|not a checkpoint, it holds)") as refusal:
        bs.save(small(), place)
    assert "\n" not in str(refusal.value)
    assert next(other.iterdir()).read_text() == "years of work" and len(list(other.iterdir())) == 1


def test_a_note_beside_the_arrays_stays(tmp_path):
    bs.save(small(), tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "notes.txt").write_text("the good one")
    bs.save(small(V=-51), tmp_path / "checkpoint")
    assert (tmp_path / "checkpoint" / "notes.txt").read_text() == "the good one"


@pytest.mark.parametrize("damage", ["a bit", "half of it", "none of it", "another file"])
def test_what_is_damaged_is_refused_in_one_line(damage, tmp_path):
    """Each file of the checkpoint in turn, its content too."""
    place = tmp_path / "checkpoint"
    bs.save(small(V=-51), place)
    net = small()
    before = everything(net)
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        whole = path.read_bytes()
        middle = len(whole) // 2
        if damage == "none of it":
            path.unlink()
        elif damage == "another file":
            path.with_name("another").write_bytes(whole)
        else:
            flipped = bytes(byte ^ (k == middle) for k, byte in enumerate(whole)) or b"x"
            path.write_bytes(flipped if damage == "a bit" else whole[:middle] if whole else b"x")
        if damage != "another file" or path.parent != place:
            with pytest.raises(ValueError, match=r"\Aload: [^\n]* is (damaged|not a checkpoint)[^\n]*\Z"):
                bs.load(net, place)
        assert_untouched(net, before)
        path.with_name("another").unlink(missing_ok=True)
        path.write_bytes(whole)
    bs.load(net, place)
    np.testing.assert_array_equal(net.E.V.mantissa, -51.0)


def test_a_foreign_page_is_refused(tmp_path):
    for text in ("{}", "[]", "null", '{"format": 1}', "\x80\x04K\x01."):
        (tmp_path / "brainsim.json").write_text(text)
        with pytest.raises(ValueError, match="is not a checkpoint of brainsim, or its brainsim.json is damaged"):
            bs.load(small(), tmp_path)
    (tmp_path / "brainsim.json").unlink()
    bs.save(small(), tmp_path)
    page = json.loads((tmp_path / "brainsim.json").read_text())
    page["arrays"]["state"]["E.V"]["shape"] = [6]  # by hand
    (tmp_path / "brainsim.json").write_text(json.dumps(page))
    with pytest.raises(ValueError, match="damaged"):
        bs.load(small(), tmp_path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    bs.save(small(V=-51), tmp_path / "checkpoint")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"\A.+\Z"):
            bs.save(small(40), tmp_path / "checkpoint")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2
    net = small()
    bs.load(net, tmp_path / "checkpoint")
    np.testing.assert_array_equal(net.E.V.mantissa, -51.0)


KILLED = """
import os, signal, sys
import brainunit as u
import brainsim as bs
net = bs.Network()
net.E = bs.neurons.LIF(3, V=-51 * u.mV)
bs.save(net, sys.argv[1])
net.E.V = -52 * u.mV
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
bs.save(net, sys.argv[1])
"""


def test_a_killed_save_leaves_the_old_checkpoint(tmp_path):
    """Killed when all is written but the last word, by which the new one would count."""
    root = str(Path(bs.__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    environment |= {"JAX_ENABLE_X64": "1"}
    place = tmp_path / "checkpoint"
    assert subprocess.run([sys.executable, "-c", KILLED, place], env=environment).returncode == -signal.SIGKILL
    assert len(list(place.iterdir())) == 4  # page and arrays, of both
    net = bs.Network()
    net.E = bs.neurons.LIF(3)
    bs.load(net, place)
    np.testing.assert_array_equal(net.E.V.mantissa, -51.0)
    bs.save(net, place)
    assert len(list(place.iterdir())) == 2


def test_two_that_save_to_one_place_do_not_meet(tmp_path):
    nets = [small(40, V=-51 - k) for k in range(2)]
    savers = [threading.Thread(target=bs.save, args=(net, tmp_path / "checkpoint")) for net in nets for _ in range(3)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    net = small(40)
    bs.load(net, tmp_path / "checkpoint")
    assert len(set(net.E.V.mantissa.tolist())) == 1 and net.E.V.mantissa[0] in (-51, -52)
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2


def test_precision_is_not_lost_in_silence(tmp_path):
    bs.save(small(), tmp_path / "double")
    with jax.enable_x64(False):
        net = small(V=-51)
        bs.save(net, tmp_path / "single")
        with pytest.raises(ValueError, match="is float32 in the network, float64 in the checkpoint; load it at"):
            bs.load(net, tmp_path / "double")
    net = small()
    bs.load(net, tmp_path / "single")
    np.testing.assert_array_equal(net.E.V.mantissa, -51.0)
