"""Windows of a run carry the state over and end derivatives; batches are divided among devices with the same result."""

import json
import os
import subprocess
import sys

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.train import losses
from brainsim.train.spread import Spread

from .conftest import small

STILL = dict(
    encode=bs.encoding.Bernoulli(gain=0.5),
    read=("out.V", "sequence"),
    loss=losses.step_cross_entropy,
    metrics=(),
    batch=20,
    progress=False,
)


def test_states_are_carried_over(examples):
    """Where nothing is learned, the losses of all windows together are that of the whole run."""
    exact = []
    for window in (8 * u.ms, 2 * u.ms):
        options = STILL | {
            "encode": bs.encoding.Constant(),
            "optimizer": optax.sgd(0.0),
            "epochs": 1,
            "truncate": window,
        }
        exact.append(bs.train.fit(small(), examples, 8 * u.ms, **options)["loss"][0])
    assert exact[1] == pytest.approx(exact[0], rel=1e-12)


def test_derivatives_end_where_a_window_begins(examples):
    """The first update of a second window is the gradient of its own loss, from the state that the first one left."""
    encode, x, y = bs.encoding.Constant(), examples[0][:20], examples[1][:20]
    net = small()
    options = STILL | dict(encode=encode, optimizer=optax.sgd(1.0), epochs=1, truncate=4 * u.ms, seed=2)
    bs.train.fit(net, [(x, y)], 8 * u.ms, **options)
    twin = small()
    objective = bs.train.Objective(twin, 4 * u.ms, loss=STILL["loss"], read=STILL["read"])
    step, key = bs.train.bptt(objective), jax.random.PRNGKey(0)
    batch = bs.train.Batch(np.repeat(x[:, None], 4, 1), y)
    p = {path: objective.run.parameters[path] for path in ("pixels->hidden.weight", "hidden->out.weight")}
    (_, result), slope = step(p, {}, batch, key)
    p = jax.tree.map(jnp.subtract, p, slope)
    _, slope = step(p, {}, batch, key, jax.lax.stop_gradient(result.final))
    p = jax.tree.map(jnp.subtract, p, slope)
    for path, array in p.items():
        np.testing.assert_allclose(net.projections[path[:-7]].plain("weight"), array, rtol=1e-9, atol=1e-12)


def test_targets_of_every_step_go_with_their_windows(examples):
    targets = np.random.default_rng(0).integers(0, 3, (60, 8))
    options = STILL | dict(encode=bs.encoding.Constant(), optimizer=optax.sgd(0.0), epochs=1)
    whole = bs.train.fit(small(), (examples[0], targets), 8 * u.ms, **options)["loss"][0]
    parts = bs.train.fit(small(), (examples[0], targets), 8 * u.ms, truncate=2 * u.ms, **options)["loss"][0]
    assert parts == pytest.approx(whole, rel=1e-12)


def test_windows_that_do_not_fit_are_refused(examples):
    for window in (3 * u.ms, 0.5 * u.ms):
        with pytest.raises(ValueError, match="truncate: .* is not a part of 8. ms|truncate: .* is not a part of 8 ms"):
            bs.train.fit(small(), examples, 8 * u.ms, truncate=window, **STILL)
    with pytest.raises(ValueError, match="without lengths"):
        bs.train.fit(small(), (*examples, np.full(60, 8)), 8 * u.ms, truncate=4 * u.ms, **STILL)


SCRIPT = """
import sys, json, jax, numpy as np, optax, brainunit as u, brainsim as bs
rng, y = np.random.default_rng(0), np.arange(40) % 3
x = np.clip(np.repeat(np.eye(3), 2, 1)[y] + rng.normal(0, 0.15, (40, 6)), 0, 2).astype(np.float32)
net = bs.nn.Sequential(6, bs.nn.Linear(8, gain=2.0), bs.nn.LIF(), bs.nn.Linear(5), bs.nn.BatchNorm(), bs.nn.LIF(),
                       bs.nn.Linear(3), bs.nn.LeakyReadout())
h = bs.train.fit(net, (x, y, 3 + np.arange(40) % 4), 6 * u.ms, encode=bs.encoding.Bernoulli(gain=0.5), epochs=2, batch=20,
                 optimizer=optax.MultiSteps(optax.adam(0.02), 2), average=0.9, mesh=jax.devices())
print(json.dumps([len(jax.devices()), h["loss"].tolist()]))
"""


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one():
    found = {}
    for n in (1, 2):
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={n}"
        env = os.environ | {"XLA_FLAGS": flags, "JAX_ENABLE_X64": "0"}
        out = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=300)
        assert out.returncode == 0, out.stderr[-2000:]
        count, values = json.loads(out.stdout.splitlines()[-1])
        found[count] = values
    np.testing.assert_allclose(found[2], found[1], rtol=1e-5)


def test_a_batch_that_cannot_be_divided_is_refused(examples):
    with pytest.raises(ValueError, match="a batch of 20 examples is not a multiple of 3 devices"):
        spread = Spread(1)
        spread.devices = spread.devices * 3
        spread(bs.train.Batch(examples[0][:20], examples[1][:20]))
