"""Formats describe what they say, and refuse what does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events


def test_a_matrix_and_its_list_are_the_same(conn, rng):
    weight = rng.normal(size=conn.weight_shape)
    pre, post = (np.asarray(x) for x in conn.coo())
    assert pre.shape == post.shape == (conn.n_synapses,)
    expected = np.zeros((conn.n_pre, conn.n_post))
    np.add.at(expected, (pre, post), weight.ravel())
    np.testing.assert_allclose(conn.todense(weight), expected, rtol=1e-12)
    np.testing.assert_array_equal(conn.todense(), conn.todense(1.0))


def test_rows_are_compressed_as_in_scipy():
    conn = events.CSR([0, 2, 2, 3], [1, 3, 0], 4)
    assert (conn.n_pre, conn.n_post, conn.n_synapses, conn.weight_shape) == (3, 4, 3, (3,))
    np.testing.assert_array_equal(conn.todense(jnp.array([1.0, 2.0, 3.0])), [[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]])


def test_only_index_arrays_are_leaves(conn):
    leaves, tree = jax.tree.flatten(conn)
    assert all(jnp.issubdtype(x.dtype, jnp.integer) for x in leaves)
    again = jax.tree.unflatten(tree, leaves)
    assert (again.n_pre, again.n_post, again.weight_shape) == (conn.n_pre, conn.n_post, conn.weight_shape)
    assert hash(tree) == hash(jax.tree.structure(again))


def test_fields_are_fixed(conn):
    with pytest.raises(AttributeError):
        conn.n_post = 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: events.CSR([0, 2], [1, 4], 4), r"CSR: indices lies in 0 to 3; got values from 1 to 4"),
        (lambda: events.CSR([0, 2], [-1, 1], 4), r"CSR: indices lies in 0 to 3; got values from -1 to 1"),
        (lambda: events.CSR([0, 1], [1, 3], 4), r"indptr rises from 0 to the number of synapses \(2\); got 0 to 1"),
        (lambda: events.CSR([0, 2, 1, 2], [1, 3], 4), r"got 0 to 2, falling in between"),
        (lambda: events.CSR([], [], 4), r"indptr has n_pre \+ 1 entries; got none"),
        (lambda: events.CSR([0, 1], [1.0], 4), r"indices is an array of integers with 1 axes; got float64\[1\]"),
        (lambda: events.FixedFanOut([1, 2], 4), r"indices is an array of integers with 2 axes; got int64\[2\]"),
        (lambda: events.Diagonal(-1), r"Diagonal: n is a number of neurons, 0 or more; got -1"),
        (lambda: events.Block(4, 6, 1, 5, 0, 6), r"Block: a run of presynaptic neurons lies in 0 to 4; got 1 to 5"),
        (lambda: events.Block(4, 6, 1, 3, 4, 2), r"Block: a run of postsynaptic neurons lies in 0 to 6; got 4 to 2"),
        (lambda: events.Dense(2, 3.0), r"Dense: n_post is a number of neurons, 0 or more; got 3.0"),
        (lambda: events.Dense(2**16, 2**15), r"2147483648 synapses are more than int32 can index"),
        (
            lambda: events.FixedFanOut(np.broadcast_to(np.int32(0), (2**16, 2**15)), 4),
            r"2147483648 synapses are more than int32 can index \(2147483647\). Split the projection",
        ),
        (lambda: events.CSR([0], np.broadcast_to(np.int32(0), 2**31), 4), r"2147483648 synapses are more"),
    ],
)
def test_what_is_no_connectivity_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_empty_connectivities_deliver_nothing(implementation):
    for conn in (events.CSR([0, 0, 0], [], 3), events.FixedFanOut(np.zeros((2, 0), int), 3)):
        into = jnp.arange(3.0)
        np.testing.assert_array_equal(events.deliver(conn, jnp.ones(2, bool), 1.0, into), into)
        np.testing.assert_array_equal(events.deliver_transposed(conn, into, 1.0), [0, 0])
