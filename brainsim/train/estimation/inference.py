"""A model as simulation-based inference asks for it: a simulator of parameters drawn from a prior."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._units import float_dtype, with_unit
from brainsim.train.estimation.unknowns import Unknowns


class Simulator:
    r"""What the package sbi takes: a prior, and a function from parameters drawn from it to what is observed.

    .. math:: \theta_i = F_i(p_i) \in [0, 1]

    with F the distribution function of each unknown number p: in :math:`\theta` the prior is uniform on a cube, whatever
    the units and bounds::

        simulator = bs.train.Simulator(unknowns, protocols.features)
        theta = simulator.prior.sample((2000,))
        inference = sbi.inference.NPE(simulator.prior)
        inference.append_simulations(theta, simulator(theta)).train()
        samples = inference.build_posterior().sample((1000,), x=observed)
        print(simulator.values(samples))

    Parameters
    ----------
    unknowns : Unknowns
        Each with a prior or bounds.
    observe : callable
        ``observe(parameters)``, an array: what a run of the network with these parameters gives, such as
        ``protocols.features``.
    batch : int
        Runs at once.

    Raises
    ------
    ValueError
        For an unknown without prior and bounds.

    References
    ----------
    A. Tejero-Cantero et al., J. Open Source Softw. 5:2505 (2020), sbi; P. J. Gonçalves et al., eLife 9:e56261 (2020).
    """

    def __init__(self, unknowns: Unknowns, observe: Callable, *, batch: int = 64):
        for name, distribution, _ in unknowns.distributions:
            if distribution is None:
                raise ValueError(f"Simulator: {name} has neither a prior nor bounds (between=).")
        if batch < 1:
            raise ValueError(f"Simulator: batch must be a whole number from 1, given {batch}.")
        self.unknowns, self.batch = unknowns, int(batch)
        run = lambda row: jnp.ravel(observe(unknowns.parameters(unknowns.of_vector(row))))
        self._run = jax.jit(jax.vmap(run))

    @property
    def prior(self) -> Any:
        """Uniform on the cube: a distribution of torch.

        Raises
        ------
        ImportError
            Without the package torch.
        """
        try:
            import torch  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ImportError("Simulator.prior: needs the package torch; pip install 'brainsim[sbi]'.") from error
        ends = torch.zeros(len(self.unknowns)), torch.ones(len(self.unknowns))
        return torch.distributions.Independent(torch.distributions.Uniform(*ends), 1)

    def numbers(self, theta: Any) -> np.ndarray:
        """The unknown numbers, plain, in the order of ``unknowns.labels``, (n, d).

        Raises
        ------
        ValueError
            For rows of another length, and numbers that are not from 0 to 1.
        """
        rows = np.atleast_2d(np.asarray(theta, float))
        count = len(self.unknowns)
        if rows.ndim != 2 or rows.shape[1] != count or not np.all((rows >= 0) & (rows <= 1)):
            raise ValueError(f"Simulator: theta must be rows of {count} numbers from 0 to 1, given shape {rows.shape}.")
        inside = np.clip(rows, 1e-6, 1 - 1e-6)  # at the ends of a prior numbers may be infinite
        each = [d.quantile(inside[:, k], unit) for k, (_, d, unit) in enumerate(self.unknowns.distributions) if d]
        return np.stack(each, 1)

    def values(self, theta: Any) -> dict[str, u.Quantity]:
        """The unknown numbers with their units, by name in ``unknowns.labels``, (n,) each."""
        numbers, given = self.numbers(theta), self.unknowns.distributions
        return {label: with_unit(numbers[:, k], given[k][2]) for k, label in enumerate(self.unknowns.labels)}

    def __call__(self, theta: Any) -> Any:
        """What is observed with each row of parameters, (n, k); NaN where something is not defined.

        Parameters
        ----------
        theta : array or torch.Tensor, (n, d) or (d,)
            From 0 to 1.

        Returns
        -------
        array or torch.Tensor, as was given
        """
        rows = self.numbers(theta)
        short = -len(rows) % self.batch
        padded = np.concatenate([rows, np.repeat(rows[-1:], short, axis=0)]).astype(float_dtype())
        parts = [self._run(padded[k : k + self.batch]) for k in range(0, len(padded), self.batch)]
        found = np.concatenate([np.asarray(part) for part in parts])[: len(rows)]
        if type(theta).__module__.partition(".")[0] != "torch":
            return found if np.ndim(theta) == 2 else found[0]
        import torch  # pyright: ignore[reportMissingImports]

        made = torch.as_tensor(np.array(found), dtype=torch.float32)
        return made if theta.ndim == 2 else made[0]
