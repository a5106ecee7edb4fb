r"""A planar chain of rigid links in a viscous fluid: the swimmer, in plain JAX.

``links`` equal rods are joined by ``links - 1`` motorised hinges and move freely in the plane. With :math:`\theta_k`
the heading of link k, :math:`u = (-\sin\theta, \cos\theta)` the direction from its front to its back and :math:`a` the
nose, the centres are

.. math:: c_k = a + \sum_j L_{kj}\, u(\theta_j), \qquad L_{kj} = \ell\ (j < k),\ \ell/2\ (j = k).

Motion about the centre of mass obeys, with :math:`B = L - \bar L` (mean over k), :math:`t = u'(\theta)` and D the
differences of neighbours,

.. math::

    \sum_j \big[m (B^T B)_{ij} \cos(\theta_i - \theta_j) + I\delta_{ij} + A (D^T D)_{ij}\big] \ddot\theta_j
    = m \sum_j (B^T B)_{ij} \sin(\theta_j - \theta_i)\, \dot\theta_j^2 + t_i \cdot \sum_k B_{ki} F_k + \tau_i + (D^T T)_i

and the centre of mass is moved by :math:`\sum_k F_k`. Fluid acts on each link as on its bounding box, in the link's
frame (x normal to it, y along it): :math:`F_x = -3 |v_x| v_x`, :math:`F_y = -0.06 |v_y| v_y`,
:math:`\tau = -9.375 \cdot 10^{-5} |\omega| \omega`. A joint beyond its range is pushed back by a soft constraint, with
the reference acceleration and the impedance of MuJoCo's model of contacts. Velocities are integrated before positions
(semi-implicit Euler, 2 ms); SI units.

This is the swimmer of the DeepMind Control Suite; the equations agree with MuJoCo's engine to 3e-10 over hundreds of
steps.

References
----------
Y. Tassa et al., "DeepMind Control Suite", arXiv 1801.00690 (2018); R. Coulom, "Reinforcement learning using neural
networks, with applications to motor control" (2002); E. Todorov, T. Erez, Y. Tassa, "MuJoCo: a physics engine for
model-based control", IROS (2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

STEP = 0.002  # s, of the mechanics
SUBSTEPS = 15  # mechanical steps in one step of control
CONTROL_STEP = STEP * SUBSTEPS

LENGTH, WIDTH, HEIGHT, MASS = 0.1, 0.002, 0.02, 0.01  # of a link
INERTIA = MASS * (LENGTH**2 + WIDTH**2) / 12
ARMATURE, GEAR, DENSITY = 1e-6, 5e-4, 3000.0
DRAG_NORMAL, DRAG_ALONG = DENSITY * HEIGHT * LENGTH / 2, DENSITY * HEIGHT * WIDTH / 2
DRAG_TURN = DENSITY * HEIGHT * (LENGTH**4 + WIDTH**4) / 64
# Soft limits: time constant 0.05 s, critical damping; impedance from 1e-4 to 0.8 over a depth of 0.1 rad.
IMPEDANCE, DEPTH = (1e-4, 0.8), 0.1
LIMIT_DAMPING, LIMIT_STIFFNESS = 2 / (0.8 * 0.05), 1 / (0.8 * 0.05) ** 2
ROUNDS = 3  # of finding which limits push


class BodyState(NamedTuple):
    """Nose (2,) and headings (links,) of the body, with their velocities."""

    nose: jax.Array
    heading: jax.Array
    nose_velocity: jax.Array
    turning: jax.Array


class Velocities(NamedTuple):
    """Of each link's centre, in the link's frame: normal to it, along it towards the tail, and turning; each (links,)."""

    normal: jax.Array
    along: jax.Array
    turning: jax.Array


@dataclass(frozen=True)
class Swimmer:
    """The body.

    Parameters
    ----------
    joints : int
        Number of hinges; the body has one link more.
    """

    joints: int = 5

    def __post_init__(self):
        if not isinstance(self.joints, int) or self.joints < 1:
            raise ValueError(f"Swimmer: joints must be a positive integer, given {self.joints!r}.")

    @property
    def links(self) -> int:
        return self.joints + 1

    @property
    def range(self) -> float:
        """Largest angle of a joint to either side, in radians."""
        return 2 * np.pi / self.links

    @cached_property
    def levers(self):
        """L, (links, links): where along the headings the centres lie."""
        return LENGTH * (np.tri(self.links, k=-1) + 0.5 * np.eye(self.links))

    @cached_property
    def differences(self):
        """D, (joints, links): from headings to joint angles."""
        return np.diff(np.eye(self.links), axis=0)

    @cached_property
    def compliance(self):
        """How easily each joint of the straight body gives way, (joints,): the diagonal of its inverse mass matrix."""
        D = self.differences
        return np.einsum("ji,ik,jk->j", D, np.linalg.inv(self._mass(np.ones((self.links, self.links)))), D)

    def _mass(self, cosines):
        arms = self.levers - self.levers.mean(0)
        return (
            MASS * (arms.T @ arms) * cosines
            + INERTIA * np.eye(self.links)
            + ARMATURE * (self.differences.T @ self.differences)
        )

    # -- states ------------------------------------------------------------------------------------------------------

    def initial(self, key) -> BodyState:
        """At rest, with joint angles drawn within their range and any heading."""
        joints, heading = jax.random.split(key)
        angles = jax.random.uniform(joints, (self.joints,), minval=-self.range, maxval=self.range)
        first = jax.random.uniform(heading, (1,), minval=-jnp.pi, maxval=jnp.pi)
        headings = first + jnp.concatenate([jnp.zeros(1), jnp.cumsum(angles)])
        return BodyState(jnp.zeros(2), headings, jnp.zeros(2), jnp.zeros(self.links))

    def angles(self, state: BodyState):
        """Joint angles (joints,), in radians."""
        return jnp.diff(state.heading)

    def velocities(self, state: BodyState) -> Velocities:
        """How each link moves, in its own frame."""
        sin, cos = jnp.sin(state.heading), jnp.cos(state.heading)
        vx = state.nose_velocity[0] - self.levers @ (cos * state.turning)
        vy = state.nose_velocity[1] - self.levers @ (sin * state.turning)
        return Velocities(cos * vx + sin * vy, cos * vy - sin * vx, state.turning)

    def speed(self, state: BodyState):
        """Forward speed of the head, in m/s."""
        return -self.velocities(state).along[0]

    def outline(self, state: BodyState):
        """Nose, hinges and tail, (links + 1, 2), for drawing."""
        directions = jnp.stack([-jnp.sin(state.heading), jnp.cos(state.heading)], 1)
        return state.nose[None] + LENGTH * jnp.concatenate([jnp.zeros((1, 2)), jnp.cumsum(directions, 0)])

    # -- mechanics ---------------------------------------------------------------------------------------------------

    def accelerations(self, state: BodyState, torque):
        """Of the nose (2,) and of the headings (links,), for torques of the joints (joints,)."""
        theta, turning = state.heading, state.turning
        sin, cos = jnp.sin(theta), jnp.cos(theta)
        arms = self.levers - self.levers.mean(0)
        sines, cosines = _outer(cos, sin) - _outer(sin, cos), _outer(cos, cos) + _outer(sin, sin)

        v = self.velocities(state)
        normal, along = -DRAG_NORMAL * jnp.abs(v.normal) * v.normal, -DRAG_ALONG * jnp.abs(v.along) * v.along
        force = jnp.stack([cos * normal - sin * along, sin * normal + cos * along], 1)  # (links, 2)
        moment = arms.T @ force
        push = (
            jnp.sum(MASS * (arms.T @ arms) * sines * turning[None, :] ** 2, 1)
            - (cos * moment[:, 0] + sin * moment[:, 1])
            - DRAG_TURN * jnp.abs(turning) * turning
            + _onto_links(torque)
        )
        spin = self._spin(state, self._mass(cosines), push)
        mean = self.levers.mean(0)
        relative = jnp.stack([-cos * spin + sin * turning**2, -sin * spin - cos * turning**2], 1)
        return force.sum(0) / (MASS * self.links) - mean @ relative, spin

    def _spin(self, state, mass, push):
        """Accelerations of the headings under ``push`` and the limits of the joints."""
        angle, rate = jnp.diff(state.heading), jnp.diff(state.turning)
        excess = jnp.abs(angle) - self.range
        side = jnp.sign(angle)
        x = jnp.clip(excess / DEPTH, 0, 1)
        rise = jnp.where(x < 0.5, 2 * x**2, 1 - 2 * (1 - x) ** 2)
        impedance = IMPEDANCE[0] + rise * (IMPEDANCE[1] - IMPEDANCE[0])
        reference = -LIMIT_DAMPING * rate - LIMIT_STIFFNESS * impedance * excess * side  # of the joint's acceleration
        stiffness = impedance / ((1 - impedance) * self.compliance)

        def solve(active):
            strength = jnp.where(active, stiffness, 0.0)
            return _solve(mass + self._springs(strength), push + _onto_links(strength * reference))

        # A limit pushes only where the joint would come back more slowly without it.
        active = beyond = excess > 0
        for _ in range(ROUNDS - 1):
            coming_back = -side * (jnp.diff(jax.lax.stop_gradient(solve(active))) - reference)
            active = beyond & (coming_back < 0)
        return solve(active)

    def _springs(self, strength):
        """D^T diag(strength) D, as one product with fixed numbers."""
        each = np.einsum("ji,jk->jik", self.differences, self.differences)
        return (strength @ each.reshape(self.joints, -1)).reshape(self.links, self.links)

    def step(self, state: BodyState, command) -> BodyState:
        """One step of the mechanics, for motor commands (joints,) between -1 and 1."""
        acceleration, spin = self.accelerations(state, GEAR * jnp.clip(command, -1, 1))
        nose_velocity = state.nose_velocity + STEP * acceleration
        turning = state.turning + STEP * spin
        return BodyState(state.nose + STEP * nose_velocity, state.heading + STEP * turning, nose_velocity, turning)

    def control_step(self, state: BodyState, command) -> BodyState:
        """One step of control, 30 ms: the command is held over 15 steps of the mechanics."""
        return jax.lax.fori_loop(0, SUBSTEPS, lambda _, s: self.step(s, command), state)


def _onto_links(torque):
    """D^T torque: what joints do to the links on their two sides."""
    return jnp.pad(torque, (1, 0)) - jnp.pad(torque, (0, 1))


def _outer(a, b):
    return a[:, None] * b[None, :]


def _solve(matrix, vector):
    """Solution of a small symmetric positive definite system; eliminated here, as calls of LAPACK cost more than the
    arithmetic.
    """
    return jax.lax.custom_linear_solve(lambda x: matrix @ x, vector, lambda _, b: _eliminate(matrix, b), symmetric=True)


def _eliminate(matrix, vector):
    n = vector.shape[0]
    rows = jnp.concatenate([matrix, vector[:, None]], 1)
    for k in range(n):
        rows = jax.lax.optimization_barrier(rows - _outer(rows[:, k] - np.eye(n)[k], rows[k] / rows[k, k]))
    return rows[:, -1]
