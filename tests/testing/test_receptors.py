"""A receptor of one's own keeps all that those of the library keep."""

import inspect

import brainunit as u
import jax
import jax.numpy as jnp
import pytest

import brainsim as bs
from brainsim.events._contract import contract_one, contract_p
from brainsim.testing.receptors import *  # noqa: F403


class Saturating(bs.receptors.Receptor):
    r"""Exponential receptor whose conductance does not exceed g_max.

    .. math:: \dot g = -g/\tau, \qquad \text{spike of weight } w:\ g \leftarrow \min(g + w,\ g_{max})

    References
    ----------
    A. Destexhe, Z. F. Mainen, T. J. Sejnowski, Neural Comput. 6:14 (1994), for receptors that saturate.
    """

    tau = bs.Parameter(5.0 * u.ms, "decay time constant", positive=True)
    g_max = bs.Parameter(10.0, "largest conductance", unit="g_unit")
    g = bs.State(0.0, "conductance", unit="g_unit")

    def advance(self, clock):
        g = jnp.minimum(self.plain("g"), self.plain("g_max"))
        decay = self.decay(clock, "tau")
        self.put("g", g * decay)
        return 0.5 * g * (1 + decay)


MODELS = [Saturating]
# So that two of the strong spikes stay below it, and the third does not
VALUES = {"Saturating": dict(g_max=100.0 * u.pA)}


def test_it_takes_twentyfive_lines():
    assert len([line for line in inspect.getsource(Saturating).splitlines() if line.strip()]) <= 25


@pytest.mark.skipif(not all(bs.events.kernels().values()), reason="the kernels are not compiled")
def test_a_broken_definition_fails_the_suite(built, monkeypatch):
    def plain(shared, operands, static, batch):
        return ((1 + 1e-6) * contract_one(shared, static, *operands)[0],)

    class Fresh(bs.receptors.Exponential):
        """What no program has been compiled for."""

    monkeypatch.setattr(contract_p, "plain", plain)
    jax.clear_caches()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_kernels_and_plain_jax_agree(Fresh, built)  # noqa: F405
    jax.clear_caches()


class Talkative(bs.receptors.Exponential):
    """Gives something before spikes arrive."""

    def advance(self, clock):
        return super().advance(clock) + 1e-3


class Detached(bs.receptors.Exponential):
    """Does not know how it depends on its time constant."""

    def decay(self, clock, tau):
        return jax.lax.stop_gradient(super().decay(clock, tau))

    def advance(self, clock):
        g = self.plain("g") * self.decay(clock, "tau")
        self.put("g", g)
        return g


def test_a_broken_class_fails_the_suite(built):
    with pytest.raises(AssertionError, match="has no equation"):
        test_is_documented(Talkative, built)  # noqa: F405
    with pytest.raises(AssertionError):
        test_how_it_runs(Talkative, built)  # noqa: F405
    with pytest.raises(AssertionError, match="tau"):
        test_as_a_function(Detached, built)  # noqa: F405
