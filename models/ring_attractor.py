"""A continuous attractor on a ring: a bump of activity that remembers a direction and follows a moving stimulus.

.. math::

    \\tau \\dot u(x) &= -u(x) + \\rho\\int J(x - x')\\,r(x')\\,dx' + I(x, t) - v(x),\\qquad
    r = \\frac{u^2}{1 + k \\rho \\int u^2 dx} \\\\
    \\tau_v \\dot v(x) &= -v(x) + m\\,u(x) \\\\
    J(d) &= \\frac{J_0}{\\sqrt{2\\pi}\\,a} e^{-d^2/2a^2},\\qquad I(x, t) = A\\,e^{-(x - z(t))^2/4a^2}

Units prefer directions :math:`x` all around the ring; the sums of the program stand for :math:`\\rho\\int dx`, with
:math:`\\rho = N/2\\pi`. Divisive inhibition of strength k keeps the activity in one bump,
:math:`u = U_0 e^{-(x - z)^2/4a^2}`, which may rest at any z as long as k is below a critical value. It moves smoothly
to where a stimulus is, and lags behind one that moves. With adaptation, m > 0, it gains on the stimulus: for weak
adaptation it anticipates it, and for strong adaptation it sweeps to and fro around it. Without a stimulus the bump
travels by itself where :math:`m > \\tau/\\tau_v`.

References
----------
S. Wu, K. Hamaguchi, S. Amari, Neural Comput. 20:994 (2008); C. C. A. Fung, K. Y. M. Wong, S. Wu, Neural Comput. 22:752
(2010); Y. Mi, C. C. A. Fung, K. Y. M. Wong, S. Wu, NIPS 27:505 (2014).
"""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

import brainsim as bs
from models.progress import track

TAU = 1.0 * u.ms  # the unit of time
DT = 0.1 * TAU
DURATION = 60.0 * TAU
RECORD = ["ring.u", "ring.stimulus.z"]

#: Width a, strength of the stimulus A, of the coupling J0 and of inhibition k.
TRACKING = dict(a=0.5, A=10.0, J0=4.0, k=8.1)
OSCILLATORY = dict(a=0.3, A=0.2, J0=1.0, k=1.0, m=0.3)


def around(x):
    """An angle, or a difference of angles, from -pi to pi."""
    return (x + np.pi) % (2 * np.pi) - np.pi


class Ring(bs.masses.Mass):
    r"""Rate units with divisive inhibition by all of them, and adaptation.

    .. math:: \tau \dot u = -u + I - v,\qquad \tau_v \dot v = -v + m u,\qquad r = \frac{u^2}{1 + k \sum u^2}
    """

    default_method = "euler"
    inputs = {"I": "u"}

    tau = bs.Parameter(TAU, "time constant", positive=True)
    tau_v = bs.Parameter(50.0 * TAU, "time constant of adaptation", positive=True)
    k = bs.Parameter(8.1, "strength of divisive inhibition", shape=())
    m = bs.Parameter(0.0, "strength of adaptation")
    u = bs.State(0.0, "synaptic input")
    v = bs.State(0.0, "adaptation")
    r = bs.State(0.0, "rate")

    def derivative(self, t, u, v, I):
        return (-u + I - v) / self.tau, (-v + self.m * u) / self.tau_v

    def observe(self, y):
        square = y["u"] ** 2
        return {"r": square / (1.0 + self.k * square.sum())}


class MovingBump(bs.stimuli.Stimulus):
    r"""A bump :math:`A\,e^{-(x - z)^2/4a^2}` around z, which moves at a constant speed from ``begin`` to ``end``.

    Parameters
    ----------
    x : array, (n,)
        Preferred directions.
    a, A : float
        Width and height.
    position, velocity : float; quantity, 1 / time
        Where it is at first, and how fast it moves.
    begin, end : quantity, time
        When it moves.
    """

    x = bs.Parameter(0.0, "preferred directions")
    a = bs.Parameter(0.5, "width", shape=(), positive=True)
    A = bs.Parameter(1.0, "height", shape=())
    position = bs.Parameter(0.0, "position at first", shape=())
    velocity = bs.Parameter(0.0 / u.ms, "velocity while it moves", shape=())
    begin = bs.Parameter(0.0 * u.ms, "when it begins to move", shape=())
    end = bs.Parameter(1e6 * u.ms, "when it ends to move", shape=())
    z = bs.State(0.0, "position over the last step", shape=())

    def update(self, clock, population):
        moved = jnp.clip(u.get_mantissa(clock.t), self.plain("begin"), self.plain("end")) - self.plain("begin")
        self.put("z", around(self.plain("position") + self.plain("velocity") * moved))

    def value(self, clock):
        distance = around(self.plain("x") - self.plain("z"))
        return self.plain("A") * jnp.exp(-(distance**2) / (4 * self.plain("a") ** 2))


def build(
    seed: int = 0, *, n: int = 512, a: float = 0.5, A: float = 10.0, J0: float = 4.0, k: float = 8.1, m: float = 0.0
) -> bs.Network:
    """The network.

    Parameters
    ----------
    seed : int
        Nothing here is random; every model has one.
    n : int
        Number of units.
    a, A, J0, k, m : float
        Width of bump and coupling, height of the stimulus, strengths of coupling, inhibition and adaptation.

    Returns
    -------
    Network
        With the population ``ring``, its stimulus ``ring.stimulus`` and the projection ``ring->ring``.
    """
    net = bs.Network(seed=seed)
    x = np.arange(-n // 2, n - n // 2) * (2 * np.pi / n)  # without an endpoint: the spacing is the same all around
    net.ring = Ring(n, k=k, m=m)
    net.ring.add_receptors(coupling=bs.receptors.Graded())
    net.ring.add_stimuli(stimulus=MovingBump(x=x, a=a, A=A))
    J = J0 / (np.sqrt(2 * np.pi) * a) * np.exp(-(around(x[:, None] - x) ** 2) / (2 * a**2))
    net.connect(net.ring, net.ring, bs.AllToAll(), receptor="coupling", signal="r", weight=J)
    return net


# -- theory, for a bump that is narrow on the ring -------------------------------------------------------------------


def critical_inhibition(n: int = 512, a: float = 0.5, J0: float = 4.0) -> float:
    r"""Where the bump ceases to exist without a stimulus: :math:`k_c = \rho J_0^2/(8\sqrt{2\pi}\,a)`."""
    return n / (2 * np.pi) * J0**2 / (8 * np.sqrt(2 * np.pi) * a)


def bump_height(k: float, n: int = 512, a: float = 0.5, J0: float = 4.0) -> float:
    """Height U0 of the bump without a stimulus; 0 where there is none.

    The larger solution of :math:`k\\rho\\sqrt{2\\pi}\\,a\\,U_0^2 - \\rho J_0 U_0/\\sqrt 2 + 1 = 0`.
    """
    rho, area = n / (2 * np.pi), np.sqrt(2 * np.pi) * a
    if k > critical_inhibition(n, a, J0):
        return 0.0
    return (rho * J0 / np.sqrt(2) + np.sqrt(rho**2 * J0**2 / 2 - 4 * k * rho * area)) / (2 * k * rho * area)


def tracking_lag(v: float, k: float = 8.1, A: float = 10.0, n: int = 512, a: float = 0.5, J0: float = 4.0) -> float:
    r"""Lag behind a stimulus of small velocity v, to first order: :math:`s = v \tau U / A`.

    U is the height of the bump with the stimulus:
    :math:`U = \frac{\rho J_0 U^2}{\sqrt 2\,(1 + k\rho\sqrt{2\pi}\,a\,U^2)} + A`.
    """
    rho, area = n / (2 * np.pi), np.sqrt(2 * np.pi) * a
    highest = J0 / (np.sqrt(2) * k * area) + A
    U = brentq(lambda U: rho * J0 * U**2 / (np.sqrt(2) * (1 + k * rho * area * U**2)) + A - U, A, highest)
    return v * U / A


def travelling_speed(m: float, a: float = 0.3, tau_v: float = 50.0) -> float:
    r"""Speed c, per :math:`\tau`, at which the bump travels without a stimulus, to first order in m; 0 below
    :math:`m = \tau/\tau_v`.

    .. math:: 1 = \frac{m\tau_v}{\tau} \int_0^\infty y\,e^{-y - (c\tau_v y)^2/6a^2}\,dy

    Adaptation, a trail of the bump, pushes it away; the push is what the mode of the bump that shifts it takes of the
    trail.
    """

    def push(c):
        return m * tau_v * quad(lambda y: y * np.exp(-y - (c * tau_v * y) ** 2 / (6 * a**2)), 0, 60)[0]

    return brentq(lambda c: push(c) - 1, 0.0, 100 * a / tau_v * max(m * tau_v, 1)) if m * tau_v > 1 else 0.0


# -- what a recording shows ------------------------------------------------------------------------------------------


def positions(rec: bs.Recording) -> np.ndarray:
    """Direction of the bump at every sample: the angle of the population vector."""
    activity = np.asarray(rec["ring.u"])
    n = activity.shape[1]
    return np.angle(activity @ np.exp(1j * np.arange(-n // 2, n - n // 2) * (2 * np.pi / n)))


def offsets(rec: bs.Recording) -> np.ndarray:
    """Position of the bump minus that of the stimulus that it has just seen, at every sample."""
    return around(positions(rec) - np.asarray(rec["ring.stimulus.z"]))


# -- experiments -----------------------------------------------------------------------------------------------------


def persistence(ks, duration=400.0 * TAU, n: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Height and position of the bump for each strength of inhibition, ``duration`` after a stimulus at 0.7 is taken
    away.
    """
    net = build(n=n)
    net["ring.stimulus"].position = 0.7
    bs.simulate(net, 20 * TAU, dt=DT, progress=False)
    net["ring.stimulus"].A = 0.0
    sweep = bs.sweep(net, {"ring.k": ks}, duration, dt=DT, record=RECORD, sample_every=10 * TAU, progress=False)
    return sweep.map(lambda rec: np.asarray(rec["ring.u"])[-1].max()), sweep.map(lambda rec: positions(rec)[-1])


def tracking(velocities, duration=DURATION, **options) -> np.ndarray:
    """Lag behind a stimulus that moves at each of the ``velocities`` (per tau): the mean of the last half."""
    net = build(**options)
    net["ring.stimulus"].begin = 10.0 * TAU
    values = {"ring.stimulus.velocity": np.asarray(velocities) / TAU}
    sweep = bs.sweep(net, values, duration, dt=DT, record=RECORD, progress=False)
    return sweep.map(lambda rec: -offsets(rec)[len(rec.times) // 2 :].mean())


def jump(distance: float = 0.5, duration=10.0 * TAU, **options) -> bs.Recording:
    """The bump rests at ``distance`` and the stimulus jumps to 0 at the beginning of the recording."""
    net = build(**options)
    net["ring.stimulus"].position = distance
    bs.simulate(net, 30 * TAU, dt=DT, progress=False)
    net["ring.stimulus"].position = 0.0
    return bs.simulate(net, duration, dt=DT, record=RECORD, progress=False)


def oscillatory_tracking(ms=(0.0, 0.01, 0.1, 0.3), n: int = 512) -> bs.Sweep:
    """With adaptation of each strength: a stimulus rests for 100 tau, moves at 0.6 a / tau_v for 2000 tau, and rests
    for 500 tau.
    """
    net = build(n=n, **OSCILLATORY)
    stimulus = net["ring.stimulus"]
    stimulus.velocity = 0.6 * OSCILLATORY["a"] / net.ring.tau_v
    stimulus.begin, stimulus.end = 100.0 * TAU, 2100.0 * TAU
    return bs.sweep(net, {"ring.m": ms}, 2600 * TAU, dt=DT, record=RECORD, sample_every=TAU, progress=False)


def oscillation(rec: bs.Recording) -> dict[str, float]:
    """Offset over the last 1600 tau in which the stimulus moves: mean, s.d., range, full cycles and their mean period
    in tau.
    """
    moving = offsets(rec)[500:2100]
    centred = moving - moving.mean()
    rising = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    found = {
        "mean": moving.mean(),
        "sd": moving.std(),
        "lowest": moving.min(),
        "highest": moving.max(),
        "sd_after": offsets(rec)[2100:].std(),
    }
    period = np.diff(rising).mean() if len(rising) > 2 and moving.std() > 0.01 else np.nan
    return {name: float(value) for name, value in found.items()} | {
        "cycles": len(rising) if period == period else 0,
        "period": float(period),
    }


def travelling(ms, duration=1000.0 * TAU, n: int = 512) -> np.ndarray:
    """Speed (per tau) of the bump without a stimulus, for each strength of adaptation, after a stimulus that moved."""
    net = build(n=n, **OSCILLATORY)
    stimulus = net["ring.stimulus"]
    stimulus.velocity, stimulus.stop = 0.01 / TAU, 60.0 * TAU
    sweep = bs.sweep(net, {"ring.m": ms}, duration, dt=DT, record=RECORD, sample_every=TAU, progress=False)

    def speed(rec):
        travelled = np.unwrap(positions(rec)[len(rec.times) // 2 :])
        return (travelled[-1] - travelled[0]) / (len(travelled) - 1)

    return sweep.map(speed)


def main() -> None:
    """Print every measure beside the theory."""
    ks = [0.1, 8.1, 100.0, 129.0, 131.0, 140.0]
    heights, where = persistence(ks)
    print(f"critical k {critical_inhibition():.2f}")
    for k, height, position in zip(ks, heights, where):
        print(f"k {k:5}: height {height:.5g} (theory {bump_height(k):.5g}), position {position:.4f}")
    pairs = ((8.1, [0.1, 0.2, 0.3, 0.6, 1.0, 1.5]), (0.1, [0.1, 0.2, 0.3, 0.6, 1.0]))
    for k, velocities in track(pairs, "tracking at k", name=lambda pair: pair[0]):
        for v, lag in zip(velocities, tracking(velocities, k=k)):
            print(f"k {k}, velocity {v}: lag {lag:.3f} (first order {tracking_lag(v, k=k):.3f})")
    print("jump from 0.5: position after 1, 2, 3, 4 tau", np.round(positions(jump())[[9, 19, 29, 39]], 3))
    sweep = oscillatory_tracking()
    for m, rec in zip(sweep.axes["ring.m"], sweep.recordings):
        print(f"m {m}: offset " + ", ".join(f"{name} {value:.3g}" for name, value in oscillation(rec).items()))
    ms = [0.015, 0.05, 0.1, 0.3]
    for m, speed in zip(ms, travelling(ms)):
        print(f"m {m}: travels at {speed:.4f} per tau (theory {travelling_speed(m):.4f})")


if __name__ == "__main__":
    main()
