"""Weight changes against a loop over synapses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events
from brainsim.events import _library


def by_hand(conn, touched, weight, delta, low, high):
    out = np.array(weight).ravel()
    for k in np.flatnonzero(touched):
        out[k] = min(max(out[k] + delta[k], low), high)
    return out.reshape(conn.weight_shape)


@pytest.mark.parametrize("side", ["pre", "post"])
@pytest.mark.parametrize("kind", [bool, float])
def test_the_synapses_of_spiking_neurons_move_within_bounds(conn, side, kind, rng, implementation):
    pre, post = (np.asarray(x) for x in conn.coo())
    own, other = (pre, post) if side == "pre" else (post, pre)
    n_own, n_other = (conn.n_pre, conn.n_post) if side == "pre" else (conn.n_post, conn.n_pre)
    spikes = (rng.random(n_own) < 0.3).astype(kind)
    weight, delta = 2 * rng.normal(size=conn.weight_shape), rng.normal(size=n_other)
    expected = by_hand(conn, spikes[own] != 0, weight, delta[other], -1.0, 1.5)
    if side == "pre":
        found = events.add_on_pre(conn, spikes, weight, delta, -1.0, 1.5)
    else:
        found = events.add_on_post(conn, events.transpose_index(conn), spikes, weight, delta, -1.0, 1.5)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    outside = np.asarray(expected).ravel()[spikes[own] == 0]
    assert np.any((outside < -1.0) | (outside > 1.5))  # those that are not touched are not clipped


@pytest.mark.parametrize("compiled", [True, False])
def test_the_index_by_post_finds_every_synapse_once(conn, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(_library, "host", lambda *name: None)
    index = events.transpose_index(conn)
    pre, post = (np.asarray(x) for x in conn.coo())
    position = np.asarray(index.position)
    np.testing.assert_array_equal(np.sort(position), np.arange(conn.n_synapses))
    np.testing.assert_array_equal(index.source, pre[position])
    np.testing.assert_array_equal(np.repeat(np.arange(conn.n_post), np.diff(index.indptr)), post[position])
    same = np.diff(post[position]) == 0  # those of one target are in the order in which they stand
    assert np.all(np.diff(position)[same] > 0)
    assert {x.dtype for x in (index.indptr, index.source, index.position)} == {np.dtype(np.int32)}


def test_one_weight_for_all_cannot_be_plastic():
    with pytest.raises(ValueError, match=r"weight is a float array of shape \[4\]; got float64\[\]"):
        events.add_on_pre(events.Diagonal(4), np.zeros(4, bool), 1.0, np.zeros(4))


def test_the_index_of_another_connectivity_is_refused():
    index = events.transpose_index(events.Diagonal(3))
    with pytest.raises(
        ValueError, match=r"by_post has 3 postsynaptic neurons and 3 synapses, the connectivity 4 and 4"
    ):
        events.add_on_post(events.Diagonal(4), index, jnp.zeros(4, bool), np.ones(4), np.zeros(4))
    with pytest.raises(TypeError, match=r"by_post is events.transpose_index\(conn\); got NoneType"):
        events.add_on_post(events.Diagonal(4), None, jnp.zeros(4, bool), np.ones(4), np.zeros(4))


LAWS = [
    events.PowerLaw(1.5, 2.0, 0.4),
    events.PowerLaw(-1.0, 1.0, 1.0),
    events.PowerLaw(0.0, 3.0, 2.0),
    events.PowerLaw(0.0, 1.0, 0.0),
]


@pytest.mark.parametrize("side", ["pre", "post"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"power{law.power}")
def test_changes_that_depend_on_the_weight(build, side, law, rng, implementation):
    conn = build(events.CSR, rng)
    pre, post = (np.asarray(x) for x in conn.coo())
    own, other = (pre, post) if side == "pre" else (post, pre)
    n_own, n_other = (conn.n_pre, conn.n_post) if side == "pre" else (conn.n_post, conn.n_pre)
    factor = np.where(rng.random(n_own) < 0.3, rng.normal(size=n_own), 0.0)
    weight, delta = rng.uniform(-1, 1.5, conn.weight_shape), rng.normal(size=n_other)
    change = factor[own] * delta[other] * (np.abs(weight - law.anchor) / law.scale) ** law.power
    expected = by_hand(conn, factor[own] != 0, weight, change, -1.0, 1.5)
    index = () if side == "pre" else (events.transpose_index(conn),)
    add = events.add_on_pre if side == "pre" else events.add_on_post
    np.testing.assert_allclose(add(conn, *index, factor, weight, delta, -1.0, 1.5, law), expected, rtol=1e-12)


def test_derivatives_of_changes_that_depend_on_the_weight(build, rng):
    """In weights, changes, bounds, the law and the factors, also where a neuron does not spike."""
    conn = build(events.FixedFanOut, rng)
    factor = jnp.asarray(np.where(rng.random(conn.n_pre) < 0.5, rng.normal(size=conn.n_pre), 0.0))
    weight, delta = (
        jnp.asarray(rng.uniform(-0.5, 0.5, conn.weight_shape)),
        jnp.asarray(0.1 * rng.normal(size=conn.n_post)),
    )

    def change(factor, weight, delta, anchor, scale, power):
        return events.add_on_pre(conn, factor, weight, delta, -10.0, 10.0, events.PowerLaw(anchor, scale, power))

    check_grads(
        change, (factor, weight, delta, jnp.float64(2.0), jnp.float64(1.5), jnp.float64(0.7)), 1, rtol=1e-6, atol=1e-6
    )


def test_at_the_anchor_of_a_root_nothing_moves_and_the_derivative_is_finite():
    conn, law = events.Diagonal(2), events.PowerLaw(1.0, 1.0, 0.5)
    change = lambda w: events.add_on_pre(conn, jnp.ones(2), w, jnp.ones(2), 0.0, 2.0, law)
    weight = jnp.asarray([1.0, 0.75])
    np.testing.assert_allclose(change(weight), [1.0, 1.25])
    slopes = jax.jacfwd(change)(weight)
    np.testing.assert_allclose(slopes, [[1.0, 0.0], [0.0, 0.0]], atol=1e-12)
