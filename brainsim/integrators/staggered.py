"""Gates and potentials in turns, the potentials linearly implicit: what NEURON does."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from brainsim.integrators.base import Field, Leaves, ODEMethod
from brainsim.integrators.coupled import identity_like, implicit_step, solve, value_and_matrix
from brainsim.integrators.exponential import own_slope, phi1


@dataclass(frozen=True)
class _Staggered(ODEMethod):
    """Gates from t - dt/2 to t + dt/2, then potentials from t to t + dt by one linear solve."""

    solves_coupling: ClassVar[bool] = True
    theta: ClassVar[float]

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        y, held = list(y), y
        for turn in f.turns(len(y)):
            if turn in f.together:
                for k, leaf in zip(turn, implicit_step(f, t, y, turn, dt)):
                    y[k] = leaf
            elif (k := turn[0]) not in f.potentials:
                slope, rate = own_slope(f, t, y, held, k)
                y[k] = y[k] + dt * phi1(rate * dt) * slope
        if f.holds:
            held = _moved(f, y, increment(f, t, y, y, dt / 2))
        # x = theta h (rate + J x) is theta times the increment of a step that is implicit to the share theta
        x = increment(f, t, y, held, self.theta * dt)
        return _moved(f, y, [one / self.theta for one in x])


def increment(f: Field, t, y: Leaves, held: Leaves, h) -> Leaves:
    r"""What a step h of backward Euler adds to the potentials, their equation being linear.

    .. math:: x = h\,(\dot V(V) + J x)

    with J the derivative of the rates in the potentials at what is held. Solved for x and not for V + x, it is as exact
    in float32 as the rates are. Units that are coupled with each other, the compartments of a cell, are solved by the
    ``coupling`` of f, see `Field`.
    """
    potentials = f.potentials

    def rates(V):
        leaves = list(y)
        for k, leaf in zip(potentials, V):
            leaves[k] = leaf
        slopes = f.held(t, leaves, held)
        return jnp.stack([slopes[k] for k in potentials])

    V = jnp.stack([y[k] for k in potentials])
    h = jnp.asarray(h, V.dtype)
    if f.coupling is not None:
        k = potentials[0]
        alone = lambda V: f.alone(t, [*y[:k], V, *y[k + 1 :]], held)[k]
        rate, slope = jax.jvp(alone, (y[k],), (jnp.ones_like(y[k]),))
        return [f.coupling.increment(y[k], rate, slope, h)]
    if len(potentials) == 1:
        rate, slope = own_slope(f, t, y, held, potentials[0])
        return [h * rate / (1 - h * slope)]
    rate, jacobian = value_and_matrix(rates, V)
    return list(solve(identity_like(jacobian) - h * jacobian, h * rate))


def _moved(f: Field, y: Leaves, x: Leaves) -> Leaves:
    y = list(y)
    for k, one in zip(f.potentials, x):
        y[k] = y[k] + one
    return y


@dataclass(frozen=True)
class StaggeredBackwardEuler(_Staggered):
    r"""Gates first, exactly; then the potential by backward Euler with its conductances held: NEURON's default.

    .. math::

        x_{next} &= x + dt\,\varphi_1(a_x\,dt)\,f_x(V, x),\qquad a_x = \partial f_x/\partial x \\
        V_{next} &= V + \frac{dt\,f_V(V, x_{next})}{1 - dt\,J},\qquad J = \partial f_V/\partial V

    Order 1, no Newton iteration, and no dt at which it runs away where the membrane is a sum of conductances: V stays
    between its reversal potentials. Called as every `ODEMethod`.

    Which leaves are potentials, and which conductances follow V at once and are to be held, is told by f (the vector
    field of a population does); otherwise the first leaf is the potential and nothing is held. Conductances that
    follow V are taken at V in the middle of the step, found by a half step. Several potentials of one element, soma and
    dendrite, are solved together. Potentials of different elements that are coupled are solved by the ``coupling`` of
    f; without it a coupling between elements is explicit.

    References
    ----------
    M. Hines, Int. J. Biomed. Comput. 15:69 (1984); N. T. Carnevale, M. L. Hines, The NEURON Book (2006), chapter 4.
    """

    name: ClassVar[str] = "staggered_backward_euler"
    order: ClassVar[int] = 1
    theta: ClassVar[float] = 1.0


@dataclass(frozen=True)
class StaggeredCrankNicolson(_Staggered):
    r"""Gates first, exactly; then the potential by Crank-Nicolson with its conductances held: NEURON's ``secondorder``.

    .. math:: V_{next} = V + \frac{dt\,f_V(V, x_{next})}{1 - \tfrac{dt}{2}\,J}

    As `StaggeredBackwardEuler`. Of order 1 where gates are read at the time of V, and of order 2 where they are read
    half a step before: the time between spikes, and V up to a shift in time that does not grow, are of order 2. What
    is faster than dt/2 is not damped but changes its sign at every step, so the peak of a spike may be passed.

    References
    ----------
    M. Hines, Int. J. Biomed. Comput. 15:69 (1984).
    """

    name: ClassVar[str] = "staggered_crank_nicolson"
    order: ClassVar[int] = 1
    theta: ClassVar[float] = 0.5
