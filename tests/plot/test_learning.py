import numpy as np
import pytest

from brainsim import plot


def test_loss_alone():
    loss, accuracy = plot.learning_curve([2.0, 1.0, 0.5])
    (line,) = loss.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 1.0, 0.5])
    assert accuracy is None and loss.get_legend() is None
    assert (loss.get_xlabel(), loss.get_ylabel(), loss.get_ylim()[0]) == ("epoch", "loss", 0)


def test_accuracy_is_in_per_cent_on_the_right():
    loss, accuracy = plot.learning_curve([2.0, 1.0], [0.25, 0.9])
    np.testing.assert_allclose(accuracy.get_lines()[0].get_ydata(), [25, 90])
    assert accuracy.get_ylabel() == "accuracy (%)" and accuracy.yaxis.get_label_position() == "right"
    assert loss.get_lines()[0].get_color() != accuracy.get_lines()[0].get_color()


def test_several_curves_are_told_apart_by_line():
    curves = {"train": np.linspace(1, 0.1, 50), "test": np.linspace(1, 0.2, 50)}
    loss, accuracy = plot.learning_curve(curves, {k: 1 - c for k, c in curves.items()}, log=True)
    assert [line.get_linestyle() for line in loss.get_lines()] == ["-", "--"] and loss.get_yscale() == "log"
    texts = [t.get_text() for t in loss.get_legend().get_texts()]
    assert texts == ["train loss", "test loss", "train accuracy", "test accuracy"]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"accuracies\['test'\]: got 50 to 90; .*fractions from 0 to 1"):
        plot.learning_curve([1, 2], {"test": [50, 90]})
    with pytest.raises(ValueError, match=r"losses: got shape \(1, 2\); accepted is \[epochs\]"):
        plot.learning_curve([[1, 2]])
    with pytest.raises(ValueError, match=r"losses: got an empty dict"):
        plot.learning_curve({})
