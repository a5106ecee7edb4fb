import ast
from pathlib import Path

import brainunit as u
import matplotlib.pyplot as plt
import numpy as np
import pytest

from brainsim import plot

TIMES, INDICES = np.array([0.3, 0.1, 0.2, 0.45]), np.array([2, 0, 1, 2])


def test_marks_are_the_spikes():
    ax = plot.raster(TIMES, INDICES, n=4, stop=0.5)
    (marks,) = ax.get_lines()
    np.testing.assert_allclose(marks.get_xdata(), 1e3 * TIMES)
    np.testing.assert_array_equal(marks.get_ydata(), INDICES)
    assert marks.get_linestyle() == "None" and marks.get_marker() == "|"
    assert ax.get_xlabel() == "time (ms)" and ax.get_ylabel() == "neuron"
    assert ax.get_xlim() == (0, 500) and ax.get_ylim() == (-0.5, 3.5)


def test_quantities_and_plain_seconds_draw_the_same():
    for times in (TIMES * u.second, 1e3 * TIMES * u.ms):
        marks = plot.raster(times, INDICES, start=100 * u.ms, stop=0.4 * u.second).get_lines()[0]
        np.testing.assert_allclose(marks.get_xdata(), [300, 100, 200])  # 0.45 s is outside the window


def test_it_draws_on_the_given_axes_in_the_given_unit_and_colour():
    _, ax = plt.subplots()
    assert plot.raster(TIMES, INDICES, ax, time_unit="s", color="#D55E00") is ax
    assert ax.get_lines()[0].get_color() == "#D55E00" and ax.get_xlabel() == "time (s)"
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), TIMES)


def test_many_neurons_are_sampled_evenly_and_the_axis_says_so():
    n = 10_000
    ax = plot.raster(np.linspace(0, 1, n), np.arange(n), n=n)
    drawn = ax.get_lines()[0].get_ydata()
    np.testing.assert_array_equal(drawn, np.arange(0, n, 5))
    assert ax.get_ylabel() == "neuron (2,000 of 10,000 shown)" and ax.get_ylim() == (-0.5, n - 0.5)
    assert len(plot.raster(np.linspace(0, 1, n), np.arange(n), n=n, max_rows=n).get_lines()[0].get_ydata()) == n


def test_marks_shrink_and_then_fade_as_spikes_become_more():
    rng = np.random.default_rng(0)
    marks = [
        plot.raster(rng.uniform(0, 10, spikes), rng.integers(0, 2000, spikes), n=2000).get_lines()[0]
        for spikes in (1_000, 50_000, 1_000_000)
    ]
    sizes, alphas = [m.get_markersize() for m in marks], [m.get_alpha() for m in marks]
    assert sizes[0] > sizes[1] >= sizes[2] and alphas[0] == 1 and alphas[2] < alphas[1] <= 1
    assert all(m.get_rasterized() for m in marks) and len(marks[2].get_xdata()) == 1_000_000


def test_the_shade_of_a_million_spikes_follows_their_rate():
    rng = np.random.default_rng(0)
    times = np.concatenate([rng.uniform(0, 5, 250_000), rng.uniform(5, 10, 750_000)])
    fig = plot.raster(times, rng.integers(0, 2000, times.size), n=2000, stop=10.0).figure
    fig.canvas.draw()
    image, box = np.asarray(fig.canvas.buffer_rgba())[::-1, :, 0] / 255, fig.axes[0].get_window_extent()
    inner = image[int(box.y0) + 5 : int(box.y1) - 5, int(box.x0) + 5 : int(box.x1) - 5]
    sparse, dense = (1 - half.mean() for half in np.array_split(inner, 2, axis=1))
    assert 0.05 < sparse < dense / 1.5 and dense < 0.95


def test_no_spikes():
    ax = plot.raster([], [], n=10, stop=1.0)
    assert ax.get_lines()[0].get_xdata().size == 0 and ax.get_ylim() == (-0.5, 9.5)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"indices: got 2; .*0 to 1"):
        plot.raster(TIMES, INDICES, n=2)
    with pytest.raises(ValueError, match=r"stop: got 0\.1 s with start=0\.2 s"):
        plot.raster(TIMES, INDICES, start=0.2, stop=0.1)
    with pytest.raises(TypeError, match=r"times: got a quantity in mV; accepted are times"):
        plot.raster(TIMES * u.mV, INDICES)
    with pytest.raises(ValueError, match=r"time_unit: got 'min'; accepted are 's', 'ms'"):
        plot.raster(TIMES, INDICES, time_unit="min")


def test_matplotlib_is_imported_when_something_is_drawn_and_not_before():
    for file in Path(plot.__file__).parent.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
            assert not any((name or "").startswith(("matplotlib", "scipy")) for name in names), file.name
