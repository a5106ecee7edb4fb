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
    trials = task(300, seed=1)
    assert trials.inputs.shape == (300, 2700, 40) and trials.targets.shape == trials.mask.shape == (300, 2700)
    groups = trials.inputs.reshape(300, 2700, 4, 10).sum(-1)
    cues = groups[:, :1050].reshape(300, 7, 150, 4)
    assert not cues[:, :, 100:, :2].any()
    shown = cues[:, :, :100].sum(2)[..., :2]  # of each cue, spikes to the left and right: 39 of one side on average
    assert np.all((shown > 0).sum(-1) == 1)
    right = (shown[..., 1] > 0).sum(1)
    np.testing.assert_array_equal(trials.labels, right > 3.5)
    assert abs(shown.sum() / shown.size * 2 / (10 * 100 * -np.expm1(-0.04)) - 1) < 0.02
    assert abs(groups[..., 3].mean() / (10 * -np.expm1(-0.01)) - 1) < 0.02
    # of 7 cues with p = 0.7, 4 or more are to the likelier side in 87.4 % of trials
    assert abs(np.mean(trials.labels == trials.drawn["likelier"]) - 0.874) < 0.06
    assert np.all(trials.mask.sum(1) == 150)
    first = trials.mask.argmax(1)
    assert first.min() >= 1550 and first.max() <= 2550 and first.max() - first.min() > 900
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
