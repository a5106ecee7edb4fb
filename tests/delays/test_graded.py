"""What graded signals have been is remembered through a change of the step."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events
from brainsim.delays import Times, delay_for

D = 1.2  # ms


class At(NamedTuple):
    step: int


@pytest.mark.parametrize("changes", [False, True], ids=["fixed", "changing"])
@pytest.mark.parametrize("each", [False, True], ids=["axonal", "synaptic"])
def test_a_ramp_arrives_later_by_the_delay_whatever_the_steps(each, changes):
    """A straight line is what interpolation reproduces exactly."""
    ms = np.array([D, 0.6]) if each else np.array(D)
    longest = Times(np.array(2.4), "longest") if changes else None
    axon = delay_for("a->b.axon", Times(ms, "delay"), 2, "float64", graded=True, longest=longest)
    assert axon.kind == ("synaptic" if each else "axonal")
    slope, t, before = np.array([1.0, -2.0]), 0.0, None
    for step_ms, n in ((0.1, 30), (0.3, 12), (0.05, 88), (0.2, 8)):
        step = round(t / step_ms)
        arrays = {} if before is None else axon.resampled(before, step_ms, round(t / before), step)
        axon.prepare(step_ms, events.Diagonal(2))
        for name, array in (arrays or axon.history(jnp.zeros(2))).items():
            axon.put(name, array)
        for _ in range(n):
            t = (step + 1) * step_ms
            found = axon.send(At(step), jnp.asarray(slope * t), jnp.asarray(ms / step_ms))
            np.testing.assert_allclose(found, slope * np.maximum(t - ms, 0.0), atol=1e-12)
            step += 1
        before = step_ms
    assert axon.under_way == {}
