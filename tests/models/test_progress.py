"""What an experiment says while it runs, where nobody draws bars: lines on the error stream."""

import pytest

from models import progress
from models.progress import Bar, track


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_each_item_is_announced_with_what_is_left(clock, capsys):
    for _ in track([10, 20, 30], "size"):
        clock[0] += 4.0
    assert capsys.readouterr().err.splitlines() == [
        "size 10: 1 of 3",
        "size 20: 2 of 3, 4 s, about 8 s left",
        "size 30: 3 of 3, 8 s, about 4 s left",
    ]


def test_quick_items_are_not_announced_one_by_one(clock, capsys):
    for _ in track(range(100), "seed"):
        clock[0] += 0.1
    assert len(capsys.readouterr().err.splitlines()) == 5  # ten seconds, two between lines
    assert list(track("ab", "letter", on=False)) == ["a", "b"] and capsys.readouterr().err == ""


def test_a_loop_tells_how_far_it_is(clock, capsys):
    with Bar("fitting", 50, done=10) as bar:
        for k in range(10, 30):
            clock[0] += 1.5
            bar.tell(text=f"loss {1 / k:.2f}")
    assert capsys.readouterr().err.splitlines() == [
        "fitting: 10 of 50",
        "fitting: 17 of 50, 10 s, about 50 s left  loss 0.06",
        "fitting: 24 of 50, 21 s, about 39 s left  loss 0.04",
    ]
    with Bar("fitting", 50, on=False) as bar:
        clock[0] += 100
        bar.tell()
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with Bar("fitting", 2) as bar:
        bar.tell(text="loss 1")
        assert bar.drawn is not None and bar.drawn.tasks[0].completed == 1
        bar.tell(2)
    assert bar.drawn.tasks[0].finished
