"""A million short steps in float32: nothing stands still, and from a file it goes on with the same bits.

In steps of 1e-4 ms all that models are made of is slow: a change in a step is below the last digit of what changes. What
comes of a million of them is that of float64: in the same steps where cells fire and where masses oscillate, elsewhere
in 20,000 steps of 0.005 ms.
"""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from tests.every import networks

SPAN, COARSE = 100.0, 0.005  # ms
SAME_STEP = ("neurons", "masses")
GROUP = 6  # classes in a network; larger ones compile for long
TIMES = [3.0, 7.0, 11.0, 18.0, 26.0, 33.0, 41.0, 55.0, 60.0, 75.0, 90.0] * u.ms


def driven(net, room, names):
    for name in names:
        kind = networks.exported(room)[name]
        setattr(net, name, kind(1))
        for part in {"rate", "rho_0", "lambda_0"} & kind._declared.keys() if room == "neurons" else ():  # no chance
            net[name].assign(part, 0.0 * net[name].unit_of(part))
        drive = networks.DRIVE.get(name, 1024.0) if room == "neurons" else 0.1
        net[name].add_stimuli(drive=bs.stimuli.Constant(drive * net[name].input_unit))


def cell(net, name, **receptors):
    setattr(net, name, bs.neurons.LIF(1, V_th=0 * u.mV, refractory=0.5 * u.ms))
    net[name].add_receptors(**receptors or {"syn": bs.receptors.Exponential()})
    return net[name]


def receptors(net, room, names):
    for name in names:
        kind = networks.exported(room)[name]
        post = cell(net, name, syn=networks.made(net, kind))
        signal, unit = ("V", u.mV) if kind.graded else (None, u.UNITLESS)
        weight = 0.5 * post.syn.weight_unit(unit)
        net.connect(
            net.graded if kind.graded else net.pre, post, bs.AllToAll(), receptor="syn", signal=signal, weight=weight
        )


def terminals(net, room, names):
    for name in names:
        kind = networks.exported(room)[name]
        post = cell(net, name, syn=bs.receptors.Graded() if kind.graded else bs.receptors.Exponential())
        terminal = networks.made(net, kind)
        if name == "QuantalRelease":
            terminal.U = 1.0  # no chance
        net.connect(net.pre, post, bs.AllToAll(), receptor="syn", weight=1.0 * u.pA, terminal=terminal)


def rules(net, room, names):
    for name in names:
        post = cell(net, name)
        post.V_th = -50 * u.mV
        post.add_stimuli(drive=bs.stimuli.Constant(12 * u.nA))
        rule = networks.made(net, networks.exported(room)[name])
        net.connect(net.pre, post, bs.AllToAll(), receptor="syn", weight=300.0 * u.pA, plasticity=rule)


def modulators(net, room, names):
    kinds = {
        "Dopamine": lambda: bs.modulators.Dopamine(tau=20 * u.ms, source=net.pre),
        "Astrocyte": lambda: bs.modulators.Astrocyte(excited_by=net.pre),
        "Schedule": lambda: bs.modulators.Schedule(lambda t: u.math.exp(-t / (10 * u.ms))),
    }
    for name in names:
        setattr(net, name, kinds[name]())


ROOMS = {
    "neurons": driven, "masses": driven, "receptors": receptors, "terminals": terminals, "plasticity": rules,
    "modulators": modulators,
}  # fmt: skip
GROUPS = [
    (room, names[k : k + GROUP])
    for room in ROOMS
    for names in [sorted(networks.exported(room))]
    for k in range(0, len(names), GROUP)
]


def network(room, names):
    net = bs.Network(seed=1)
    net.pre = bs.sources.SpikeTimes(2, TIMES, [0, 1] * 5 + [0])
    net.graded = bs.neurons.LIF(1, V_th=0 * u.mV)
    net.graded.add_stimuli(drive=bs.stimuli.Constant(10 * u.nA))
    net.dopamine = bs.modulators.Dopamine(tau=20 * u.ms, source=net.pre)
    ROOMS[room](net, room, names)
    return net


def run(net, n_steps, dt, spikes):
    names = [name for name, population in net.populations.items() if "spikes" in population._declared]
    rec = bs.simulate(net, n_steps * dt * u.ms, dt=dt * u.ms, record=[f"{name}.spikes" for name in names])
    for name in names:
        spikes.setdefault(name, []).extend(rec.spikes[name].times / u.ms)
    return networks.states(net)


@pytest.mark.slow
@pytest.mark.parametrize("room, names", GROUPS, ids=lambda x: x if isinstance(x, str) else f"{x[0]}-{x[-1]}")
def test_nothing_stands_still(room, names, tmp_path, steps=1_000_000):
    dt = SPAN / steps
    part = steps // 20
    found, expected = {}, {}
    with jax.enable_x64(False):
        net = network(room, names)
        run(net, steps // 2, dt, found)
        bs.save(net, tmp_path / "half")
        middle = run(net, part, dt, found)
        other = network(room, names)
        bs.load(other, tmp_path / "half")
        again = run(other, part, dt, {})
        end = run(net, steps - steps // 2 - part, dt, found)
    assert again.keys() == middle.keys()
    for path, value in middle.items():
        np.testing.assert_array_equal(again[path], value, err_msg=path)
    assert any(path.endswith("_rounding") for path in end)
    with jax.enable_x64(True):
        same = dt if room in SAME_STEP else COARSE
        exact = run(network(room, names), round(SPAN / same), same, expected)
    for name, times in expected.items():
        assert len(times) == len(found[name]), name
        np.testing.assert_allclose(found[name], times, atol=0.05, err_msg=name)
    for path, value in exact.items():
        if not path.endswith(("_rounding", "spikes", "steps")) and end[path].shape == value.shape:
            np.testing.assert_allclose(end[path], value, rtol=5e-3, atol=1e-5, err_msg=path)
