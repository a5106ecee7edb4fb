import brainunit as u
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from brainsim import analysis, plot
from brainsim.plot._style import COLORS

T = np.linspace(0, 1, 101)


def population(n, rate, seed, stop=1.0):
    rng = np.random.default_rng(seed)
    spikes = rng.poisson(n * rate * stop)
    return rng.uniform(0, stop, spikes), rng.integers(0, n, spikes), n


def test_panels_share_time_and_units_are_on_the_axes():
    E, I = population(80, 20, 0), population(20, 40, 1)
    traces = {"E.V": (T * u.second, np.zeros((101, 2)) * u.mV), "g": (T, T, "nS"), "w": (T, T)}
    figure = plot.overview({"E": E, "I": I}, traces, stop=1.0, title="network")
    assert isinstance(figure, Figure)
    raster, rates, *panels = figure.axes
    assert [ax.get_ylabel() for ax in figure.axes] == ["neuron", "rate (Hz)", "E.V (mV)", "g (nS)", "w"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "", "", "", "time (ms)"]
    assert {ax.get_xlim() for ax in figure.axes} == {(0.0, 1000.0)}
    assert raster.get_title() == "network" and panels[0].get_lines()[0].get_color()[2] == pytest.approx(0xB2 / 255)


def test_populations_are_stacked_with_one_colour_each_and_a_boundary():
    E, I = population(80, 20, 0), population(20, 40, 1)
    ax = plot.overview({"E": E, "I": I}, stop=1.0).axes[0]
    e, i, boundary = ax.get_lines()
    np.testing.assert_allclose(e.get_xdata(), 1e3 * E[0])
    np.testing.assert_array_equal(e.get_ydata(), E[1])
    np.testing.assert_array_equal(i.get_ydata(), 80 + I[1])
    assert (e.get_color(), i.get_color()) == COLORS[:2]
    assert list(boundary.get_ydata()) == [79.5, 79.5]
    assert ax.get_ylim() == (99.5, -0.5)  # the first population is on top
    assert [t.get_text() for t in ax.get_yticklabels()] == ["E  80", "I  20"]
    assert [t.get_color() for t in ax.get_yticklabels()] == list(COLORS[:2])
    np.testing.assert_allclose(ax.get_yticks(), [39.5, 89.5])


def test_rates_are_those_of_analysis():
    E = population(80, 20, 0)
    ax = plot.overview({"E": E}, stop=1.0, bin=20 * u.ms, smooth=10 * u.ms).axes[1]
    centers, rate = analysis.population_rate(E[0], 80, 0.02, 0.0, 1.0, smooth=0.01)
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), 1e3 * centers)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), rate)
    assert rate.mean() == pytest.approx(20, abs=3) and ax.texts[0].get_text() == "20 ms bins, smoothed 10 ms"


def test_the_bin_widens_where_spikes_are_few():
    text = lambda *population_: plot.overview({"E": population_}, stop=1.0).axes[1].texts[0].get_text()  # noqa: E731
    assert text(*population(1000, 20, 0)) == "2 ms bins"
    assert text(*population(4, 5, 0)) == "20 ms bins"
    assert text([], [], 4) == "20 ms bins"


def test_many_neurons_are_sampled_in_proportion():
    populations = {name: (np.linspace(0, 1, n), np.arange(n), n) for name, n in (("a", 6000), ("b", 2000))}
    ax = plot.overview(populations).axes[0]
    a, b, _ = ax.get_lines()
    np.testing.assert_array_equal(a.get_ydata(), np.arange(0, 6000, 4))
    np.testing.assert_array_equal(b.get_ydata(), np.arange(6000, 8000, 4))
    assert ax.get_ylabel() == "neuron (2,000 of 8,000 shown)"


def test_names_of_thin_bands_do_not_overlap():
    sizes = [20683, 5834, 21915, 5479, 4850, 10, 10, 10, 14395, 10]
    figure = plot.overview({f"P{k}": ([], [], n) for k, n in enumerate(sizes)}, stop=1.0)
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
    assert all(lower.y1 <= upper.y0 + 1 for upper, lower in zip(boxes, boxes[1:]))
    label = figure.axes[0].yaxis.label.get_window_extent()
    assert all(label.x1 <= box.x0 for box in boxes)


def test_parts_can_be_left_out():
    assert len(plot.overview({"E": population(8, 20, 0)}, rates=False).axes) == 1
    assert len(plot.overview({}, {"V": (T, T)}).axes) == 1
    with pytest.raises(ValueError, match=r"both are empty"):
        plot.overview({})


def test_the_window_defaults_to_what_there_is():
    shifted = (np.array([5.0, 5.5, 6.0]), np.array([0, 1, 2]), 3)
    low, high = plot.overview({"E": shifted}).axes[0].get_xlim()
    assert low == pytest.approx(5000) and 6000 < high < 6002
    late = plot.overview({"E": shifted}, start=5.4, stop=5.6).axes[0].get_lines()[0]
    np.testing.assert_allclose(late.get_xdata(), [5500])


def test_errors_name_the_population_or_trace():
    with pytest.raises(ValueError, match=r"'E': indices: got 3; .*0 to 2"):
        plot.overview({"E": ([0.1], [3], 3)})
    with pytest.raises(ValueError, match=r"'E': .*accepted is \(times, indices, n\)"):
        plot.overview({"E": ([0.1], [3])})
    with pytest.raises(ValueError, match=r"'V': values: got shape \(3,\)"):
        plot.overview({}, {"V": (T, np.zeros(3), "mV")})
    with pytest.raises(TypeError, match=r"'E': times: got a quantity in mV"):
        plot.overview({"E": ([0.1] * u.mV, [0], 1)})


def test_an_error_leaves_no_figure_open():
    with pytest.raises(ValueError):
        plot.overview({"E": ([0.1], [0], 1)}, {"V": (T, np.zeros(3), "mV")})
    with pytest.raises(ValueError, match="bin: got 2.0"):
        plot.overview({"E": ([0.1], [0], 1)}, bin=2.0)
    assert not plt.get_fignums()
