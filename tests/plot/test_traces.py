import brainunit as u
import numpy as np
import pytest

from brainsim import plot

T = np.linspace(0, 2, 201)
V = np.stack([np.sin(2 * np.pi * (k + 1) * T) * 10 - 60 for k in range(6)], axis=1)


def test_one_trace_has_its_values_and_unit():
    ax = plot.traces(T * u.second, V[:, 0] * u.mV, name="V")
    (line,) = ax.get_lines()
    np.testing.assert_allclose(line.get_xdata(), T)
    np.testing.assert_allclose(line.get_ydata(), V[:, 0], rtol=1e-6)
    assert ax.get_ylabel() == "V (mV)" and ax.get_xlabel() == "time (s)" and ax.get_legend() is None


def test_a_quantity_is_drawn_in_the_unit_asked_for():
    ax = plot.traces(T, V[:, 0] * u.mV, name="V", unit=u.volt)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), V[:, 0] / 1e3, rtol=1e-6)
    assert ax.get_ylabel() == "V (V)"
    assert plot.traces(T, V[:, 0], unit=u.mV).get_ylabel() == "mV"
    assert plot.traces(T, V[:, 0] * u.uA / u.cm**2, name="I").get_ylabel() == "I (µA/cm²)"
    assert plot.traces(T, V[:, 0], name="gate").get_ylabel() == "gate"


def test_labels_make_a_legend_and_each_trace_a_colour():
    ax = plot.traces(T, V[:, :3], labels=["soma", "dendrite", "axon"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["soma", "dendrite", "axon"]
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1  # above the traces, not over them
    assert len({line.get_color() for line in ax.get_lines()}) == 3


def test_one_colour_becomes_shades_of_itself():
    first, second = (line.get_color() for line in plot.traces(T, V[:, :2], color="#000000").get_lines())
    assert first == (0, 0, 0) and second[0] == second[1] == second[2] == pytest.approx(0.325)


def test_many_traces_are_stacked_at_one_scale_with_a_bar():
    ax = plot.traces(T, V, name="V", unit="mV")
    *lines, bar = ax.get_lines()
    assert len(lines) == 6
    for k, line in enumerate(lines):
        np.testing.assert_allclose(line.get_ydata() - line.get_ydata()[0], V[:, k] - V[0, k], atol=1e-9)
    assert all(up.get_ydata().min() > down.get_ydata().max() for up, down in zip(lines, lines[1:]))
    np.testing.assert_allclose(np.diff(bar.get_ydata()), 10)  # the step of 1, 2, 5 below 60 % of their reach, 20 mV
    assert ax.texts[0].get_text() == "10 mV"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1", "2", "3", "4", "5"]


def test_more_traces_than_fit_are_sampled_and_the_axis_says_so():
    ax = plot.traces(T, np.tile(V[:, :1], 100), name="V", max_traces=10)
    assert ax.get_ylabel() == "V (10 of 100 shown)"
    assert [t.get_text() for t in ax.get_yticklabels()] == [str(i) for i in range(0, 100, 10)]


def test_the_window_cuts_and_chooses_the_unit():
    ax = plot.traces(T, V[:, 0], start=0.5, stop=1.0 * u.second)
    assert ax.get_xlim() == (500, 1000) and ax.get_xlabel() == "time (ms)"
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), 1e3 * T[50:101])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"values: got shape \(5,\) with times of shape \(201,\)"):
        plot.traces(T, np.zeros(5))
    with pytest.raises(ValueError, match=r"labels: got 2 for 3 traces"):
        plot.traces(T, V[:, :3], labels=["a", "b"])
    with pytest.raises(TypeError, match=r"unit: got ms for values in mV; the dimensions differ"):
        plot.traces(T, V * u.mV, unit=u.ms)
    with pytest.raises(TypeError, match=r"unit: got 'mV' for values in mV; accepted is a brainunit unit"):
        plot.traces(T, V * u.mV, unit="mV")
