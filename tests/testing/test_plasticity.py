"""A plasticity rule of one's own keeps all that those of the library keep."""

import inspect

import brainunit as u
import jax
import pytest

import brainsim as bs
from brainsim.events.plasticity import add_on_post_p, add_on_pre_p
from brainsim.testing.plasticity import *  # noqa: F403


class Homeostatic(bs.plasticity.Plasticity):
    r"""Presynaptic spikes raise a weight while the cell is quiet, postsynaptic spikes lower it in proportion.

    .. math:: \text{pre spike:}\ w \leftarrow w + A\,(1 - y), \quad \text{post spike:}\ w \leftarrow (1 - B)\,w, \quad \dot y = -y/\tau

    References
    ----------
    G. G. Turrigiano, K. R. Leslie, N. S. Desai, L. C. Rutherford, S. B. Nelson, Nature 391:892 (1998).
    """

    up = bs.Parameter(0.0, "change A on a presynaptic spike", unit="weight_unit")
    down = bs.Parameter(0.0, "relative change B on a postsynaptic spike")
    tau = bs.Parameter(50.0 * u.ms, "memory of postsynaptic spikes", positive=True)
    y = bs.plasticity.Trace("tau", "postsynaptic trace", side="post")

    def update(self, s):
        s.on_pre(s.up * (1.0 - s.y))
        s.on_post(-s.down * s.w)


MODELS = [Homeostatic]
VALUES = {"Homeostatic": dict(up=0.002 * u.pA, down=0.05)}  # so little that no weight comes to a bound


def test_it_takes_twentyfive_lines():
    assert len([line for line in inspect.getsource(Homeostatic).splitlines() if line.strip()]) <= 25


@pytest.mark.skipif(not all(bs.events.kernels().values()), reason="the kernels are not compiled")
@pytest.mark.parametrize("operation", [add_on_pre_p, add_on_post_p], ids=lambda operation: operation.name)
def test_a_broken_definition_fails_the_suite(operation, network, protocol, monkeypatch):
    right = operation.definition
    monkeypatch.setattr(operation, "definition", lambda *a: (right(*a)[0] + 1e-6,))
    jax.clear_caches()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_formats_and_implementations_agree(bs.plasticity.PairSTDP, network, protocol)  # noqa: F405
    jax.clear_caches()


class Drifting(Homeostatic):
    """Weights fall without spikes, which it does not say."""

    def update(self, s):
        super().update(s)
        s.every_step(-1e-3 * s.w)


def test_a_broken_class_fails_the_suite(network, protocol):
    with pytest.raises(AssertionError, match="has no equation"):
        test_is_documented(Drifting)  # noqa: F405
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        test_weights_learn_within_bounds_and_stay_in_silence(Drifting, network, protocol)  # noqa: F405
