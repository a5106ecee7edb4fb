"""What is measured of each update and each layer, in the history, in a callback and in files that TensorBoard reads."""

import struct
import time

import brainunit as u
import jax
import numpy as np
import optax
import pytest

import brainsim as bs

from .conftest import small
from .test_fit import WEIGHTS, fit


def events(folder, last):
    """Scalars and histograms by name and step, of the records of event files, read as their format says, once ``last`` is there: a
    thread writes them.
    """
    for _ in range(1200):
        if last in (found := written(folder)):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{last} was not written, but {sorted(found)}")


def written(folder):
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.glob("*tfevents*")):
        content = path.read_bytes()
        while len(content) >= 8:
            (length,) = struct.unpack("<Q", content[:8])
            if len(content) < 16 + length:
                break  # it is being written
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                found[value.tag, event.step] = value.histo if value.HasField("histo") else value.simple_value
    return found


def test_gradient_norms_of_layers_and_updates(examples, tmp_path):
    pytest.importorskip("tensorboardX")
    steps, net = bs.train.Steps(), small()
    objective = bs.train.Objective(
        net, 8 * u.ms, loss=bs.train.losses.cross_entropy, read="out.V", encode=bs.encoding.Constant()
    )
    batch = next(bs.train.Arrays(*examples, batch=20).epoch(0))
    slopes = jax.grad(objective, has_aux=True)(objective.run.parameters, {}, batch, jax.random.PRNGKey(0))[0]
    board = bs.train.TensorBoard(tmp_path / "runs", histograms=True)
    history = fit(net, examples, optimizer=optax.sgd(0.0), callbacks=[steps, board])
    assert set(history.of("gradient norm")) == set(WEIGHTS)
    for path, norms in steps.of("gradient norm").items():
        assert norms.shape == (6,)
        assert norms[0] == pytest.approx(float(np.linalg.norm(slopes[path])), rel=1e-5)
        assert history[f"gradient norm: {path}"][1] == pytest.approx(norms[3:].mean())
    last = steps.of("gradient norm")["hidden->out.weight"]
    each = np.stack(list(steps.of("gradient norm").values()))
    np.testing.assert_allclose(steps["gradient norm"], np.sqrt((each**2).sum(0)), rtol=1e-6)
    assert steps["update"].tolist() == [1, 2, 3, 4, 5, 6]
    assert "gradient norm" in repr(history) and "hidden" not in repr(history)
    with pytest.raises(bs.UnknownNameError, match="'gradient' was not measured of parts.*gradient norm"):
        history.of("gradient")
    updates = events(tmp_path / "runs" / "update", ("gradient_norm/hidden-out.weight", 6))
    epochs = events(tmp_path / "runs" / "epoch", ("hidden-out.weight", 2))
    for k in range(6):
        assert updates["loss", k + 1] == pytest.approx(steps["loss"][k], rel=1e-6)
        assert updates["gradient_norm/hidden-out.weight", k + 1] == pytest.approx(last[k], rel=1e-6)
    assert epochs["accuracy", 2] == pytest.approx(history["accuracy"][1])
    assert epochs["hidden-out.weight", 2].num == 24


def test_tensorboard_is_asked_for_when_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'brainsim\[tensorboard\]'"):
        bs.train.TensorBoard(tmp_path)
