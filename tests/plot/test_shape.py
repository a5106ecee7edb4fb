"""Pictures of cells: what is drawn, read back from matplotlib."""

import brainunit as u
import numpy as np
import pytest

from brainsim import plot
from brainsim.cells import Compartments, ball_and_stick, discretise, rall_tree

ENDS = np.array([[[0, 0, 0], [10, 0, 5]], [[10, 0, 5], [10, 20, 0.0]]])
RADII = np.array([[2, 1], [1, 0.5]])


def test_cones_are_drawn_as_wide_as_they_are():
    ax = plot.shape(ENDS, RADII, kinds=["dend", "axon"])
    corners = {tuple(map(tuple, np.round(path.vertices[:4], 6))) for path in ax.collections[0].get_paths()}
    assert corners >= {
        ((0, 2), (10, 1), (10, -1), (0, -2)),
        ((9, 0), (9.5, 20), (10.5, 20), (11, 0)),
    }
    assert ax.get_aspect() == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["dend", "axon"]
    assert [text.get_text() for text in ax.texts] == ["5 µm"]


def test_what_lies_behind_is_drawn_first():
    ends = np.array([[[0, 0, 9], [5, 0, 9]], [[0, 0, 1], [5, 0, 1]], [[0, 0, 4], [5, 0, 4.0]]])
    colors = np.array([0.0, 1.0, 2.0])
    drawn = plot.shape(ends, np.ones((3, 2)), values=colors).collections[0]
    assert drawn.get_array().tolist() == [1, 2, 0]
    from_below = plot.shape(ends, np.ones((3, 2)), values=colors, plane="yx").collections[0]
    assert from_below.get_array().tolist() == [0, 2, 1]


def test_values_have_units_limits_and_a_bar():
    ax = plot.shape(
        ENDS, RADII, values=[-70.0, 20.0] * u.mV, which=[1, 1], name="V", limits=(-80 * u.mV, 0.03 * u.volt)
    )
    (drawn,) = ax.collections
    assert set(drawn.get_array().tolist()) == {20.0}
    assert drawn.get_clim() == pytest.approx((-80, 30))
    assert ax.get_figure().axes[1].get_ylabel() == "V (mV)"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"plane": "xx"}, "plane: got 'xx'; accepted are xy, xz"),
        ({"values": np.ones(3)}, r"values: got shape \(3,\) for 2 cones"),
        ({"kinds": ["dend"]}, r"kinds: got shape \(1,\) for 2 cones"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        plot.shape(ENDS, RADII, **settings)
    with pytest.raises(ValueError, match="ends, radii: got shapes"):
        plot.shape(ENDS[:, :, :2], RADII)


def test_a_morphology_is_drawn_by_type_branch_and_compartment():
    cell = rall_tree(3, soma=20 * u.um)
    by_type = cell.plot().get_legend().get_texts()
    assert [text.get_text() for text in by_type] == ["soma", "dend"]
    per_branch = cell.plot(np.arange(8.0)).collections[0]
    assert set(per_branch.get_array().tolist()) == set(range(8))
    parts = discretise(cell, 5)
    per_part = cell.plot(np.arange(40.0), compartments=parts, plane="xz").collections[0]
    assert set(per_part.get_array().tolist()) == set(range(40))
    with pytest.raises(ValueError, match=r"values of shape \(40,\); there are 8 branches"):
        cell.plot(np.arange(40.0))
    with pytest.raises(ValueError, match="not those of this morphology"):
        ball_and_stick().plot(np.arange(40.0), compartments=parts)


def test_one_of_several_cells_is_drawn():
    one, other = ball_and_stick(), rall_tree(2)
    parts = Compartments.join([discretise(one, 2), discretise(other, 1), discretise(one, 2)])
    drawn = other.plot(np.arange(11.0), compartments=parts).collections[0]
    assert set(drawn.get_array().tolist()) == {4, 5, 6}
    drawn = one.plot(np.arange(11.0), compartments=parts, cell=2).collections[0]
    assert set(drawn.get_array().tolist()) == {7, 8, 9, 10}
    with pytest.raises(ValueError, match="cells 0, 2 have this morphology; tell which by cell"):
        one.plot(np.arange(11.0), compartments=parts)


def test_a_soma_as_long_as_wide_is_drawn_round():
    ax = ball_and_stick(20 * u.um).plot(color="k")
    points = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    soma = points[points[:, 0] <= 20] - [10, 0]
    assert np.linalg.norm(soma, axis=1).max() <= 10.05


def test_three_dimensions():
    ax = rall_tree(3).plot(form="3d")
    ax.get_figure().canvas.draw()
    assert len(ax.collections[0].get_segments()) == 7
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()) == ("x (µm)", "z (µm)", "y (µm)")


def test_a_dendrogram_stands_on_the_distances():
    cell = rall_tree(3, length=100 * u.um, diameter=4 * u.um, soma=10 * u.um)
    ax = cell.plot(form="dendrogram")
    beside, upright = (np.array(c.get_segments()) for c in ax.collections)
    np.testing.assert_allclose(upright[:, :, 1], cell.measures.path_distances.mantissa)
    assert upright[4:, 0, 0].tolist() == [0, 1, 2, 3]  # tips side by side
    assert upright[:2, 0, 0].tolist() == [1.5, 1.5]  # what they grow from, amid them
    np.testing.assert_allclose(beside[:, 0, 1], upright[1:, 0, 1])


def test_a_movie_shows_every_time():
    cell = rall_tree(2)
    values = np.array([[0.0, 1, 2], [3, 4, 5], [6, 7, 8]]) * u.mV
    film = cell.movie([0.0, 1.0, 2.0] * u.ms, values, fps=10)
    drawn, title = film._func(2)
    assert set(drawn.get_array().tolist()) == {6.0, 7.0, 8.0}
    assert (drawn.get_clim(), title.get_text()) == ((0.0, 8.0), "2.0 ms")
    film._draw_was_started = True  # it is not saved here
    with pytest.raises(ValueError, match="values of shape"):
        cell.movie([0.0, 1.0, 2.0] * u.ms, values[:, :2])
