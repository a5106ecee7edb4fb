"""Rules whose synapses are given."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsim.connectivity import FromArrays, FromMatrix

RNG = np.random.default_rng(0)  # these rules draw nothing


def dense_weights(synapses, values, shape):
    dense = np.zeros(shape)
    np.add.at(dense, (synapses.pre, synapses.indices), values)
    return dense


@settings(deadline=None, max_examples=100)
@given(
    n_pre=st.integers(1, 20),
    n_post=st.integers(1, 20),
    size=st.integers(0, 60),
    seed=st.integers(0, 999),
    exclude=st.booleans(),
)
def test_listed_pairs_carry_their_values(n_pre, n_post, size, seed, exclude):
    rng = np.random.default_rng(seed)
    pre, post, weight = rng.integers(0, n_pre, size), rng.integers(0, n_post, size), rng.integers(1, 100, size)
    synapses = FromArrays(pre, post, self_connections=not exclude).connect(n_pre, n_post, RNG, same=True)
    expected = np.zeros((n_pre, n_post))
    kept = pre != post if exclude else np.ones(size, bool)
    np.add.at(expected, (pre[kept], post[kept]), weight[kept])
    np.testing.assert_array_equal(dense_weights(synapses, weight[synapses.order], (n_pre, n_post)), expected)
    np.testing.assert_array_equal(pre[synapses.order], synapses.pre)
    np.testing.assert_array_equal(post[synapses.order], synapses.indices)


def test_repeated_pairs_keep_their_order():
    synapses = FromArrays([1, 0, 1, 1], [2, 0, 2, 0]).connect(2, 3, RNG)
    assert synapses.order.tolist() == [1, 3, 0, 2]
    assert synapses.indptr.tolist() == [0, 1, 4]
    assert synapses.indices.tolist() == [0, 0, 2, 2]


def test_arrays_are_validated():
    with pytest.raises(ValueError, match="FromArrays: pre lists 2 synapses and post 3; give arrays of equal length"):
        FromArrays([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match=r"FromArrays: post\[1\] = -1 is negative"):
        FromArrays([0, 1], [0, -1])
    with pytest.raises(TypeError, match="FromArrays: pre holds float64 values; give integer indices"):
        FromArrays([0.0, 1.0], [0, 1])
    with pytest.raises(ValueError, match=r"FromArrays: pre\[0\] = 4294967296 is out of range"):
        FromArrays([2**32], [0])
    with pytest.raises(
        ValueError, match=r"FromArrays: multiple=False, but 1 synapses repeat a pair, the first being 1 -> 2"
    ):
        FromArrays([1, 0, 1], [2, 2, 2], multiple=False)
    with pytest.raises(
        ValueError, match=r"FromArrays: post\[2\] = 7 is out of range; there are 5 postsynaptic neurons"
    ):
        FromArrays([0, 1, 2], [0, 1, 7]).connect(5, 5, RNG)


def test_arrays_are_copied_and_read_only():
    pre = np.array([0, 1])
    rule = FromArrays(pre, [1, 0])
    pre[0] = 5
    assert rule.pre.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        rule.pre[0] = 3


def test_arrays_compare_by_content():
    assert FromArrays([0, 1], [1, 0]) == FromArrays(np.array([0, 1]), (1, 0))
    assert FromArrays([0, 1], [1, 0]) != FromArrays([0, 1], [1, 1])
    assert FromArrays([0], [1]) != FromArrays([0], [1], multiple=False)
    assert FromMatrix(np.eye(2)) != FromMatrix(2 * np.eye(2))
    assert FromMatrix(np.eye(2)) != FromArrays([0, 1], [0, 1])
    assert hash(FromMatrix(np.eye(2))) == hash(FromMatrix(scipy.sparse.coo_array(np.eye(2))))


@pytest.mark.parametrize(
    "sparse_format", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia", "spmatrix", "dense", "list"]
)
def test_every_matrix_format(sparse_format):
    rng = np.random.default_rng(1)
    dense = rng.random((12, 17)) * (rng.random((12, 17)) < 0.4)
    if sparse_format == "list":
        matrix = dense.tolist()
    elif sparse_format == "spmatrix":
        matrix = scipy.sparse.csr_matrix(dense)
    else:
        matrix = dense if sparse_format == "dense" else scipy.sparse.coo_array(dense).asformat(sparse_format)
    rule = FromMatrix(matrix)
    synapses = rule.connect(12, 17, RNG)
    np.testing.assert_array_equal(dense_weights(synapses, rule.values[synapses.order], dense.shape), dense)
    np.testing.assert_array_equal(rule.values[synapses.order], rule.values)
    assert rule.expected_synapses(12, 17) == synapses.size == np.count_nonzero(dense)


def test_matrix_without_its_diagonal():
    dense = np.arange(1.0, 10.0).reshape(3, 3)
    rule = FromMatrix(dense, self_connections=False)
    synapses = rule.connect(3, 3, RNG, same=True)
    weights = dense_weights(synapses, rule.values[synapses.order], (3, 3))
    np.testing.assert_array_equal(weights, dense - np.diag(np.diag(dense)))
    # Views that are shifted by one neuron: the pairs (0, 1) and (1, 2) of the population are not self connections.
    synapses = rule.connect(np.array([0, 1, 2]), np.array([1, 2, 3]), RNG, same=True)
    weights = dense_weights(synapses, rule.values[synapses.order], (3, 3))
    np.testing.assert_array_equal(weights, dense * [[1, 1, 1], [0, 1, 1], [1, 0, 1]])


def test_matrix_entries_follow_scipy():
    repeated = scipy.sparse.coo_array(([1.0, 2.0, 0.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    rule = FromMatrix(repeated)
    assert rule.values.tolist() == [3.0]
    assert repeated.nnz == 3  # the given matrix is untouched
    mask = FromMatrix(np.eye(3, dtype=bool))
    assert mask.values.dtype == bool and mask.values.all()
    with pytest.raises(ValueError, match="read-only"):
        rule.values[0] = 1.0


def test_matrix_is_validated():
    import brainunit as u

    with pytest.raises(ValueError, match=r"FromMatrix: matrix has shape \(3,\); give two dimensions"):
        FromMatrix(np.ones(3))
    with pytest.raises(ValueError, match="FromMatrix: matrix holds nan or infinite values"):
        FromMatrix([[np.nan, 1.0]])
    with pytest.raises(TypeError, match="FromMatrix: matrix holds complex128 values"):
        FromMatrix(np.ones((2, 2), complex))
    with pytest.raises(TypeError, match="FromMatrix: matrix is a Quantity .* in the unit of the receptor"):
        FromMatrix(np.ones((2, 2)) * u.mV)
    with pytest.raises(TypeError, match="FromMatrix: matrix is a list that is not an array"):
        FromMatrix([[1, 0], [0]])
    with pytest.raises(
        ValueError, match=r"FromMatrix: matrix has shape \(2, 3\); give \(n_pre, n_post\) = \(3, 2\): matrix.T"
    ):
        FromMatrix(np.ones((2, 3))).connect(3, 2, RNG)
