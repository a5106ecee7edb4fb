r"""How C. elegans crawls and swims with one circuit: the neuromechanical model of Boyle, Berri and Cohen.

**Body.** 49 rods across the worm, 1 mm long and 80 um wide, are joined along both sides by springs with muscles and
crosswise by stiff springs. An element of length L that lengthens at the speed S pushes its ends apart with

.. math:: F = \kappa_{PE} (L_0 - L) + \kappa_{AE} A\, (L_0 - A (L_0 - L_{min}) - L) - (D_{PE} + A D_{AE}) S

(A the muscle's activation; crosswise :math:`\kappa_{DE} (L_0 - L) - D_{DE} S`). Inertia is nothing: the rods move at
the speeds at which drag balances F, slowly across the body (:math:`C_N`) and easily along it (:math:`C_L`).

**Circuit.** Twelve units, each over four segments, hold a dorsal and a ventral B neuron: bistable, on where
:math:`I > 0.75 - 0.5\,S`,

.. math:: I_D = I_{AVB} + W_i\, x_D, \qquad I_V = (0.5 - S_D) + I_{AVB} + W_i\, x_V,

with x the stretch of their side from their own unit to five units behind, and the dorsal state inhibiting the ventral
neuron. Neurons of one side excite its muscles and inhibit those opposite; muscles follow in 0.1 s. There is no
oscillator: the wave comes from proprioception, and its frequency and length from the medium, m = 0 for water and 1 for
agar.

The springs are :math:`10^8` times stiffer than water: in float64, the body is stepped by the two-stage implicit
Runge-Kutta scheme of Alexander, second-order and L-stable, and each stage is solved for the velocities by Newton's
method.

    python -m models.celegans_swimmer.gait
    OPENBLAS_NUM_THREADS=1 brainsim run models/celegans_swimmer/gait.py --set worm.medium=0.1 --plot gait.png

(With one thread, as those of LAPACK spin while they wait: on a busy machine that is five times faster, or more.)

References
----------
J. H. Boyle, S. Berri, N. Cohen, "Gait modulation in C. elegans: an integrated neuromechanical model", Front. Comput.
Neurosci. 6:10 (2012); R. Alexander, "Diagonally implicit Runge-Kutta methods for stiff O.D.E.'s", SIAM J. Numer. Anal.
14:1006 (1977).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from models.progress import track

DT = 1.0 * u.ms
DURATION = 5.0 * u.second
RECORD = ["worm.on", "worm.bend"]
PRECISION = "float64"

RODS, SEGMENTS, UNITS = 49, 48, 12
LENGTH, WIDTH = 1e-3, 80e-6  # m
SEGMENT = LENGTH / SEGMENTS
RADIUS = WIDTH / 2 * np.abs(np.sin(np.arccos((np.arange(RODS) - 24) / 24.2)))
STIFFNESS = SEGMENTS / 24 * 10e-3  # N/m
DAMPING = 0.025 * STIFFNESS
MUSCLE_STIFFNESS, MUSCLE_DAMPING = 20 * STIFFNESS, 5 * 20 * DAMPING
CROSS_STIFFNESS, CROSS_DAMPING = 350 * STIFFNESS, 0.01 * 350 * STIFFNESS
SIDE_REST = np.hypot(SEGMENT, np.diff(RADIUS))[None]  # (1, 48), as the other two
CROSS_REST = np.hypot(SEGMENT, RADIUS[:-1] + RADIUS[1:])[None]
SHORTEST = (1 - 0.65 * (RADIUS[:-1] + RADIUS[1:]) / WIDTH) * SIDE_REST
DRAG = {"water": (3.3e-6, 5.2e-6), "agar": (3.2e-3, 128e-3)}  # kg/s of the whole body, along and across
STEP = 1e-3  # s, of the circuit
GAMMA = 1 - 1 / np.sqrt(2)  # of Alexander's scheme
NEWTON = 4  # iterations in each of its stages


class WormState(NamedTuple):
    """Rods (49, 3): x, y (m) and angle, and how they move (per s); B neurons (2, 12) and muscles (2, 48), dorsal and
    ventral.
    """

    rods: jax.Array
    moving: jax.Array
    neurons: jax.Array
    muscles: jax.Array


@dataclass(frozen=True)
class Worm:
    """Circuit and body.

    Parameters
    ----------
    drive : float
        I_AVB, what the command neuron gives to the B neurons.
    threshold, hysteresis : float
        A neuron is on where its input exceeds ``threshold - hysteresis * state``.
    muscle_tau : float
        Time constant of muscles in s.
    substeps : int
        Steps of the body in one of the circuit (1 ms).
    """

    drive: float = 0.675
    threshold: float = 0.75
    hysteresis: float = 0.5
    muscle_tau: float = 0.1
    substeps: int = 1

    def initial(self) -> WormState:
        """Straight and relaxed, dorsal neurons on."""
        rods = np.stack([SEGMENT * np.arange(RODS), np.zeros(RODS), np.full(RODS, np.pi / 2)], 1)
        neurons = np.stack([np.ones(UNITS), np.zeros(UNITS)])
        return WormState(jnp.asarray(rods), jnp.zeros((RODS, 3)), jnp.asarray(neurons), jnp.zeros((2, SEGMENTS)))

    # -- body --------------------------------------------------------------------------------------------------------

    def velocities(self, rods, moving, muscles, drag):
        """Of rods (49, 3) that drag (along, across) allows; the elements are damped as if rods were ``moving`` at (49,
        3).
        """
        (lengths, directions), (speeds, _) = jax.jvp(elements, (rods,), (moving,))
        A = jnp.maximum(muscles, 0)
        side = (
            STIFFNESS * (SIDE_REST - lengths[:2])
            + MUSCLE_STIFFNESS * A * (SIDE_REST - A * (SIDE_REST - SHORTEST) - lengths[:2])
            - (DAMPING + A * MUSCLE_DAMPING) * speeds[:2]
        )
        cross = CROSS_STIFFNESS * (CROSS_REST - lengths[2:]) - CROSS_DAMPING * speeds[2:]
        push = jnp.concatenate([side, cross])[:, :, None] * directions  # (4, 48, 2): DD, VV, DV, VD
        ends = jnp.pad(push[jnp.array([0, 1, 3, 2])], ((0, 0), (1, 0), (0, 0))) - jnp.pad(
            push, ((0, 0), (0, 1), (0, 0))
        )
        force = ends[:2] + ends[2:]  # on dorsal and ventral ends, (2, 49, 2)
        sin, cos = jnp.sin(rods[:, 2]), jnp.cos(rods[:, 2])
        x, y = force[..., 0], force[..., 1]
        across, along = x * cos[None] + y * sin[None], x * sin[None] - y * cos[None]
        v_across, v_along = across.sum(0) / drag[1], along.sum(0) / drag[0]
        turning = (along[1] - along[0]) / 2 / drag[0] / (2 * np.pi * RADIUS)
        return jnp.stack([v_across * cos + v_along * sin, v_across * sin - v_along * cos, turning], 1)

    def body_step(self, rods, moving, muscles, medium, dt):
        """Rods and their velocities after ``dt`` seconds, by Alexander's scheme of two implicit stages."""
        drag = jnp.stack([(agar - water) * medium + water for water, agar in zip(DRAG["water"], DRAG["agar"])]) / 97

        def balance(moving, start):
            """Velocities that drag allows a stage that starts there; by Newton's method with one Jacobian."""

            def excess(moving):
                return moving - self.velocities(start + GAMMA * dt * moving, moving, muscles, drag)

            factors = jax.scipy.linalg.lu_factor(jacobian(excess, moving))
            correct = lambda _, v: v - jax.scipy.linalg.lu_solve(factors, excess(v).ravel()).reshape(RODS, 3)
            return jax.lax.fori_loop(0, NEWTON, correct, moving)

        first = balance(moving, rods)
        second = balance(first, rods + (1 - GAMMA) * dt * first)
        return rods + dt * ((1 - GAMMA) * first + GAMMA * second), second

    # -- circuit -----------------------------------------------------------------------------------------------------

    def stretch(self, rods):
        """What the units feel, (2, 12)."""
        lengths = elements(rods)[0][:2]
        felt = (WIDTH / (RADIUS[:-1] + RADIUS[1:]))[None] * (lengths - SIDE_REST) / SIDE_REST
        felt = felt.at[0].multiply(jnp.where(lengths[0] > SEGMENT, 0.8, 1.2))
        return felt @ RECEPTIVE_FIELDS

    def step(self, state: WormState, medium) -> WormState:
        """1 ms: body, stretch, neurons, muscles."""
        rods, moving = state.rods, state.moving
        for _ in range(self.substeps):
            rods, moving = self.body_step(rods, moving, state.muscles, medium, STEP / self.substeps)
        inputs = self.drive + self.stretch(rods)
        inputs = inputs.at[1].add(0.5 - state.neurons[0])
        neurons = (inputs > self.threshold - self.hysteresis * state.neurons).astype(rods.dtype)
        drive = GAIN * jnp.repeat(neurons[0] - neurons[1], SEGMENTS // UNITS)
        muscles = state.muscles + STEP / self.muscle_tau * (jnp.stack([drive, -drive]) - state.muscles)
        return WormState(rods, moving, neurons, muscles)


def elements(rods):
    """Lengths (4, 48) of the elements (both sides; dorsal to ventral and back) and their directions (4, 48, 2), towards
    the tail.
    """
    across = RADIUS[:, None] * jnp.stack([jnp.cos(rods[:, 2]), jnp.sin(rods[:, 2])], 1)
    dorsal, ventral = rods[:, :2] + across, rods[:, :2] - across
    spans = jnp.stack(
        [b[1:] - a[:-1] for a, b in ((dorsal, dorsal), (ventral, ventral), (dorsal, ventral), (ventral, dorsal))]
    )
    lengths = jnp.sqrt((spans**2).sum(-1))
    return lengths, spans / lengths[..., None]


def _receptive_fields():
    """(48, 12): weights of the segments' stretch in each unit."""
    fields = np.zeros((SEGMENTS, UNITS))
    for i in range(UNITS):
        fields[4 * i : 4 * min(i + 6, UNITS), i] = (
            0.65 * (0.4 + 0.08 * i) * 2 / 4 * (np.sqrt(6 // (12 - i)) if i >= 7 else 1)
        )
    return fields


RECEPTIVE_FIELDS = _receptive_fields()
GAIN = 0.7 * (1 - 0.6 * np.arange(SEGMENTS) / SEGMENTS) / np.where(np.arange(SEGMENTS) == 0, 1.5, 1)

# A rod acts on its neighbours alone, so nine directions show the whole Jacobian: three variables of every third rod.
_ROD, _NEAR = (
    k.ravel() for k in np.broadcast_arrays(np.arange(RODS)[:, None], np.arange(RODS)[:, None] + np.arange(-1, 2))
)
_ROD, _NEAR = _ROD[(_NEAR >= 0) & (_NEAR < RODS)], _NEAR[(_NEAR >= 0) & (_NEAR < RODS)]
_PROBES = np.einsum("ik,dj->kdij", np.arange(RODS)[:, None] % 3 == np.arange(3), np.eye(3)).reshape(9, RODS, 3)


def jacobian(f, x):
    """Jacobian (147, 147) at x (49, 3) of a function of all rods in which each acts on its neighbours alone."""
    _, push = jax.linearize(f, x)
    columns = jax.vmap(push)(jnp.asarray(_PROBES)).reshape(3, 3, RODS, 3)
    blocks = jnp.zeros((RODS, RODS, 3, 3)).at[_ROD, _NEAR].set(jnp.swapaxes(columns[_NEAR % 3, :, _ROD], 1, 2))
    return jnp.swapaxes(blocks, 1, 2).reshape(3 * RODS, 3 * RODS)


# -- as a network ----------------------------------------------------------------------------------------------------


class UndulatingWorm(bs.masses.Mass):
    """The 24 B neurons, (2, 12), dorsal and ventral, with muscles and body: :class:`Worm` as a population. A step is
    one of 1 ms.
    """

    medium = bs.Parameter(1.0, "0 for water, 1 for agar", shape=())
    drive = bs.Parameter(Worm.drive, "what the command neuron gives to the B neurons", shape=())
    threshold = bs.Parameter(Worm.threshold, "of a B neuron that is off", shape=())
    hysteresis = bs.Parameter(Worm.hysteresis, "by how much the threshold is lower for a neuron that is on", shape=())
    muscle_tau = bs.Parameter(100.0 * u.ms, "time constant of muscles", shape=(), positive=True)

    on = bs.State(0.0, "whether a B neuron is on")
    muscles = bs.State(0.0, "activations, 48 dorsal, then 48 ventral", shape="n_muscles")
    rods = bs.State(0.0, "x, y (m) and angle of each rod", shape="n_coordinates")
    moving = bs.State(0.0, "how the rods move, per second", shape="n_coordinates")
    bend = bs.State(0.0, "curvature at segments 6, 24 and 42, in rad per body length", shape="n_seen")

    n_muscles, n_coordinates, n_seen = 2 * SEGMENTS, 3 * RODS, 3

    def prepare(self, step_ms):
        if abs(step_ms - 1e3 * STEP) > 1e-9:
            raise ValueError(
                f"{self.path}: circuit and body advance in steps of {1e3 * STEP:g} ms; given dt = {step_ms:g} ms."
            )

    def update(self, clock, drives):
        worm = Worm(
            *(self.plain(name) for name in ("drive", "threshold", "hysteresis")),
            muscle_tau=1e-3 * self.plain("muscle_tau"),
        )
        names, like = ("rods", "moving", "on", "muscles"), Worm().initial()
        state = WormState(*(self.plain(name).reshape(part.shape) for name, part in zip(names, like)))
        state = worm.step(state, self.plain("medium"))
        for name, part in zip(names, state):
            self.put(name, part.ravel())
        self.put("bend", SEGMENTS * jnp.diff(state.rods[:, 2])[jnp.array([6, 24, 42])])


def build(seed: int = 0, *, medium: float = 1.0) -> bs.Network:
    """A network with one population, ``worm``, straight and relaxed. It has no randomness.

    Parameters
    ----------
    seed : int
        Of the network.
    medium : float
        0 for water, 1 for agar.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        In float32, which the springs do not bear, or for another medium.
    """
    _check(medium)
    if not jax.config.jax_enable_x64:
        raise ValueError(
            "gait: the springs of the body need float64; build and simulate under `jax.enable_x64(True)` or"
            " JAX_ENABLE_X64=1."
        )
    start = Worm().initial()
    net = bs.Network(seed=seed)
    net.worm = UndulatingWorm((2, UNITS), medium=medium, on=start.neurons.ravel(), rods=start.rods.ravel())
    return net


# -- experiments -----------------------------------------------------------------------------------------------------


def _check(medium):
    if not 0 <= medium <= 1:
        raise ValueError(f"gait: medium must lie between 0 (water) and 1 (agar), given {medium}.")


@partial(jax.jit, static_argnums=(0, 2, 3))
def _run(worm: Worm, medium, samples: int, every: int):
    def sample(state, _):
        state = jax.lax.fori_loop(0, every, lambda _, s: worm.step(s, medium), state)
        return state, state

    return jax.lax.scan(sample, worm.initial(), None, samples)[1]


def simulate(medium: float, seconds: float = 10.0, worm: Worm | None = None, every: int = 10) -> WormState:
    """Move through a medium between 0 (water) and 1 (agar).

    Returns
    -------
    WormState
        Of NumPy arrays (times, ...), every ``every`` ms.
    """
    _check(medium)
    with jax.enable_x64(True):
        states = _run(worm or Worm(), jnp.asarray(float(medium)), round(1e3 * seconds / every), every)
        return WormState(*(np.asarray(x) for x in states))


def observables(states: WormState, step: float = 0.01, after: float = 4.0) -> dict:
    """Gait of a recording every ``step`` seconds, from ``after`` seconds on.

    Returns
    -------
    dict
        ``frequency`` (Hz) at the middle of the body; ``wavelength`` in body lengths; ``curvature``, amplitudes (rad per
        body length) at segments 6, 24, 42; ``speed`` (mm/s) of the body's centre along its path, averaged over one
        undulation; ``net_speed`` (mm/s), from start to end as the crow flies: less, as the path curves.
    """
    rods = states.rods[round(after / step) :]
    bend = np.diff(rods[:, :, 2], axis=1) * SEGMENTS  # (times, 48)
    bend = bend - bend.mean(0)
    window = np.hanning(len(bend))
    power = np.abs(np.fft.rfft(bend[:, 24] * window, n=8 * len(bend)))
    frequency = (power[1:].argmax() + 1) / (8 * len(bend) * step)
    times = step * np.arange(len(bend))
    wave = (window[:, None] * np.exp(-2j * np.pi * frequency * times)[:, None] * bend).sum(0) / window.sum()
    inner = slice(6, 43)
    slope = np.polyfit(np.arange(SEGMENTS)[inner] / SEGMENTS, np.unwrap(np.angle(wave[inner])), 1)[0]
    centre = 1e3 * rods[:, :, :2].mean(1)
    undulation = round(1 / (frequency * step))
    smooth = (np.cumsum(centre, 0)[undulation:] - np.cumsum(centre, 0)[:-undulation]) / undulation
    return {
        "frequency": float(frequency),
        "wavelength": float(2 * np.pi / abs(slope)),
        "curvature": [float(2 * abs(wave[k])) for k in (6, 24, 42)],
        "speed": float(np.linalg.norm(np.diff(smooth, axis=0), axis=1).mean() / step),
        "net_speed": float(np.linalg.norm(centre[-1] - centre[0]) / times[-1]),
    }


def main() -> None:
    """Print the gait in media from agar to water."""
    for medium in track((1.0, 0.3, 0.1, 0.03, 0.01, 0.0), "medium"):
        found = observables(simulate(medium))
        bends = ", ".join(f"{x:.1f}" for x in found["curvature"])
        print(
            f"medium {medium:4.2f}: {found['frequency']:.3f} Hz, wavelength {found['wavelength']:.2f} L, curvature"
            f" {bends}, {found['speed']:.2f} mm/s, net {found['net_speed']:.2f} mm/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
