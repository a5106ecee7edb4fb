"""A membrane with channels as a linear one, about its present state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._units import in_unit

if TYPE_CHECKING:
    from brainsim.neurons.conductance_based import ConductanceBased


class Linearised:
    r"""What a small change of V makes of the current through every site's membrane.

    With the equations :math:`C \dot V = f(V, x)` and :math:`\dot x = g(V, x)` of V and of all gates and concentrations x,

    .. math::
        Y(f) = C \left( \mathrm i \omega - f_V - f_x (\mathrm i \omega - g_x)^{-1} g_V \right), \qquad \omega = 2 \pi f

    so that gates that follow V take part at low frequencies: the quasi-active membrane of Koch (1984). Receptors and
    stimuli do not belong to it.

    Parameters
    ----------
    population : ConductanceBased
        Cells of one compartment or of several, at the state that they are in: at rest the impedances are those of rest.

    References
    ----------
    C. Koch, Biol. Cybern. 50:15 (1984).
    """

    def __init__(self, population: ConductanceBased):
        field = population.vector_field()
        units = dict(zip(field.variables, field.units))
        state = {name: jnp.asarray(in_unit(value, units[name], name)) for name, value in population.present().items()}
        places = {name: _sites(population, name) for name in state}

        def rates(y):
            return field.alone(0.0, y, y)

        # Sites do not act on each other: one product with the Jacobian for each variable gives its column everywhere.
        names = list(state)
        along = {
            name: jnp.broadcast_to(jnp.eye(len(names), dtype=value.dtype)[:, j, None], (len(names), len(value)))
            for j, (name, value) in enumerate(state.items())
        }
        columns = jax.jit(lambda y, along: jax.vmap(jax.linearize(rates, y)[1])(along))(state, along)
        jacobian = np.zeros((population.sites, len(names), len(names)))
        for i, (name, rows) in enumerate(places.items()):
            jacobian[rows, i] = np.broadcast_to(columns[name].T, (len(rows), len(names)))
        for i, name in enumerate(names):  # what is not there stays out of it
            jacobian[np.setdiff1d(np.arange(population.sites), places[name]), i, i] = -1.0
        self.jacobian, self._V = jacobian, names.index("V")
        self.C = np.broadcast_to(in_unit(population.C, u.uF / u.cm**2, "C"), population.sites).astype(float)

    def admittance(self, hertz: np.ndarray) -> np.ndarray:
        """Admittance of the membrane per area, in S/cm²: (sites, f)."""
        A, V = self.jacobian, self._V
        x = np.delete(np.arange(A.shape[1]), V)
        A_xx, g_V, f_x = A[:, x[:, None], x], A[:, x, V], A[:, V, x]
        found = np.empty((len(A), len(hertz)), complex)
        for k, omega in enumerate(2e-3j * np.pi * np.asarray(hertz)):  # per ms
            followed = np.linalg.solve(omega * np.eye(len(x)) - A_xx, g_V[..., None])[..., 0]
            found[:, k] = omega - A[:, V, V] - (f_x * followed).sum(1)
        return 1e-3 * self.C[:, None] * found  # uF/cm2 per ms is mS/cm2


def _sites(population: ConductanceBased, name: str) -> np.ndarray:
    """The sites at which a variable stands."""
    part, _ = population.home(name)
    there = None if part is population else getattr(part._aside, "sites", None)
    return np.arange(population.sites) if there is None else np.asarray(there)
