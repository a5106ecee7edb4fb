"""Ways to run a network that must give the same: each takes a number and returns what differs, or nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from brainsim._core import split
from tests.fuzz.networks import DT, network

STEPS = 30
DURATION = STEPS * DT


def recorded(net) -> list[str]:
    """Spikes, first variables and plastic weights of everything."""
    names = []
    for name, population in net.populations.items():
        names += [f"{name}.spikes"] if "spikes" in population._declared else []
        names += [f"{name}.{variable}" for variable in list(getattr(population, "variables", ()))[:1]]
        names += [f"{name}.{key}.g" for key, part in getattr(population, "receptors", {}).items() if "g" in vars(part)]
    return names + [f"{name}.weight" for name, projection in net.projections.items() if projection.plastic]


def outcome(rec) -> dict[str, np.ndarray]:
    """What a recording holds, as plain arrays."""
    samples = {label: np.asarray(u.get_mantissa(rec[label])) for label in list(rec.keys())}
    return samples | {
        f"{k}.spikes": np.stack([np.asarray(s.steps), np.asarray(s.indices)]) for k, s in rec.spikes.items()
    }


def whole(net, **options) -> dict[str, np.ndarray]:
    return outcome(bs.simulate(net, DURATION, dt=DT, record=recorded(net), **options))


def joined(parts) -> dict[str, np.ndarray]:
    return {k: np.concatenate([part[k] for part in parts], axis=1 if k.endswith(".spikes") else 0) for k in parts[0]}


# -- the ways ----------------------------------------------------------------------------------------------------------


def chunks(make):
    return whole(make(), chunk_steps=7)


def again(make):
    net = make()
    whole(net)
    net.reset()
    return whole(net)


def pieces(make):
    net = make()
    return joined([outcome(bs.simulate(net, n * DT, dt=DT, record=recorded(net))) for n in (11, STEPS - 11)])


def stored(make):
    """Half a run, saved, loaded into another network of the same making, and the rest there."""
    net, other = make(), make()
    first = outcome(bs.simulate(net, 11 * DT, dt=DT, record=recorded(net)))
    with tempfile.TemporaryDirectory() as folder:
        bs.save(net, Path(folder) / "half")
        bs.load(other, Path(folder) / "half")
    return joined([first, outcome(bs.simulate(other, (STEPS - 11) * DT, dt=DT, record=recorded(other)))])


def plain(make):
    """By the definitions in plain JAX instead of the kernels; of what is not drawn, which both do in their own way."""
    with bs.events.served_by("plain"):
        return whole(make())


def pure(make):
    net = make()
    run = bs.function(net, DURATION, dt=DT, record=recorded(net))
    return _events(net, run({}, {})[1])


def batch(make):
    """The second of three equal runs under vmap."""
    net = make()
    run = bs.function(net, DURATION, dt=DT, record=recorded(net))
    states = jax.tree.map(lambda x: jnp.stack([x] * 3), run.state)
    return _events(net, jax.tree.map(lambda x: x[1], jax.vmap(lambda state: run({}, state)[1])(states)))


def swept(make):
    """The second of two runs that differ in a parameter of the first population, where it has its own value."""
    net = make()
    _, parameters, _, _ = split(net)
    path = next(
        path for path, value in sorted(parameters.items()) if value.size and jnp.issubdtype(value.dtype, jnp.floating)
    )
    owner, _, name = path.rpartition(".")
    value = getattr(net[owner], name)
    number, unit = np.asarray(u.get_mantissa(value)), u.get_unit(value)
    values = u.Quantity(np.stack([number * 1.01, number]), unit=unit)
    return outcome(bs.sweep(net, {path: values}, DURATION, dt=DT, record=recorded(net))[1])


def _events(net, samples):
    out = {}
    for label, array in samples.items():
        array = np.asarray(array)
        if label.endswith(".spikes"):
            steps, indices = np.nonzero(array)
            array = np.stack([steps + 1, indices])
        out[label] = array
    return out


EXACT = {chunks, again, pieces, stored}
WAYS = [chunks, again, pieces, stored, plain, pure, batch, swept]


def differences(seed: int, way, *, small: bool = False, rtol: float) -> list[str]:
    """What a way to run network ``seed`` gives that is not what one call gives: in any bit, or beyond ``rtol``."""

    def make():
        return network(seed, small=small, chance=way is not plain)

    expected, found = whole(make()), way(make)
    wrong = [f"{label} is missing" for label in expected.keys() - found.keys()]
    for label, right in expected.items():
        have = found.get(label, right)
        if have.shape != right.shape:
            wrong.append(f"{label}: shape {have.shape} instead of {right.shape}")
        elif way in EXACT:
            if not np.array_equal(have, right):
                wrong.append(f"{label}: not the same bits, off by up to {np.max(np.abs(have - right)):.3g}")
        elif have.size and not np.allclose(have, right, rtol=rtol, atol=rtol * max(1.0, float(np.max(np.abs(right))))):
            wrong.append(f"{label}: off by up to {np.max(np.abs(have - right)):.3g}")
    return wrong
