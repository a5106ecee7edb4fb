"""Networks that are built in parts: groups of postsynaptic neurons, blocks of rows, and the shares of processes."""

import os
import threading

import brainunit as u
import numpy as np
import pytest
import scipy.stats

import brainsim as bs
from brainsim._mesh import Share, mesh_of
from brainsim._threads import how_many
from brainsim.events import _sorted_rows
from brainsim.wiring import groups
from tests.simulation.mesh_networks import MS, plain_of
from tests.simulation.mesh_parts import RECORD, build, small_groups, synapses_of
from tests.simulation.test_mesh import _said, _start, free_port


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(groups, "GROUP", groups.GROUP)
    monkeypatch.setattr(groups, "BLOCK", groups.BLOCK)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    small_groups()


class Part(Share):
    """One of several processes that there are not."""

    @property
    def devices(self):
        return 5

    def everywhere(self, array):
        return array[None]


@pytest.mark.parametrize("bounds", [(0, 2, 5), (0, 1, 2, 3, 4, 5)])
def test_the_parts_of_processes_are_the_whole(monkeypatch, bounds):
    whole = synapses_of(build())
    parts = []
    for first, last in zip(bounds, bounds[1:]):
        monkeypatch.setattr(Share, "of", lambda mesh, first=first, last=last: Part(mesh_of(1), first, last))
        net = build(mesh=1)
        parts.append(synapses_of(net))
        for projection in net.projections.values():
            targets = projection.pairs()[1]
            size = -(-projection.n_post // 5)
            assert np.all((targets >= first * size) & (targets < last * size))
    for name, listed in whole.items():
        found = np.concatenate([part[name] for part in parts], 1)
        np.testing.assert_array_equal(found[:, np.lexsort(found[::-1])], listed)


def test_two_processes_build_their_parts_and_run_them_with_the_bits_of_one(tmp_path):
    port = free_port()
    command = "-m", "tests.simulation.mesh_parts"
    outs = [str(tmp_path / f"{k}.npz") for k in range(2)]
    there = [_start(*command, outs[k], f"localhost:{port}", "2", str(k), devices=2) for k in range(2)]
    net = build()
    whole = synapses_of(net)
    rec = bs.simulate(net, 30 * MS, record=RECORD)
    for process in there:
        _said(process)
    first, second = map(np.load, outs)
    whole |= {f"after {name}": listed for name, listed in synapses_of(net).items()}
    for name, listed in whole.items():
        found = np.concatenate([first[name], second[name]], 1)
        np.testing.assert_array_equal(found[:, np.lexsort(found[::-1])], listed)
        assert max(first[name].shape[1], second[name].shape[1]) < 0.65 * listed.shape[1]
    for label in RECORD[:2]:
        assert len(rec[label]) > 50
        np.testing.assert_array_equal(first[label], np.stack([rec[label].steps, rec[label].indices]))
    np.testing.assert_array_equal(first["E.V[::7]"], u.get_mantissa(rec["E.V[::7]"]))
    function, description, recording = first["refused"]
    assert "of which this process has 2" in function and "of which this process has 2" in description
    assert "looks at all synapses of E->E" in recording


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (bs.FixedTotalNumber(40000), 40000),
        (bs.FixedTotalNumber(40000, self_connections=False), 40000),
        (bs.FixedProbability(0.4), None),
        (bs.FixedInDegree(80), 80 * 310),
    ],
)
def test_what_is_drawn_in_groups_has_the_statistics_of_the_rule(monkeypatch, rule, expected):
    monkeypatch.setattr(groups, "GROUP", 100)
    monkeypatch.setattr(groups, "BLOCK", 5000)
    n = 310
    net = bs.Network(seed=11)
    net.E = bs.neurons.LIF(n)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * MS))
    delay = bs.Normal(1.5 * MS, 0.5 * MS).truncate(low=0.1 * MS)
    made = net.connect(net.E, net.E, rule, receptor="syn", weight=bs.Normal(50 * u.pA, 5 * u.pA), delay=delay)
    pre, post = made.pairs()
    if expected is None:
        assert abs(len(pre) - 0.4 * n * n) < 5 * np.sqrt(0.24 * n * n)
        assert len(np.unique(pre * n + post)) == len(pre)
    else:
        assert len(pre) == expected
    if not rule.self_connections:
        assert np.all(pre != post)
    for side, sides in ((pre, "pre"), (post, "post")):
        counts = np.bincount(side, minlength=n)
        if isinstance(rule, bs.FixedInDegree) and sides == "post":
            assert set(counts) == {80}
        else:  # binomial: of Poisson numbers where pairs may repeat, less otherwise
            assert scipy.stats.chi2.sf(np.sum((counts - counts.mean()) ** 2) / counts.mean(), n - 1) > 1e-3
    assert scipy.stats.kstest((u.get_mantissa(made.weight) - 50) / 5, "norm").pvalue > 1e-3
    ms = u.get_mantissa(made.delay)
    bound = (0.1 - 1.5) / 0.5
    assert scipy.stats.kstest((ms - 1.5) / 0.5, scipy.stats.truncnorm(bound, np.inf).cdf).pvalue > 1e-3
    assert np.all(np.diff(ms)[np.diff(pre) == 0] >= 0)  # sorted by delay
    # who, with which weight and when are independent
    for one, other in ((ms, u.get_mantissa(made.weight)), (ms, post), (u.get_mantissa(made.weight), post)):
        assert abs(scipy.stats.spearmanr(one, other).statistic) < 4.5 / np.sqrt(len(pre))


@pytest.mark.parametrize("threads", ["2", "5"])
def test_any_number_of_threads_draws_the_same(monkeypatch, threads):
    def drawn():
        found = []
        for projection in build().projections.values():
            numbers = (plain_of(x) for x in (projection.weight, projection.delay) if x is not None)
            found += [*projection.pairs(), *numbers]  # as they stand
        return found

    alone = drawn()
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(_sorted_rows, "LEAST", 50)
    for array, expected in zip(drawn(), alone, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_what_a_thread_refuses_is_refused(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    net = bs.Network()
    net.E = bs.neurons.LIF(60)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * MS))
    with pytest.raises(ValueError, match="k = 61, but postsynaptic neuron 0 has only 60"):
        net.connect(net.E, net.E, bs.FixedInDegree(61), receptor="syn", weight=1 * u.pA)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("brainsim")]


@pytest.mark.parametrize(("said", "number"), [("3", 3), ("4,2", 4), ("0", 1), ("", None), ("many", None)])
def test_the_number_of_threads_is_said_by_the_environment(monkeypatch, said, number):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert how_many() == (number or len(os.sched_getaffinity(0)))
