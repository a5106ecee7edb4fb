"""Requests: what a label means."""

import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split
from brainsim.simulation.engine import Plan
from brainsim.simulation.plan import Times, parse

V = np.arange(10.0)


@pytest.fixture
def read():
    net = bs.Network()
    net.E = bs.neurons.LIF(10)

    def parse_one(label, every=1):
        _, parameters, _, state = split(net)
        return parse(net, label, Times(0.1, 0, 1000, every, None), parameters | state, None)[0]

    return parse_one


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("", V),
        ("[:3]", V[:3]),
        ("[-2:]", V[-2:]),
        ("[::4]", V[::4]),
        ("[8:2:-3]", V[8:2:-3]),
        ("[::-3]", V[::-3]),
        ("[4]", V[[4]]),
        ("[-1]", V[[-1]]),
        ("[[0, 7, 3]]", V[[0, 7, 3]]),
        ("[0,7]", V[[0, 7]]),
    ],
)
def test_an_index_selects_what_numpy_selects(index, expected, read):
    request = read(f"E.V{index}")
    np.testing.assert_array_equal(request.select(V), expected)
    assert request.shape == expected.shape


def test_a_request_is_a_value_that_can_be_hashed(read):
    assert read("E.V[:3]") == read("E.V[:3]") and hash(read("E.V[:3]")) == hash(read("E.V[:3]"))
    assert read("E.V[:3]") != read("E.V[:4]")
    assert read("E.V", every=5) != read("E.V")
    assert read("E.spikes", every=5).every == 1


@pytest.mark.parametrize(
    ("index", "numbers"), [("", np.arange(10)), ("[8:2:-3]", [8, 5]), ("[-1]", [9]), ("[[7, 0]]", [7, 0])]
)
def test_a_request_knows_its_elements(index, numbers, read):
    np.testing.assert_array_equal(read(f"E.V{index}").numbers, numbers)
    assert read(f"E.spikes{index}").name == f"E{index}"
    assert read("E.spikes").is_spikes and not read("E.V").is_spikes and read("E.tau").numbers is None


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("E.V[[3, 3]]", "selects an element twice"),
        ("E.V[[9, -1]]", "selects an element twice"),
        ("E.V[3:3]", "selects nothing"),
        ("E.V[10]", "selects what does not exist; the variable has 10 elements"),
        ("E.tau[0]", "indexes a single number"),
        ("E.V[::0]", "cannot read the index"),
    ],
)
def test_an_index_that_selects_nothing_good_is_refused(label, message, read):
    with pytest.raises(ValueError, match=message):
        read(label)


@pytest.mark.parametrize("label", ["", "E.V[", "E.V]", "E.V[1][2]", "E.V[1]]", "E.V[[1]", "[1]", 3])
def test_what_cannot_be_read_is_refused(label, read):
    with pytest.raises(ValueError, match="record: cannot read .*; write a path such as 'E.spikes'"):
        read([label])


def test_recorded_populations_follow_each_other_in_the_event_buffer(read):
    plan = Plan((read("E.spikes[:3]"), read("E.V"), read("E.spikes")), 10, 100)
    np.testing.assert_array_equal(plan.offsets, [0, 3, 13])
