"""The progress bar: there when asked for, never in the way."""

import brainunit as u

import brainsim as bs
from brainsim.simulation import progress
from brainsim.simulation.progress import Progress


def test_nothing_is_printed_unless_asked(balanced, capsys):
    bs.simulate(balanced(), 5 * u.ms)
    bs.simulate(balanced(), 5 * u.ms, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_bar_changes_no_result(balanced, same_spikes):
    shown, hidden = (bs.simulate(balanced(), 50 * u.ms, record="E.spikes", progress=show) for show in (True, False))
    same_spikes(shown, hidden)


def test_pieces_take_about_as_long_as_the_interval_between_updates(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    bar = Progress(True, 10_000)
    monkeypatch.setattr(bar, "_start", lambda: None)
    first = bar.suggested_steps(10_000)
    assert first <= 200  # the first piece shows how fast it goes, compilation aside
    now[0] += 9.0  # compiling
    bar.advance(first)
    now[0] += 0.001 * bar.suggested_steps(10_000)
    bar.advance(200)
    assert bar.suggested_steps(10_000) == progress.INTERVAL / 0.001
    assert bar.suggested_steps(100) == 100


def test_without_a_bar_nothing_is_cut_into_pieces():
    assert Progress(False, 10_000).suggested_steps(7_777) == 7_777
