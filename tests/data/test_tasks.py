"""Trials are those of the papers: what is shown, when it is asked for and what is right, counted in the inputs."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs

MS = u.ms


def test_evidence_accumulation():
    task = bs.data.EvidenceAccumulation()
    assert (task.n_steps, task.n_inputs) == (7 * 150 + 1500 + 150, 40)
    assert float(task.duration / MS) == 2700
    trials = task(120, seed=1)
    assert trials.inputs.shape == (120, 2700, 40) and trials.targets.shape == trials.mask.shape == (120, 2700)
    groups = trials.inputs.reshape(120, 2700, 4, 10).sum(-1)
    cues = groups[:, :1050].reshape(120, 7, 150, 4)
    assert not cues[:, :, 100:, :2].any()
    shown = cues[:, :, :100].sum(2)[..., :2]  # of each cue, spikes to the left and right: 39 of one side on average
    assert np.all((shown > 0).sum(-1) == 1)
    right = (shown[..., 1] > 0).sum(1)
    np.testing.assert_array_equal(trials.labels, right > 3.5)
    assert abs(shown.sum() / shown.size * 2 / (10 * 100 * -np.expm1(-0.04)) - 1) < 0.02
    assert abs(groups[..., 3].mean() / (10 * -np.expm1(-0.01)) - 1) < 0.02
    # of 7 cues with p = 0.7, 4 or more are to the likelier side in 87.4 % of trials
    assert abs(np.mean(trials.labels == trials.drawn["likelier"]) - 0.874) < 0.09
    assert np.all(trials.mask.sum(1) == 150)
    first = trials.mask.argmax(1)
    assert first.min() >= 1550 and first.max() <= 2550 and first.max() - first.min() > 800
    assert not groups[..., 2][~trials.mask].any() and groups[..., 2][trials.mask].any()
    np.testing.assert_array_equal(trials.targets.max(1), trials.labels)
    np.testing.assert_array_equal(trials.targets[~trials.mask], -1)


def test_trials_follow_from_their_seed():
    task = bs.data.EvidenceAccumulation(delay=100 * MS, neurons=2)
    once, again, other = task(4, 3), task(4, 3), task(4, 4)
    np.testing.assert_array_equal(once.inputs, again.inputs)
    assert np.any(once.inputs != other.inputs)
    fresh = task.batches(4, 2, seed=5)
    first = list(fresh)
    fresh.set_epoch(1)
    second = list(fresh)
    assert len(first) == len(second) == len(fresh) == 2
    assert np.any(first[0][0] != first[1][0]) and np.any(first[0][0] != second[0][0])
    fresh.set_epoch(0)
    np.testing.assert_array_equal(next(iter(fresh))[0], first[0][0])


def test_tasks_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="odd number of cues, given 4"):
        bs.data.EvidenceAccumulation(cues=4)
    with pytest.raises(ValueError, match=r"cue: .* is not a whole number of steps"):
        bs.data.EvidenceAccumulation(cue=0.5 * MS)(1)
    with pytest.raises(ValueError, match="shorter and a longer"):
        bs.data.EvidenceAccumulation(delay=(2 * MS, 1 * MS))(1)
    with pytest.raises(ValueError, match="one trial at least"):
        bs.data.EvidenceAccumulation()(0)


def quiet(task, n=400, **changes):
    """Trials without noise, with steps of 10 ms: what is shown by name of the input, and the trials."""
    trials = task(noise=0 * MS**0.5, dt=10 * MS, **changes)(n, seed=2)
    return np.moveaxis(trials.inputs, -1, 0), trials


def parts(*lengths):
    """Slices of periods one after the other, in steps of 10 ms."""
    ends = np.cumsum([length // 10 for length in lengths])
    return [slice(end - length // 10, end) for end, length in zip(ends, lengths)]


def check_asked(trials, decision):
    """One waits until the decision, and answers in it."""
    np.testing.assert_array_equal(trials.targets[:, : decision.start], 0)
    np.testing.assert_array_equal(trials.targets[:, decision], trials.labels[:, None] + 0 * trials.targets[:, decision])
    assert trials.targets.shape[1] == decision.stop
    assert np.all(trials.inputs[..., 0] == (np.arange(decision.stop) < decision.start))


@pytest.mark.parametrize("choices", [2, 5])
def test_delayed_match(choices):
    shown, trials = quiet(bs.data.DelayedMatch, choices=choices)
    _, sample, delay, test, decision = parts(300, 500, 1000, 500, 900)
    check_asked(trials, decision)
    assert not shown[1:, :, delay].any() and not shown[1:, :, decision].any()
    first, second = (shown[1:, :, part].mean(-1) for part in (sample, test))
    np.testing.assert_array_equal(first.argmax(0), trials.drawn["sample"])
    np.testing.assert_allclose(first.max(0), 1, rtol=1e-6)
    np.testing.assert_array_equal(np.abs(first - second).max(0) < 1e-6, trials.labels == 1)
    assert 0.4 < np.mean(trials.labels == 1) < 0.6 and set(trials.drawn["test"]) == set(range(choices))


def test_go_no_go():
    shown, trials = quiet(bs.data.GoNoGo, go=0.3, delay=(100 * MS, 500 * MS))
    np.testing.assert_array_equal(shown[1:, :, :50].mean(-1).argmax(0), trials.labels)
    assert not shown[1:, :, 50:].any() and 0.2 < trials.labels.mean() < 0.4
    begin = 50 + trials.drawn["delay"]
    assert begin.min() == 60 and begin.max() == 100
    for target, label, first in zip(trials.targets, trials.labels, begin):
        np.testing.assert_array_equal(target, [0] * first + [label] * 50 + [-1] * (len(target) - first - 50))


def test_interval_timing():
    shown, trials = quiet(bs.data.IntervalTiming, gain=1.5, tolerance=30 * MS)
    ready, set_ = shown[1].argmax(1), shown[2].argmax(1)
    assert np.all(ready == 50) and np.all(shown[1:].sum(-1) == 8)
    interval = set_ - ready
    assert interval.min() >= 50 and interval.max() <= 100 and len(set(interval)) > 30
    np.testing.assert_array_equal(interval, trials.drawn["interval"])
    moment = set_ + np.round(1.5 * interval).astype(int)
    for target, go in zip(trials.targets, moment):
        np.testing.assert_array_equal(target[:go], [0] * (go - 3) + [-1] * 3)
        np.testing.assert_array_equal(target[go : go + 30], [-1] * 3 + [1] * 27)
        assert np.all(target[go + 30 :] == -1)
    with pytest.raises(ValueError, match="shorter than a pulse"):
        bs.data.IntervalTiming(interval=50 * MS)


def test_delayed_comparison():
    shown, trials = quiet(bs.data.DelayedComparison)
    _, first, delay, second, decision = parts(500, 500, 1000, 500, 100)
    check_asked(trials, decision)
    f = np.stack([10 + 24 * (shown[1][:, part].mean(-1) - 0.4) / 0.8 for part in (first, second)], -1)
    np.testing.assert_allclose(f, trials.drawn["frequencies"], rtol=1e-5)
    np.testing.assert_array_equal(trials.labels, np.where(f[:, 0] > f[:, 1], 1, 2))
    np.testing.assert_allclose(np.abs(f[:, 0] - f[:, 1]), 8, rtol=1e-4)
    np.testing.assert_allclose((shown[1] + shown[2])[:, first], 1.6, rtol=1e-6)
    assert not shown[1:, :, delay].any() and 0.4 < np.mean(trials.labels == 1) < 0.6


def test_context_decision():
    shown, trials = quiet(bs.data.ContextDecision)
    _, stimulus, _, decision = parts(300, 750, 300, 100)
    check_asked(trials, decision)
    motion, colour = (shown[k][:, stimulus].mean(-1) - shown[k + 1][:, stimulus].mean(-1) for k in (1, 3))
    assert {f"{abs(x):.2f}" for x in motion} == {f"{abs(x):.2f}" for x in colour} == {"0.05", "0.15", "0.50"}
    context = shown[6].max(-1)  # 1 where colour counts
    np.testing.assert_array_equal(shown[5] + shown[6], shown[0])
    np.testing.assert_array_equal(trials.labels, np.where(np.where(context > 0, colour, motion) > 0, 1, 2))
    assert 0.3 < np.mean(np.sign(motion) != np.sign(colour)) < 0.7  # they contradict each other as often as not


def test_noise_does_not_depend_on_the_step():
    """The sum over a second has the same variance, noise squared times a second, for every dt."""
    for dt in (1.0, 20.0):
        trials = bs.data.GoNoGo(noise=2.0 * MS**0.5, stimulus=0 * MS, delay=500 * MS, decision=500 * MS, dt=dt * MS)(
            2000
        )
        total = trials.inputs[..., 1].sum(1) * dt
        assert np.var(total) == pytest.approx(4 * 1000, rel=0.1)
        assert np.all((trials.inputs[..., 0] == 1) == (np.arange(int(1000 / dt)) < 500 / dt))
