"""Morphologies from SWC files. The numbers are those of NEURON 9.0.2: `Import3d_SWC_read`, `Import3d_GUI.instantiate`,
then `sec.L`, `sec(0.5).area()` with one segment, `sec.parentseg().x`."""

import warnings
from pathlib import Path

import brainunit as u
import numpy as np
import pytest

from brainsim.cells import read_swc

DATA = Path(__file__).parents[3] / "shared" / "data" / "swc"
ONE_POINT = "1 1 0 0 0 1.0 -1\n2 2 2 0 0 0.1 1\n3 2 3 0 0 0.1 2\n4 3 0 2 0 0.3 1\n5 3 0 3 0 0.2 4\n6 3 0 4 0 0.1 5\n"


def frusta(branch):
    slant = np.hypot(branch.steps, np.diff(branch.radius))
    return float((np.pi * (branch.radius[1:] + branch.radius[:-1]) * slant).sum())


def by_type(morphology):
    """Number, length and area of the branches of each type."""
    return {
        kind: (len(own), sum(b.length_um for b in own), sum(map(frusta, own)))
        for kind in morphology.types
        if (own := [b for b in morphology if b.type == kind])
    }


@pytest.fixture
def read(tmp_path):
    def read(text, **settings):
        path = tmp_path / "cell.swc"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_swc(path, **settings)

    return read


# fmt: off
NEURON = {  # text -> per branch: name, parent, at, length, area
    "soma of one point": (ONE_POINT, [
        ("soma[0]", -1, 1.0, 2.0, 12.566371), ("axon[0]", 0, 0.5, 1.0, 0.628319), ("dend[0]", 0, 0.5, 2.0, 2.525809),
    ]),
    "soma of three points, as NeuroMorpho.Org has it": (
        "1 1 0 0 0 3 -1\n2 1 0 -3 0 3 1\n3 1 0 3 0 3 1\n4 3 5 0 0 1 1\n5 3 9 0 0 1 4\n6 4 0 8 0 1 1\n", [
        ("soma[0]", -1, 1.0, 6.0, 113.097336), ("dend[0]", 0, 0.5, 4.0, 25.132741), ("apic[0]", 0, 0.5, 8.0, 50.265482),
    ]),
    "soma of many points": (
        "1 1 0 0 0 2 -1\n2 1 0 4 0 3 1\n3 1 0 8 0 2 2\n4 3 0 12 0 1 3\n5 3 0 20 0 1 4\n6 3 5 4 0 1 2\n7 3 9 4 0 1 6\n"
        "8 2 0 -3 0 1 1\n9 2 0 -6 0 1 8\n", [
        ("soma[0]", -1, 1.0, 8.0, 129.531183), ("dend[0]", 0, 1.0, 12.0, 75.398224), ("dend[1]", 0, 0.5, 4.0, 25.132741),
        ("axon[0]", 0, 0.0, 6.0, 37.699112),
    ]),
    "soma that branches": (
        "1 1 0 0 0 1 -1\n2 1 1 0 0 1 1\n3 2 0 -2 0 1 1\n4 2 0 -3 0 1 3\n5 1 -1 0 0 1 1\n6 1 -2 0 0 1 5\n7 3 5 0 0 1 2\n"
        "8 3 6 0 0 1 7\n", [
        ("soma[0]", -1, 1.0, 1.0, 6.283185), ("axon[0]", 0, 0.0, 1.0, 6.283185), ("soma[1]", 0, 0.0, 2.0, 12.566371),
        ("dend[0]", 0, 1.0, 5.0, 31.415927),
    ]),
    "the first point of a dendrite branches": (
        "1 1 0 0 0 5 -1\n2 2 0 -9 0 1 1\n3 2 0 -19 0 1 2\n4 3 8 0 0 1 1\n5 3 18 0 0 1 4\n6 3 8 10 0 0.5 4\n7 3 8 20 0 0.5 6\n", [
        ("soma[0]", -1, 1.0, 10.0, 314.159265), ("axon[0]", 0, 0.5, 10.0, 62.831853), ("dend[0]", 0, 0.5, 10.0, 62.831853),
        ("dend[1]", 2, 0.0, 20.0, 78.598684),
    ]),
    "types that change along a branch": (
        "1 3 0 0 0 1 -1\n2 3 5 0 0 1 1\n3 4 10 0 0 0.5 2\n4 4 20 0 0 0.5 3\n5 7 30 0 0 0.5 4\n", [
        ("dend[0]", -1, 1.0, 5.0, 31.415927), ("apic[0]", 0, 1.0, 15.0, 55.095388), ("type 7[0]", 1, 1.0, 10.0, 31.415927),
    ]),
    "steps of no length, and a branch of none": (
        "1 1 0 0 0 2 -1\n2 3 3 0 0 1 1\n3 3 9 0 0 1 2\n4 3 9 0 0 0.5 3\n5 3 15 0 0 0.5 4\n6 2 0 -2 0 1 1\n7 2 0 -8 0 1 6\n"
        "8 4 0 -8 0 1 7\n9 4 0 -9 0 1 8\n10 4 0 -8 3 1 8\n", [
        ("soma[0]", -1, 1.0, 4.0, 50.265482), ("dend[0]", 0, 0.5, 12.0, 58.904862), ("axon[0]", 0, 0.5, 6.0, 37.699112),
        ("apic[0]", 2, 1.0, 1.0, 6.283185), ("apic[1]", 2, 1.0, 3.0, 18.849556),
    ]),
}
# fmt: on


@pytest.mark.parametrize("case", NEURON)
@pytest.mark.filterwarnings("ignore:.*of no length")
def test_branches_are_the_sections_of_neuron(read, case):
    text, expected = NEURON[case]
    found = [(b.name, b.parent, b.at, round(b.length_um, 6), round(frusta(b), 6)) for b in read(text)]
    assert found == [(*rest, pytest.approx(length), pytest.approx(area)) for *rest, length, area in expected]


# fmt: off
@pytest.mark.parametrize("name, expected", [
    ("ca1_n120", {"soma": (2, 20.804, 933.965), "apic": (53, 4429.687, 11829.454), "dend": (101, 7459.608, 19730.048)}),
    ("allen_485574832", {"soma": (1, 12.035, 455.048), "axon": (1, 91.149, 181.482), "dend": (40, 1324.073, 2078.33),
                         "apic": (57, 2783.102, 3967.033)}),
    ("l5pc_with_axon", {"soma": (1, 26.113, 1504.344), "axon": (128, 15161.958, 22680.296),
                        "dend": (66, 4337.704, 10471.869), "apic": (129, 9848.521, 31669.302)}),
    ("variable_radiuses_multi_branch", {"undefined": (1, 70.0, 144.646), "soma": (2, 193.137, 386.041)}),
])
# fmt: on
def test_reconstructions_have_the_lengths_and_areas_of_neuron(name, expected):
    if not DATA.exists():
        pytest.skip("needs ../shared/data/swc")
    found = by_type(read_swc(DATA / f"{name}.swc"))
    assert found.keys() == expected.keys()
    for kind, numbers in expected.items():
        assert found[kind] == pytest.approx(numbers, rel=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff# made by hand\n\n   # n type x y z r p\n" + text + "\x1a",
        lambda text: text.replace(" ", ",\t"),
        lambda text: text.replace("\n", " 7 nobody # tip\n"),
        lambda text: text.replace("1 1 0 0 0 1.0 -1", "1.0 1.0 0e0 0 0 1 -1.0"),
        lambda text: "\n".join(reversed(text.split("\n"))),
    ],
    ids=["CRLF", "comments", "commas", "more columns", "floats", "upside down"],
)
def test_dialects_say_the_same(read, change):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other, plain = read(change(ONE_POINT)), read(ONE_POINT)
    assert by_type(other) == by_type(plain)
    assert [b.source.tolist() for b in other] == [[-1, 1, -1], [2, 3], [4, 5, 6]]


def test_ids_may_have_gaps_and_parents_come_late(read):
    late = "10 3 5 0 0 1 70\n70 3 3 0 0 1 99\n99 1 0 0 0 2 -1\n12 3 9 0 0 1 10\n5 3 4 4 0 1 70\n6 3 4 8 0 1 5\n"
    with pytest.warns(UserWarning, match="3 points came before their parents") as caught:
        cell = read(late)
    assert len(caught) == 1
    # NEURON refuses this file; the same points renumbered in depth-first order have these lengths there.
    assert [(b.name, b.parent, b.at, b.source.tolist()) for b in cell] == [
        ("soma[0]", -1, 1.0, [-1, 99, -1]),
        ("dend[0]", 0, 0.5, [99, 70]),
        ("dend[1]", 1, 1.0, [70, 5, 6]),
        ("dend[2]", 1, 1.0, [70, 10, 12]),
    ]


def test_the_order_of_lines_and_what_ids_are_do_not_matter(read):
    random = np.random.default_rng(1)
    for _ in range(5):
        parents, kinds = [-1], [1]
        while len(parents) < 25:
            # Depth first: the next point grows from the last one or from one of its ancestors.
            p = len(parents) - 1
            while p > 0 and random.random() < 0.3:
                p = parents[p]
            parents.append(p)
            kinds.append(int(random.choice([2, 3, 4])) if kinds[p] == 1 else kinds[p])
        rows = np.column_stack([np.arange(25), kinds, random.normal(size=(25, 3)) * 9, random.uniform(0.2, 1, 25), parents])
        plain = read("\n".join(" ".join(map(repr, row)) for row in rows.tolist()))
        rows[:, 0] = 3 * rows[:, 0] + 7
        rows[1:, 6] = 3 * rows[1:, 6] + 7
        other = read("\n".join(" ".join(map(repr, row)) for row in random.permutation(rows).tolist()))
        assert [b.name for b in other] == [b.name for b in plain]
        assert [frusta(b) for b in other] == [frusta(b) for b in plain]
        np.testing.assert_array_equal(other[-1].source, 3 * plain[-1].source + 7)


def test_several_trees_are_read_as_if_each_were_alone(read):
    second = ONE_POINT.replace("-1", "-9").split("\n")
    moved = [" ".join((str(int(a) + 6), b, c, d, z, r, p if p == "-9" else str(int(p) + 6)))
             for a, b, c, d, z, r, p in map(str.split, second[:-1])]  # fmt: skip
    both = read(ONE_POINT + "\n".join(moved))
    assert both.roots.tolist() == [0, 3]
    assert [b.name for b in both] == ["soma[0]", "axon[0]", "dend[0]", "soma[1]", "axon[1]", "dend[1]"]
    assert [frusta(b) for b in both.branches[:3]] == [frusta(b) for b in both.branches[3:]]


def test_nanometres(read):
    text = "\n".join(f"{k} 3 {1000 * k} 0 0 100 {k - 1 if k > 1 else -1}" for k in range(1, 9))
    with pytest.warns(UserWarning, match="look like nanometres"):
        in_um = read(text)
    in_nm = read(text, unit=u.nmeter)
    np.testing.assert_allclose(in_nm[0].xyz, in_um[0].xyz / 1000, rtol=1e-12)
    np.testing.assert_allclose(in_nm[0].radius, 0.1, rtol=1e-12)


def test_what_is_safe_to_mend_is_mended_with_one_warning(read):
    text = "1 1 0 0 0 2 0\n2 3 3 0 0 1 1\n2 3 3 0 0 1 1\n3 3 9 0 0 1 2\n4 2 9 0 0 1 3\n"
    with pytest.warns(UserWarning) as caught:
        cell = read(text)
    assert str(caught[0].message) == (
        "cell.swc: 1 repeated lines left out; the point on line 1 has parent 0 and was taken as the root; "
        "1 branches of no length left out."
    )
    assert len(caught) == 1
    assert [b.name for b in cell] == ["soma[0]", "dend[0]"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 1 7\n", r"line 2: point 2 is disconnected, its parent 7 does not exist"),
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 1 3\n3 3 5 0 0 1 2\n", r"line [23]: point [23] is its own ancestor"),
        ("1 1 0 0 0 1 1\n", r"line 1: point 1 is its own ancestor"),
        ("# none\n", r"there are no points"),
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 0 1\n", r"line 2: the radius must be positive, given 0 .*min_radius"),
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 -2 1\n", r"line 2: the radius must be positive, given -2"),
        ("1 1 0 0 0 1 -1\n\n2 3 nan 0 0 1 1\n", r"line 3: coordinates and radius must be finite"),
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 inf 1\n", r"line 2: coordinates and radius must be finite"),
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 1\n", r"line 2: expected id, type, x, y, z, radius, parent, given 6 columns"),
        ("1 1 0 0 0 1 -1\n2 dend 5 0 0 1 1\n", r"line 2: expected numbers .* given '2 dend"),
        ("1 1 0 0 0 1 -1\n2 3 5 0 0 1 1\n2 3 6 0 0 1 1\n", r"line 3: the id 2 is taken by another point, on line 2"),
        ("1 1 0 0 0 1 -1\n2 3.5 5 0 0 1 1\n", r"line 2: id, type and parent must be whole numbers"),
    ],
)
def test_what_is_broken_is_refused_with_its_line(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_radii_of_zero_take_the_least_radius_if_asked(read):
    cell = read("1 1 0 0 0 0 -1\n2 3 5 0 0 0 1\n3 3 9 0 0 1 2\n", min_radius=0.2 * u.um)
    assert cell[0].radius.tolist() == [0.2] * 3
    assert cell[1].radius.tolist() == [0.2, 1.0]
    with pytest.raises(TypeError, match="min_radius"):
        read(ONE_POINT, min_radius=0.2)
    with pytest.raises(TypeError, match="unit must be a length"):
        read(ONE_POINT, unit=u.ms)
