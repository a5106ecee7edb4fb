"""Networks divided among devices: the bits of one device, what is refused, and how work and exchange grow."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import brainunit as u
import jax
import numpy as np
import pytest
from flax import nnx

import brainsim as bs
from brainsim import events, trees
from brainsim._core import split
from brainsim._mesh import Share
from brainsim.simulation.door import enter
from brainsim.simulation.loop import plan_of
from brainsim.simulation.mesh.division import Division
from brainsim.simulation.mesh.forests import Forest, in_blocks
from brainsim.simulation.mesh.program import Chunk
from brainsim.simulation.mesh.report import report
from brainsim.trees._operation import Static, tree_p
from tests.simulation.mesh_networks import NETWORKS, lif, pair, plain_of, scaled

ROOT = Path(__file__).parents[2]
QUICK = {
    "plain": (2, 4),
    "small": (2, 4),
    "stdp": (4,),
    "goes_on": (4,),
    "few_shapes": (4,),
    "joined_late": (4,),
    "places": (4,),
}
SLOW = {name: (3, 4) for name in NETWORKS if name not in ("many", "cells", *QUICK)}


def _start(*arguments, devices=4, **options):
    flags = f"--xla_force_host_platform_device_count={devices}"
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def _said(process):
    with process:
        out, err = process.communicate(timeout=1500)
    assert process.returncode == 0, err[-3000:]
    return out


def free_port():
    """One below those that a system hands out by itself: no connection takes it before a process of ours does."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("localhost", port))
            return port
    raise AssertionError("no port is free")


def _compared(networks, *wide):
    found = {}
    for devices in dict.fromkeys(networks.values()):
        names = [name for name in networks if networks[name] == devices]
        arguments = ",".join(names), ",".join(map(str, devices)), *wide
        found |= json.loads(_said(_start("-m", "tests.simulation.mesh_networks", *arguments)))
    return found


@pytest.fixture(scope="module")
def quick():
    return _compared(QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_a_network_on_many_devices_has_the_bits_of_one(quick, name):
    spikes = quick[name].pop("spikes", None)
    assert spikes is None or spikes > 5
    assert quick[name] == {str(m): [] for m in QUICK[name]}


@pytest.mark.slow
@pytest.mark.parametrize("wide", [(), ("wide",)], ids=["float32", "float64"])
@pytest.mark.parametrize("name", SLOW)
def test_other_networks_on_many_devices_have_the_bits_of_one(name, wide):
    (found,) = _compared({name: SLOW[name]}, *wide).values()
    assert found.pop("spikes") > 5
    assert found == {str(m): [] for m in SLOW[name]}


@pytest.mark.slow
def test_cells_beside_neurons_differ_in_rounding_alone():
    """Several projections onto a receptor of cells are added up in another order: no spike and no state at the end tells."""
    (found,) = _compared({"cells": (2, 4)}, "wide").values()
    assert found.pop("spikes") > 100
    assert all(set(names) <= {"cells.V 0", "cells.V 1"} for names in found.values())
    (one, other) = (
        bs.simulate(net, 15 * u.ms, record="cells.V", mesh=mesh)["cells.V"] for net, mesh in _twice("cells")
    )
    np.testing.assert_allclose(plain_of(one), plain_of(other), rtol=1e-12)


def _twice(name):
    return ((NETWORKS[name]()[0], mesh) for mesh in (None, 1))


MODEL = """import brainunit as u
from tests.simulation.mesh_networks import delays

DURATION, RECORD = 20 * u.ms, ["E.spikes", "I.spikes", "I.V"]


def build(seed=0):
    return delays()[0]
"""


def test_two_processes_run_one_network(tmp_path):
    """By the command line, over loopback, two devices each."""
    model = tmp_path / "model.py"
    model.write_text(MODEL)
    port = free_port()
    command = "-m", "brainsim", "run", str(model)
    there = [
        _start(
            *command,
            "--devices",
            "4",
            "--distributed",
            f"localhost:{port},2,{k}",
            "--save",
            str(tmp_path / "two.h5"),
            devices=2,
        )
        for k in range(2)
    ]
    alone = _start(*command, "--save", str(tmp_path / "one.h5"))
    first, second = map(_said, there)
    assert "rate        E" in first and "rate" not in second
    _said(alone)
    one, two = (bs.Recording.load(tmp_path / f"{name}.h5") for name in ("one", "two"))
    for name in ("E", "I"):
        assert len(one.spikes[name]) > 5
        np.testing.assert_array_equal(one.spikes[name].steps, two.spikes[name].steps)
        np.testing.assert_array_equal(one.spikes[name].indices, two.spikes[name].indices)
    np.testing.assert_array_equal(plain_of(one["I.V"]), plain_of(two["I.V"]))


# -- what a run is asked for --------------------------------------------------------------------------------------------------


def small():
    net = pair(6, 3)
    net.connect(net.E, net.I, bs.FixedProbability(0.5), receptor="ampa", weight=1 * u.nS)
    return net


def test_conditions_callbacks_and_courses_are_those_of_one_device():
    found = []
    for mesh in (None, 1):
        net, seen = small(), []
        options = dict(callback=lambda net, seen=seen: seen.append(float(net.E.V[2].mantissa)), callback_every=2 * u.ms)
        courses = {"E.drive.amplitude": np.linspace(300, 800, 200) * u.pA}
        rec = bs.simulate(net, 20 * u.ms, record=["E.spikes", bs.Record("I.V", every=1 * u.ms, initial=True)], mesh=mesh,
                          inputs=courses, until=lambda net: net.I.V[0] > -49 * u.mV, **options)  # fmt: skip
        found.append((seen, float(rec.stop.mantissa), rec["E.spikes"].indices, plain_of(rec["I.V"]), split(net)[3]))
    (one, stop, spikes, voltages, state), other = found
    assert one == other[0] and stop == other[1]
    np.testing.assert_array_equal(spikes, other[2])
    np.testing.assert_array_equal(voltages, other[3])
    assert all(np.array_equal(state[path], other[4][path]) for path in state)


def test_what_is_not_finite_is_named_and_the_network_stays():
    net = small()
    net.E.V = np.full(6, -60.0) * u.mV
    before = split(net)[3]
    with pytest.raises(bs.NonFiniteError, match="E: V is not finite from t = 5"):
        drive = np.full(100, 450.0)
        drive[50:] = 1e308
        bs.simulate(net, 10 * u.ms, mesh=1, inputs={"E.drive.amplitude": drive * u.pA})
    assert all(np.array_equal(before[path], array) for path, array in split(net)[3].items())


def test_a_second_run_compiles_nothing():
    net = small()
    bs.simulate(net, 2 * u.ms, mesh=1)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, seconds, **_: compiled.append(event))
    net.E.drive.amplitude = 500 * u.pA
    bs.simulate(net, 5 * u.ms, mesh=1)
    assert not [event for event in compiled if "backend_compile" in event]


def test_a_sweep_takes_the_devices_of_a_mesh():
    net, values = small(), {"E.drive.amplitude": [400, 600] * u.pA}
    options = dict(duration=20 * u.ms, record="E.spikes")
    there, everywhere = bs.sweep(net, values, mesh=1, **options), bs.sweep(net, values, **options)
    for one, other in zip(there, everywhere, strict=True):
        np.testing.assert_array_equal(one["E.spikes"].indices, other["E.spikes"].indices)
    with pytest.raises(ValueError, match="mesh says where batches run in this process, and executor"):
        bs.sweep(net, values, mesh=1, executor=object(), **options)


@pytest.mark.parametrize(
    ("mesh", "error", "words"),
    [
        (99, ValueError, "1 to .* devices, which is how many there are, given 99"),
        (True, TypeError, "given True"),
        ("two", TypeError, "given 'two'"),
        ([], TypeError, "a list of them"),
    ],
)
def test_what_is_no_mesh_is_refused(mesh, error, words):
    with pytest.raises(error, match=words):
        bs.simulate(small(), 1 * u.ms, mesh=mesh)


def test_a_mesh_of_two_axes_is_refused():
    mesh = jax.make_mesh((1, 1), ("a", "b"))
    with pytest.raises(ValueError, match="one axis, given a mesh of .*'a': 1, 'b': 1"):
        bs.simulate(small(), 1 * u.ms, mesh=mesh)


def test_gradients_are_refused_by_name():
    def loss(tau):
        net = small()
        net.E.tau = tau * u.ms
        return bs.simulate(net, 1 * u.ms, record="E.V", mesh=1)["E.V"].mantissa.mean()

    with pytest.raises(ValueError, match="mesh is not for the inside of a transformation"):
        jax.grad(loss)(20.0)


def test_a_layer_that_draws_is_refused_until_it_evaluates():
    net = bs.Network()
    net.P, net.Q = bs.sources.PoissonGroup(4, rate=100 * u.Hz), bs.neurons.LIF(4)
    net.Q.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(net.P, net.Q, bs.paths.Layer(nnx.Dropout(0.5, rngs=nnx.Rngs(0))), receptor="syn")
    with pytest.raises(ValueError, match="random key of a layer"):
        bs.simulate(net, 1 * u.ms, mesh=1)


def test_cells_with_a_shape_are_divided_and_tell_each_other_spikes_alone():
    net, _ = NETWORKS["dendrites"]()
    found = report(net, 2)
    assert "cells: 7 units, 4 on a device" in str(found) and "E->cells: 65 synapses where their targets are" in str(
        found
    )
    assert found.synapses.sum() == sum(p.n_synapses for p in net.projections.values())
    bits = sorted((one.shape, one.n_bytes) for one in found.sent if one.every == 1)
    assert bits == [
        ((11,), 1),
        ((14,), 2),
    ]  # 6 of E, and 7 of each of two places that fire; those of the cells are told ahead


def _cells(shapes, **more):
    net = bs.Network(seed=1)
    net.E = lif(5)
    net.cells = bs.cells.MultiCompartment(4, shapes, compartments=1)
    net.cells.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    return net


@pytest.mark.parametrize("apart", [True, False])
def test_synapses_onto_cells_are_built_where_the_cells_are(apart):
    """All of them by each process, where all processes have all cells."""
    one = bs.cells.ball_and_stick(20 * u.um, length=100 * u.um, diameter=1 * u.um)
    other = bs.cells.ball_and_stick(20 * u.um, length=150 * u.um, diameter=1 * u.um)
    net = _cells(one if apart else [one, other, one, other])
    net._aside.share = Share(SimpleNamespace(devices=np.empty(2)), 0, 1)  # the first of two processes
    net.connect(net.E, net.cells, bs.FixedInDegree(2), receptor="syn", weight=1 * u.pA)
    assert net["E->cells"].n_synapses == (4 if apart else 8)
    assert net["E->cells"].block == (range(0, 2) if apart else None)


class OwnSteps(bs.plasticity.Plasticity):
    """A step of its own for every synapse."""

    up = bs.Parameter(0.0, "change", unit="weight_unit", shape="weight_shape")

    def update(self, s):
        s.on_pre(s.up)


def test_values_of_single_synapses_are_those_of_the_synapses_that_a_process_has():
    net = bs.Network(seed=1)
    net.E, net.I = lif(5), lif(4)
    net._aside.share = Share(SimpleNamespace(devices=np.empty(2)), 0, 1)
    pairs, each = bs.FromArrays([0, 4, 1, 3, 2, 0], [3, 0, 1, 2, 1, 1]), np.arange(6.0)
    rule = OwnSteps(up=10 * each * u.pA, w_max=100 * u.pA)
    net.connect(net.E, net.I, pairs, receptor="syn", weight=each * u.pA, plasticity=rule)
    np.testing.assert_array_equal(plain_of(net["E->I"].weight), [5, 2, 4, 1])
    np.testing.assert_array_equal(plain_of(rule.up), [50, 20, 40, 10])


def test_what_was_built_in_parts_is_refused_where_its_targets_are_joined_later():
    net = _cells(bs.cells.ball_and_stick(20 * u.um, length=100 * u.um, diameter=1 * u.um))
    net._aside.share = Share(SimpleNamespace(devices=np.empty(2)), 0, 1)
    net.connect(net.E, net.cells, bs.FixedInDegree(2), receptor="syn", weight=1 * u.pA)
    net.cells.add_junctions(gap=bs.cells.Junctions([(0, 3)]).on("soma"))
    with pytest.raises(ValueError, match="E->cells was built in parts, and its targets are not divided"):
        Division(net, 2, net._aside.share)


def test_spikes_of_cells_of_several_shapes_have_room_for_all_at_once():
    one = bs.cells.ball_and_stick(20 * u.um, length=100 * u.um, diameter=1 * u.um)
    two = bs.cells.ball_and_stick(20 * u.um, length=150 * u.um, diameter=1 * u.um)
    net = _cells([one, two, one, two])
    entry = enter(net, 0.1 * u.ms, dt=0.1 * u.ms, record=["cells.spikes", "E.spikes"]).prepared()
    groups = entry.parameters, entry.fixed, entry.state
    chunk = Chunk(plan_of(net, entry.requests), entry.structure, Division(net, 3), None, groups)
    assert chunk.room >= 64 + 2 + 2 and chunk.capacity - chunk.room == (chunk.looks + 1) * (2 + 2)  # two on a device


# -- how it is divided ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, devices",
    [
        *(("stdp_of_delays", n) for n in (1, 2, 3, 7)),
        *((name, n) for name in ("dendrites", "forest") for n in (1, 2, 3)),
    ],
)
def test_parts_make_the_whole_again(name, devices):
    net, _ = NETWORKS[name]()
    structure, *groups = net.prepare(0.1)
    division = Division(net, devices)
    for path, array in (groups[0] | groups[2]).items():
        entered = division.enter(path, array)
        if entered.piece is None:
            continue
        parts = np.stack([entered.piece(k) for k in range(devices)])
        assert parts.shape[1:] == entered.shape
        np.testing.assert_array_equal(division.leave(path, array.shape, parts), array)


def test_cells_of_several_shapes_are_divided_by_their_compartments():
    found = report(NETWORKS["forest"]()[0], 3)
    assert "cells: 7 units, at most 40 of 115 compartments on a device" in str(found)
    assert found.synapses.sum() == sum(p.n_synapses for p in NETWORKS["forest"]()[0].projections.values())
    shapes = [one.shape for one in found.sent]
    assert all(max(shape) < 20 for shape in shapes), shapes  # spikes alone
    np.testing.assert_array_equal(in_blocks(np.array([100, 1, 1, 1, 1, 1]), 3), [0, 1, 6, 6])
    np.testing.assert_array_equal(in_blocks(np.array([1, 1, 1, 1, 1, 100]), 3), [0, 5, 6, 6])
    np.testing.assert_array_equal(in_blocks(np.array([3, 3, 2, 2, 2]), 2), [0, 2, 5])


@pytest.mark.parametrize("devices", [3, 7])
@pytest.mark.parametrize("implementation", ["plain", "kernel"])
def test_trees_of_a_device_are_solved_as_they_are_among_all(devices, implementation):
    cells = NETWORKS["forest"]()[0].cells
    forest, rng = Forest(cells, devices), np.random.default_rng(0)
    tree = cells.plain("tree")
    s, e, r, v = rng.uniform(1, 9, tree.n), *rng.uniform(1, 9, (3, tree.n_compartments))
    with events.served_by(implementation):
        whole = trees.solve(tree, s, v, e, r)
        for device in range(devices):
            at = forest.sites.places(device)
            nodes = np.append(at, tree.n_compartments + forest.points.places(device))
            plan, rows = (forest.trees[f"tree.{name}"][device] for name in ("plan", "rows"))
            static = Static(len(at), 0)
            (own,) = tree_p(
                (plan, rows, np.full(len(nodes), -1, np.int32)), s[nodes], e[at], r[at], v[at], static=static
            )
            here = np.asarray(forest.sites.is_here(device))
            assert np.isfinite(own).all()
            np.testing.assert_array_equal(own[here], whole[at[here]])
            np.testing.assert_allclose(own[~here], (r / e)[at][~here], rtol=1e-12)  # alone


def test_every_synapse_is_where_its_target_is():
    net, _ = NETWORKS["plain"]()
    net.prepare(0.1)
    division, name = Division(net, 3), "E->E"
    pre, post = net[name].pairs()
    block = -(-net.E.count // 3)
    found = []
    for device in range(3):
        rows = division.rows(name)
        indptr, targets = rows.indptr(device), rows.targets(device)
        sources = np.repeat(np.arange(net.E.count), np.diff(indptr))
        assert targets.min() >= 0 and targets.max() < block
        found.append(np.stack([sources, targets + device * block]))
    found = np.concatenate(found, 1)
    order = np.lexsort(found[::-1])
    np.testing.assert_array_equal(found[:, order], np.stack([pre, post]))


def test_work_and_exchange_of_a_device_stay_what_they_are_as_network_and_devices_grow():
    """Weak scaling by what is counted: ideal are the synapses of 40 neurons with 10 inputs each, and a bit for each of them."""
    for devices in (1, 4, 16):
        found = report(scaled(devices), devices)
        assert found.synapses.sum() == 400 * devices
        assert found.synapses.max() <= 1.1 * 400
        assert found.sent_bytes == 5
        assert found.received_bytes == 5 * (devices - 1)
        assert found.exchanges == pytest.approx(1 / 10)  # once in the delay, of ten steps


def test_a_report_says_what_is_divided():
    net, _ = NETWORKS["rules"]()
    text = str(report(net, 4))
    assert "E: 22 units, 6 on a device" in text
    assert "one: 1 unit on every device" in text
    assert "E->I: on every device" in text  # synapses that are not stored


def test_who_fired_is_told_once_for_all_projections():
    net, _ = NETWORKS["plain"]()
    sent = report(net, 4).sent
    assert sorted((one.shape, one.n_bytes) for one in sent) == [((10,), 1), ((41,), 2)]  # 3 and 11 bits
