"""The readout: one linear layer with a softmax on the spike counts, trained by Adadelta."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.progress import Bar


class Readout(NamedTuple):
    """Accuracies (epochs,) on the validation and the test set after each epoch, and W (features, 10), b (10,) of the
    last.
    """

    valid: np.ndarray
    test: np.ndarray
    W: np.ndarray
    b: np.ndarray

    @property
    def best(self) -> int:
        """Epoch with the highest accuracy in validation, the first of several."""
        return int(np.argmax(self.valid))

    @property
    def accuracy(self) -> float:
        """Test accuracy at that epoch."""
        return float(self.test[self.best])


def normalised(counts) -> np.ndarray:
    """Each row divided by its sum; float32."""
    counts = np.asarray(counts, np.float32)
    return counts / np.maximum(counts.sum(1, keepdims=True), 1e-12)


def train(
    train_counts,
    train_labels,
    valid_counts,
    valid_labels,
    test_counts,
    test_labels,
    *,
    epochs: int = 1500,
    batch: int = 250,
    rate: float = 0.1,
    seed: int = 0,
    progress: bool = False,
) -> Readout:
    """Train the layer from zero weights.

    Every row of counts is divided by its sum, and a batch by its largest value. Targets are the softmax of 1 for the
    true class and -1 for the others; the loss is the cross-entropy with them plus 5e-10 of half the squared weights.

    Parameters
    ----------
    train_counts, valid_counts, test_counts : array, (n, features)
        Spike counts, or any other non-negative features.
    train_labels, valid_labels, test_labels : int array, (n,)
        Classes 0 to 9.
    epochs, batch : int
        Passes over the training set and samples per update.
    rate : float
        Learning rate of Adadelta (rho 0.95, eps 1e-8).
    seed : int
        Seed of the order of samples.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Readout
    """
    sets = [
        (jnp.asarray(normalised(x)), jnp.asarray(y, jnp.int32))
        for x, y in ((train_counts, train_labels), (valid_counts, valid_labels), (test_counts, test_labels))
    ]
    x, y = sets[0]
    batch = min(batch, len(x))
    n_batches = len(x) // batch
    targets = jax.nn.softmax(2.0 * jax.nn.one_hot(y, 10, dtype=x.dtype) - 1.0, axis=1)

    def scaled(x):
        return x / jnp.maximum(x.max(), 1e-12)

    def loss(layer, x, target):
        logits = jnp.dot(scaled(x), layer["W"]) + layer["b"][None, :]
        return optax.softmax_cross_entropy(logits, target).mean() + 5e-10 * 0.5 * jnp.sum(layer["W"] ** 2)

    def accuracy(layer, x, y):
        rest = x[: len(x) // batch * batch] if len(x) >= batch else x
        parts = rest.reshape(-1, min(batch, len(x)), x.shape[1])
        logits = (
            jax.vmap(lambda part: jnp.dot(scaled(part), layer["W"]))(parts).reshape(len(rest), 10) + layer["b"][None, :]
        )
        return (logits.argmax(1) == y[: len(rest)]).mean()

    descent = bs.train.Descent(loss, optax.adadelta(rate, rho=0.95, eps=1e-8))

    @jax.jit
    def epoch(place, key, x, targets, valid, test):
        chosen = jax.random.permutation(key, len(x))[: n_batches * batch].reshape(n_batches, batch)
        place, _ = jax.lax.scan(lambda place, rows: (descent(place, x[rows], targets[rows])[0], None), place, chosen)
        return place, accuracy(place.values, *valid), accuracy(place.values, *test)

    place = descent.first({"W": jnp.zeros((x.shape[1], 10), x.dtype), "b": jnp.zeros(10, x.dtype)})
    curve = []
    keys = jax.random.split(jax.random.PRNGKey(seed), epochs)
    with Bar("readout", epochs, progress) as bar:
        for k in range(epochs):
            place, *both = epoch(place, keys[k], x, targets, sets[1], sets[2])
            curve.append([float(value) for value in both])
            bar.tell(k + 1)
    valid, test = np.array(curve).T
    return Readout(valid, test, np.asarray(place.values["W"]), np.asarray(place.values["b"]))
