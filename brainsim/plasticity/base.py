"""What every plasticity rule shares: a projection, traces on both sides, and a change of weights on spikes."""

from __future__ import annotations

from brainsim._core import Dynamics


class Plasticity(Dynamics):
    """How the weights of a projection change with the spikes on both of its sides."""

    bound = False

    def bind(self, path: str, n_pre: int, n_post: int, weight_unit, key=None) -> None:
        """Make this the rule of the projection that stands at ``path``; ``key`` draws what was given as a distribution."""
        if self.bound:
            raise ValueError(f"the plasticity given to {path} already belongs to {self.path}; make another one.")
        self.n_pre, self.n_post, self.weight_unit, self._path = n_pre, n_post, weight_unit, f"{path}.plasticity"
        self.bound = True
        self.allocate(key)

    def update(self, clock, conn, by_post, pre, post, weight):
        """Advance by a step, at whose end the spikes ``pre`` reach the synapses and ``post`` are fired; return the weights.

        Parameters
        ----------
        clock : Clock
        conn, by_post : Format, PostIndex
            The synapses, by presynaptic and by postsynaptic neuron.
        pre, post : bool or float arrays, (n_pre,) and (n_post,)
        weight : float array, (n_synapses,)
        """
        raise NotImplementedError(f"{type(self).__name__} does not change weights: define update(self, clock, ...).")
