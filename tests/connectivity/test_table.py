"""Connectomes from tables."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import UnknownNameError
from brainsim.connectivity import FromTable

NAMES = ["A", "B", "C"]
TABLE = {
    "pre": np.array(["C", "A", "A", "B"]),
    "post": np.array(["A", "B", "C", "B"]),
    "weight": np.array([1.5, 2.0, 3.0, 4.0]),
    "type": np.array(["chemical", "chemical", "electrical", "electrical"]),
}
CONNECTOME = Path(__file__).parents[3] / "shared" / "data" / "celegans_connectome.csv"


class Lazy:
    """A frame whose columns are not read yet."""

    columns = ("pre", "post")
    collect = None


def matrix(rule, n=3):
    synapses = rule.connect(n, n, np.random.default_rng(0))
    found = np.zeros((n, n))
    np.add.at(found, (synapses.pre, synapses.indices), rule.values[synapses.order])
    return found


def test_names_become_indices_and_weights_stay_with_their_pairs():
    np.testing.assert_array_equal(matrix(FromTable(TABLE, NAMES)), [[0, 2, 3], [0, 4, 0], [1.5, 0, 0]])
    np.testing.assert_array_equal(
        matrix(FromTable(TABLE, NAMES, where={"type": "chemical"})), [[0, 2, 0], [0, 0, 0], [1.5, 0, 0]]
    )
    both = FromTable(TABLE, NAMES, where={"type": ("electrical",)}, symmetric=True)
    np.testing.assert_array_equal(matrix(both), [[0, 0, 3], [0, 4, 0], [3, 0, 0]])


def test_a_file_holds_the_same(tmp_path):
    path = tmp_path / "connectome.csv"
    rows = ["pre,post,weight,type", *(",".join(map(str, row)) for row in zip(*TABLE.values(), strict=True)), ""]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert FromTable(path, NAMES) == FromTable(TABLE, NAMES)
    path.write_text("from,to\n0,1\n2,0\n", encoding="utf-8")
    rule = FromTable(str(path), pre="from", post="to")
    np.testing.assert_array_equal([rule.pre, rule.post], [[0, 2], [1, 0]])
    assert rule.values is None


def test_rows_with_unknown_neurons_are_refused_or_skipped():
    with pytest.raises(
        UnknownNameError,
        match=r"2 rows name a neuron in column 'pre' that is not listed, the first 'A'.*unknown='skip'",
    ):
        FromTable(TABLE, ["B", "C"])
    assert FromTable(TABLE, ["B", "C"], unknown="skip").expected_synapses(2, 2) == 1
    # Muscles that receive only.
    rule = FromTable(TABLE, ["A", "B", "C"], post_names=["B"], unknown="skip")
    np.testing.assert_array_equal([rule.pre, rule.post], [[0, 1], [0, 0]])


def test_a_projection_takes_the_weights():
    net = bs.Network()
    net.N = bs.neurons.LIF(3)
    net.N.add_receptors(syn=bs.receptors.Exponential(reversal=0 * u.mV))
    projection = net.connect(net.N, net.N, FromTable(TABLE, NAMES), receptor="syn")
    found = np.zeros((3, 3))
    np.add.at(found, projection.indices_of_synapses(), projection.weight.to_decimal(u.nS))
    np.testing.assert_array_equal(found, [[0, 2, 3], [0, 4, 0], [1.5, 0, 0]])
    with pytest.raises(ValueError, match="FromTable carries no weights; give weight"):
        net.connect(net.N, net.N, FromTable(TABLE, NAMES, weight=None), receptor="syn")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: FromTable(TABLE, NAMES, pre="source"), UnknownNameError, "the table has no column 'source'"),
        (lambda: FromTable(TABLE, NAMES, where={"typ": "x"}), UnknownNameError, "no column 'typ'. Did you mean 'type'"),
        (lambda: FromTable(TABLE), ValueError, "column 'pre' holds 'C', no index; give the names of the neurons"),
        (lambda: FromTable(TABLE, ["A", "A", "B", "C"]), ValueError, "names lists 'A' more than once"),
        (
            lambda: FromTable(TABLE | {"weight": ["x"] * 4}, NAMES),
            ValueError,
            "column 'weight' holds entries that are not numbers",
        ),
        (
            lambda: FromTable(TABLE | {"weight": [1.0]}, NAMES),
            ValueError,
            "give one-dimensional columns of equal length",
        ),
        (lambda: FromTable({"pre": [0, -1], "post": [0, 1]}), ValueError, r"pre\[1\] = -1 is negative"),
        (lambda: FromTable(Lazy()), TypeError, r"table is a Lazy; give .* a data frame: table.collect\(\)"),
        (lambda: FromTable(7, NAMES), TypeError, "give a path, a dictionary of columns, or a data frame"),
        (lambda: FromTable("no such file.csv"), FileNotFoundError, "no such file"),
        (lambda: FromTable(TABLE, NAMES, unknown="drop"), ValueError, "give 'refuse' or 'skip'"),
    ],
)
def test_what_is_no_table_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.skipif(not CONNECTOME.is_file(), reason="the connectome is not in this checkout")
def test_the_connectome_of_the_nematode():
    """2,279 chemical connections with 6,597 contacts between 302 neurons (White et al. 1986; Varshney et al. 2011)."""
    neurons = CONNECTOME.with_name("celegans_neurons.csv").read_text(encoding="utf-8").splitlines()[1:]
    names = [line.split(",")[0] for line in neurons if line.split(",")[1] != "muscle"]
    assert len(names) == 302
    rule = FromTable(CONNECTOME, names, where={"type": "chemical"}, unknown="skip")
    synapses = rule.connect(302, 302, np.random.default_rng(0), same=True)
    assert synapses.size == 2279 and rule.values.sum() == 6597
    i, j = names.index("ADAL"), names.index("AVBL")
    row = slice(synapses.indptr[i], synapses.indptr[i + 1])
    assert rule.values[synapses.order[row]][synapses.indices[row] == j] == 4
