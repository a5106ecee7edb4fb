"""Edits of morphologies, spines, and writing them."""

import brainunit as u
import numpy as np
import pytest

from brainsim._errors import UnitError, UnknownNameError
from brainsim.cells import Branch, Builder, Morphology, ball_and_stick, cable, rall_tree, read_swc, write_swc


@pytest.fixture
def cell():
    """soma[0] - dend[0] (100 um) - dend[1], dend[2] (50 um); axon[0] at a quarter of dend[0]."""
    made = Builder()
    soma = made.add(20.0 * u.um, 20.0 * u.um, type="soma")
    trunk = made.add(100.0 * u.um, np.array([4.0, 2.0]) * u.um, parent=soma)
    for _ in range(2):
        made.add(50.0 * u.um, 1.0 * u.um, parent=trunk, labels=["tuft"])
    made.add(40.0 * u.um, 1.0 * u.um, type="axon", parent=trunk, at=0.25)
    return made.build()


def names(morphology):
    return [branch.name for branch in morphology]


def test_branches_are_chosen_by_type_label_name_and_index(cell):
    assert cell.which().tolist() == [0, 1, 2, 3, 4]
    assert cell.which("dend").tolist() == [1, 2, 3]
    assert cell.which("tuft", "soma[0]", [-1]).tolist() == [0, 2, 3, 4]
    with pytest.raises(UnknownNameError, match="no branch 'dent'. Did you mean 'dend'"):
        cell.which("dent")
    with pytest.raises(IndexError, match="there are 5 branches, given 7"):
        cell.which(7)


def test_cut_takes_what_grows_from_a_branch_too(cell):
    assert names(cell.cut("dend[0]")) == ["soma[0]"]
    left = cell.cut("tuft")
    assert (names(left), left.labels["tuft"].tolist()) == (["soma[0]", "dend[0]", "axon[0]"], [])
    with pytest.raises(ValueError, match="nothing is left"):
        cell.cut("soma")


def test_cut_within_a_branch_keeps_its_beginning(cell):
    left = cell.cut("dend[0]", at=0.5)
    assert names(left) == ["soma[0]", "dend[0]", "axon[0]"]
    assert (left["dend[0]"].length_um, left["dend[0]"].radius.tolist()) == (50.0, [2.0, 1.5])
    assert left["axon[0]"].at == 0.5  # it grew at 25 of 100 um, and does at 25 of 50
    assert cell["dend[0]"].length_um == 100.0
    assert names(cell.cut("dend[0]", at=0.2)) == ["soma[0]", "dend[0]"]


def test_cut_beyond_a_distance(cell):
    left = cell.cut_beyond(0.14 * u.mm)
    assert [round(b.length_um, 9) for b in left] == [20, 100, 20, 20, 40]
    assert float(left.measures.path_distances.max() / u.um) == pytest.approx(140)
    assert names(cell.cut_beyond(20.0 * u.um)) == ["soma[0]"]
    assert [round(b.length_um, 9) for b in cell.cut_beyond(140.0 * u.um, "dend[1]")] == [20, 100, 20, 50, 40]


def test_join(cell):
    both = cell.join(rall_tree(2), to="dend[1]", at=0.5)
    assert names(both)[5:] == ["dend[3]", "dend[4]", "dend[5]"]
    assert (both.parents[5:].tolist(), both[5].at) == ([2, 5, 5], 0.5)
    np.testing.assert_allclose(both[5].xyz[0], cell["dend[1]"].xyz.mean(0))
    apart = cell.join(cell)
    assert apart.roots.tolist() == [0, 5]
    assert apart.labels["tuft"].tolist() == [2, 3, 7, 8]
    assert len(set(names(apart))) == 10
    assert float(apart.measures.area / cell.measures.area) == pytest.approx(2)


def test_scale_rotate_and_translate(cell):
    twice = cell.scale(2.0).measures
    assert float(twice.area / cell.measures.area) == pytest.approx(4)
    assert float(twice.volume / cell.measures.volume) == pytest.approx(8)
    thick = cell.scale(1.0, "axon", diameters=3.0)
    assert (thick["axon[0]"].radius[0], thick["dend[1]"].radius[0]) == (1.5, 0.5)
    turned = cell.rotate(np.pi / 2)
    np.testing.assert_allclose(turned[1].xyz[1], [-120, 0, 0], atol=1e-9)  # it pointed along y
    np.testing.assert_allclose(turned.measures.areas.mantissa, cell.measures.areas.mantissa)
    np.testing.assert_allclose(cell.rotate(np.pi, (1, 0, 0))[1].xyz[1], [0, -120, 0], atol=1e-9)
    np.testing.assert_allclose(cell.translate([1.0, 2.0, 3.0] * u.mm)[0].xyz[0], [1000, 2000, 3000])
    with pytest.raises(ValueError, match="factor must be positive"):
        cell.scale(-1.0)


def test_resample_and_taper(cell):
    fine = cell.resample(15.0 * u.um, "dend")
    assert [len(b.radius) for b in fine] == [2, 8, 5, 5, 2]
    np.testing.assert_allclose(fine["dend[0]"].radius, np.linspace(2, 1, 8))
    np.testing.assert_allclose(fine.measures.areas.mantissa, cell.measures.areas.mantissa)
    thin = fine.taper(None, 0.5 * u.um, "dend[0]")
    np.testing.assert_allclose(thin["dend[0]"].radius, np.linspace(2, 0.25, 8))
    with pytest.raises(ValueError, match="step must be positive"):
        cell.resample(0.0 * u.um)


def test_relabel_and_label(cell):
    changed = cell.relabel("apic", "tuft")
    assert names(changed) == ["soma[0]", "dend[0]", "apic[0]", "apic[1]", "axon[0]"]
    assert changed.label("fork", "apic", "axon").labels["fork"].tolist() == [2, 3, 4]


def test_edits_keep_the_ids_of_the_file(tmp_path):
    path = tmp_path / "cell.swc"
    path.write_text("1 1 0 0 0 5 -1\n2 3 5 0 0 1 1\n3 3 15 0 0 1 2\n4 3 45 0 0 1 3\n")
    cell = read_swc(path)
    assert cell[1].source.tolist() == [2, 3, 4]
    assert cell.cut("dend", at=0.5)[1].source.tolist() == [2, 3, -1]
    assert cell.resample(10.0 * u.um, "dend")[1].source.tolist() == [2, 3, -1, -1, 4]


def test_spines_as_membrane(cell):
    spiny = cell.spine_density(1.5 / u.um, 0.8 * u.um**2, "tuft").multiply_area([2.0, 1.5], "soma", "axon")
    assert [b.spine_area for b in spiny] == pytest.approx([0, 0, 1.2, 1.2, 0])
    assert [b.area_factor for b in spiny] == [2, 1, 1, 1, 1.5]
    with pytest.raises(ValueError, match="one value or one for each of 3 branches"):
        cell.multiply_area([1.0, 2.0], "dend")
    with pytest.raises(ValueError, match="spine_area must not be negative"):
        cell.spine_density(-1.0 / u.um, 1.0 * u.um**2)
    with pytest.raises(UnitError, match="density"):
        cell.spine_density(1.0, 1.0 * u.um**2)


@pytest.mark.parametrize("seed", [None, 3])
def test_spines_as_branches(cell, seed):
    spiny = cell.grow_spines(0.5 / u.um, "dend", head_length=0.6 * u.um, head_diameter=0.6 * u.um, seed=seed)
    assert len(spiny) == 5 + 2 * 100  # 200 um of dendrite
    assert spiny.parents[6::2].tolist() == list(range(5, 205, 2))  # every head on its neck
    per_shaft = np.bincount(spiny.parents[5::2], minlength=4)
    assert per_shaft.sum() == 100
    if seed is None:
        assert per_shaft.tolist() == [0, 50, 25, 25]
    heads = spiny.measures.by_type["spine_head"]
    assert float(heads["area"] / u.um**2) == pytest.approx(100 * np.pi * 0.36)
    shaft = spiny["dend[0]"]
    for neck in (b for b in spiny if b.parent == 1 and b.type == "spine_neck"):
        place = shaft.xyz[0] + neck.at * (shaft.xyz[1] - shaft.xyz[0])
        assert np.linalg.norm(neck.xyz[0] - place) == pytest.approx(2 - neck.at)  # it begins on the surface
        assert abs((neck.xyz[1] - neck.xyz[0]) @ (shaft.xyz[1] - shaft.xyz[0])) < 1e-9


ROUND_TRIPS = {
    "ball and stick": lambda: ball_and_stick(),
    "tree": lambda: rall_tree(4),
    "a point for a soma": lambda: Morphology(
        [
            Branch(np.array([[-4, 1, 0], [0, 1, 0], [4, 1, 0.0]]), np.full(3, 4.0), "soma", name="soma[0]"),
            Branch(np.array([[0, 5, 0], [0, 9, 1], [0, 30, 2.0]]), np.array([1, 0.5, 0.4]), "dend", 0, 0.5, "dend[0]"),
            Branch(np.array([[0, 30, 2.0], [5, 40, 2]]), np.array([0.4, 0.3]), "type 7", 1, 1.0, "type 7[0]"),
        ]
    ),
    "two trees": lambda: cable(10.0 * u.um, 1.0 * u.um).join(rall_tree(3).relabel("axon")),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_is_written_comes_back(name, tmp_path):
    cell = ROUND_TRIPS[name]()
    write_swc(tmp_path / "cell.swc", cell)
    back = read_swc(tmp_path / "cell.swc")
    assert names(back) == names(cell)
    assert back.parents.tolist() == cell.parents.tolist()
    assert [b.at for b in back] == [b.at for b in cell]
    for old, new in zip(cell, back, strict=True):
        begins = len(new.xyz) - len(old.xyz)  # a thinner branch has one more point where it begins
        assert begins == int("tree" in name and old.parent >= 0)
        np.testing.assert_allclose(new.xyz[begins:], old.xyz, rtol=1e-12)
        np.testing.assert_allclose(new.radius[begins:], old.radius, rtol=1e-12)


def test_a_side_branch_makes_a_point_in_its_parent(cell, tmp_path):
    write_swc(tmp_path / "cell.swc", cell.relabel("glia", "axon"))
    assert (tmp_path / "cell.swc").read_text().startswith("# type 5 is glia\n")
    back = read_swc(tmp_path / "cell.swc")
    assert [(b.type, round(b.length_um, 6)) for b in back if b.type != "soma"] == [
        ("dend", 25), ("dend", 75), ("dend", 50), ("dend", 50), ("type 5", 40),
    ]  # fmt: skip


def test_branches_are_plain_data_that_does_not_change():
    branch = Branch([[0, 0, 0], [0.001, 0, 0]] * u.mm, [1, 2])
    np.testing.assert_allclose(branch.xyz, [[0, 0, 0], [1, 0, 0]])
    assert (branch.xyz.dtype, branch.radius.dtype) == (np.float64, np.float64)
    with pytest.raises(ValueError, match="read-only"):
        branch.radius[0] = 3.0
    with pytest.raises(UnitError, match="Branch: xyz"):
        Branch([[0, 0, 0], [1, 0, 0]] * u.ms, [1, 2])


def test_a_morphology_that_cannot_be_is_refused_with_branch_and_point():
    line = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0.0]])
    for bad, message in (
        (Branch(line[:1], np.ones(1)), r"branch 1: needs two points"),
        (Branch(line, np.ones(2)), r"branch 1: has 3 points, given radii of shape \(2,\)"),
        (Branch(line, np.array([1, 0, 1.0]), name="twig"), r"branch 1 \(twig\), point 1: the radius must be positive"),
        (Branch(line * np.nan, np.ones(3)), r"branch 1, point 0: coordinates must be finite"),
        (Branch(line * 0, np.ones(3)), r"branch 1: its length is zero"),
        (Branch(line, np.ones(3), parent=1), r"branch 1: its parent must be a branch that comes before it"),
        (Branch(line, np.ones(3), parent=0, at=2.0), r"branch 1: grows at a fraction"),
        (Branch(line, np.ones(3), area_factor=0.0), r"branch 1: spine_area must not be negative and area_factor"),
    ):
        with pytest.raises(ValueError, match=message):
            Morphology([Branch(line, np.ones(3)), bad])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(to="dend", at=1.0), "'dend' names 3"),
        (dict(to="soma[0]", at=1.5), "from 0 to 1, given 1.5"),
        (dict(at=("dend[0]", 0.5)), "from 0 to 1, given"),
        (dict(at=0.5), "say on which, by to="),
        (dict(to="dent"), "Did you mean 'dend'"),
    ],
)
def test_what_is_joined_where_no_branch_is(cell, given, message):
    with pytest.raises((ValueError, UnknownNameError), match=message):
        cell.join(cell, **given)


def test_numbers_in_the_wrong_place_are_told(cell, tmp_path):
    with pytest.raises(ValueError, match=r"one diameter for each end, taper\(start, stop, ...\)"):
        cell.taper([2, 1] * u.um, None, "dend")
    with pytest.raises(ValueError, match="radii must be finite and not negative"):
        cell.measures.sholl([-10] * u.um)
    with pytest.raises(TypeError, match=r"expected write_swc\(path, morphology\), given a str second"):
        write_swc(cell, str(tmp_path / "x.swc"))
