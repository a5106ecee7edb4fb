"""Every exported class in every way to run it: seeds, initial states, files, another dt, one unit, both precisions.

All classes of a kind stand in one network, so that a program is compiled once for them.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import key_of
from tests.every import networks
from tests.every.networks import states

DT, HALF, WHOLE = 0.1 * u.ms, 2 * u.ms, 4 * u.ms
RTOL = {True: 1e-9, False: 2e-4}  # float64 and float32, of what is added in another order
FAST = [(name, 3, True) for name in networks.NETWORKS]
OTHERS = [(name, n, wide) for name in networks.NETWORKS for n, wide in ((1, True), (1, False), (3, False))]


def named(cases, marks=()):
    ids = [f"{name}-{n}-{'float64' if wide else 'float32'}" for name, n, wide in cases]
    return [pytest.param(*case, marks=marks, id=id) for case, id in zip(cases, ids)]


slowly = named(OTHERS, pytest.mark.slow)


@pytest.fixture(scope="module")
def made():
    """Networks that have not been changed, and their states at the beginning, made once."""
    found = {}

    def make(name, n, wide):
        if (name, n, wide) not in found:
            net = networks.NETWORKS[name](n)
            found[name, n, wide] = net, states(net)
        return found[name, n, wide]

    return make


@pytest.fixture
def precision(wide):
    with jax.enable_x64(wide):
        yield


def run(net, duration=WHOLE, dt=DT) -> dict[str, list]:
    """Spike times, ms, of every unit of every population; one program for all."""
    names = [name for name, population in net.populations.items() if "spikes" in population._declared]
    rec = bs.simulate(net, duration, dt=dt, record=[f"{name}.spikes" for name in names])
    return {name: [list(rec.spikes[name].of(k) / u.ms) for k in range(len(net[name]))] for name in names}


def parts(part):
    yield part
    for child in vars(part).values():
        if hasattr(child, "_declared"):
            yield from parts(child)


def compare(found, expected, rtol):
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        size = max(1.0, float(np.max(np.abs(value), initial=0)))
        np.testing.assert_allclose(found[path], value, rtol=rtol, atol=rtol * size, err_msg=path)


@pytest.mark.parametrize("name, n, wide", [*named(FAST), *slowly])
def test_from_a_file_it_goes_on_bit_by_bit(made, precision, name, n, wide, tmp_path):
    net, begun = made(name, n, wide)
    net.reset(seed=5)
    run(net)
    whole = states(net)
    changed = [path for path, value in begun.items() if not np.array_equal(value, whole[path])]
    assert len(changed) > len(begun) / 3
    net.reset(seed=5)
    run(net, HALF)
    bs.save(net, tmp_path / "half")
    other = networks.NETWORKS[name](n)
    bs.load(other, tmp_path / "half")
    run(other, WHOLE - HALF)
    found = states(other)
    assert found.keys() == whole.keys()
    for path, value in whole.items():
        np.testing.assert_array_equal(found[path], value, err_msg=path)


@pytest.mark.parametrize("name, n, wide", named(FAST[-1:]) + named(FAST[:-1], pytest.mark.slow) + slowly)
def test_seeds_and_initial_states_are_single_runs(made, precision, name, n, wide):
    """Of a sweep over seeds, and of a function under vmap over the initial states of these seeds."""
    net, _ = made(name, n, wide)
    single = {}
    for seed in (0, 2, 7):
        net.reset(seed=seed)
        run(net)
        single[seed] = states(net)
    net.reset()
    paths = [path for path in single[0] if not path.endswith(("spikes", "steps"))]
    runs = bs.sweep(net, {}, WHOLE, dt=DT, record=paths, sample_every=WHOLE, seeds=range(8))
    assert runs.shape == (8,)
    for seed, expected in single.items():
        found = {path: np.asarray(u.get_mantissa(runs[seed][path]))[-1] for path in paths}
        compare(found, {path: expected[path] for path in paths}, RTOL[wide])
    f = bs.function(net, WHOLE, dt=DT, remat=False)
    keys = jnp.stack([key_of(seed) for seed in single])
    starts = [f.initial_state(key) for key in keys]
    together = jax.jit(jax.vmap(lambda state, key: f({}, state, key=key)[0]))
    ends = together(jax.tree.map(lambda *each: jnp.stack(each), *starts), keys)
    for k, expected in enumerate(single.values()):
        compare({path: np.asarray(value)[k] for path, value in ends.items()}, expected, RTOL[wide])


def quiet(net):
    """Nothing by chance."""
    for part in parts(net):
        if isinstance(part, bs.neurons.Neuron | bs.population.Population | bs.stimuli.Stimulus):
            for name in {"rate", "rho_0", "lambda_0", "sigma"} & part._declared.keys():
                part.assign(name, 0.0 * part.unit_of(name))
        if isinstance(part, bs.terminals.QuantalRelease):
            part.U = 1.0
    return net


@pytest.mark.parametrize("name, n, wide", [*named(FAST), *slowly])
def test_another_step_goes_on(precision, name, n, wide):
    """Half a run at 0.1 ms and half at 0.05 ms is nearly the run at 0.05 ms, and ends within the error of 0.1 ms."""
    net = quiet(networks.NETWORKS[name](n))
    ends, spikes = {}, {}
    for which, (before, after) in {"coarse": (0.1, 0.1), "fine": (0.05, 0.05), "changed": (0.1, 0.05)}.items():
        net.reset()
        first, second = run(net, WHOLE, before * u.ms), run(net, WHOLE, after * u.ms)
        spikes[which] = {k: [a + b for a, b in zip(first[k], second[k])] for k in first}
        ends[which] = states(net)
        assert int(net.steps) == round(8 / after)
    for population, units in spikes["fine"].items():
        for fine, changed in zip(units, spikes["changed"][population]):
            n_both = min(len(fine), len(changed))
            np.testing.assert_allclose(fine[:n_both], changed[:n_both], atol=0.3, err_msg=population)
            assert all(t > 7.7 for t in fine[n_both:] + changed[n_both:]), population
    for path, fine in ends["fine"].items():
        if path.endswith(("steps", "spikes", "_rounding")):  # which states keep their roundings depends on dt
            continue
        coarse, changed = ends["coarse"][path], ends["changed"][path]
        assert changed.shape == fine.shape, path
        if coarse.shape == fine.shape:
            size = np.abs(fine).max(initial=0)
            error, off = (np.abs(x.astype(float) - fine).max(initial=0) for x in (coarse, changed))
            assert off <= 1.5 * error + 0.02 * size, path


def test_every_exported_class_is_in_a_network(made):
    held = set()
    for name, n, wide in FAST:
        here = {type(part).__name__ for part in parts(made(name, n, wide)[0])}
        for room in networks.ROOMS[name]:
            assert networks.exported(room).keys() <= here
        held |= here
    kinds = {name for name in bs.delays.__all__ if isinstance(getattr(bs.delays, name), type)}
    assert kinds - {"Changing", "Times", "Exact", "ExactChanging"} <= held
