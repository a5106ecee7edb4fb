"""XOR by dendrites: learned by gradient, and out of reach for a point neuron of the same membrane."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.cells import dendritic_patterns as task


def test_a_point_neuron_follows_the_mean_of_its_conductances():
    """Where each input depolarises beyond some V, both together do: of random weights too, never XOR."""
    V = task.soma(task.network(task.shape(), point=True))
    rng = np.random.default_rng(0)
    weights = {name: jnp.asarray(rng.normal(-1.0, 1.5, (100, 2))) for name in ("nmda", "gaba")}
    none, *each, both = np.asarray(jax.jit(jax.vmap(lambda w: V(w, jnp.asarray(task.CORNERS))))(weights)).T
    np.testing.assert_allclose(none, -70.0, atol=1e-6)
    lesser = np.minimum(*each)
    assert (lesser > none + 0.1).sum() > 5
    assert (both > lesser)[lesser > none + 0.1].all()


@pytest.mark.slow
@pytest.mark.parametrize("point, right", [(False, 1.0), (True, 0.75)])
def test_dendrites_learn_what_a_point_neuron_cannot(point, right):
    result = task.main(point)
    assert result["corners"] == 1.0 if not point else result["corners"] <= right
    assert result["points"] > 0.97 if not point else result["points"] < 0.8
