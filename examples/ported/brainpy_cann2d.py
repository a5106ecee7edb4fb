"""A bump of activity that follows a stimulus.

A continuous attractor on a torus, after BrainPy's example ``Wu_2008_CANN_2D``: S. Wu, K. Hamaguchi, S. Amari, Neural Comput. 20:994
(2008).
"""

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs


def distance(a, b):
    d = np.abs(np.asarray(a) - np.asarray(b)) % (2 * np.pi)
    return np.minimum(d, 2 * np.pi - d)


class CANN(bs.Population):
    r"""A sheet with divisive inhibition.

    .. math:: \tau \dot s = -s + I + \rho \sum J r, \qquad r = s^2 / (1 + k \rho \sum s^2)
    """

    tau = bs.Parameter(1.0 * u.ms, "time constant")
    k = bs.Parameter(0.3, "inhibition")
    J = bs.Fixed(None, "kernel: how strongly the unit in the corner reaches the others", unit=u.UNITLESS)
    s = bs.State(0.0, "input")
    input_unit = u.UNITLESS

    def update(self, clock):
        rho, s = (2 * jnp.pi) ** 2 / self.count, self.plain("s")
        square = jnp.maximum(s, 0).reshape(self.size) ** 2
        r = square / (1 + self.plain("k") * rho * jnp.sum(square))
        reached = rho * jnp.real(jnp.fft.ifft2(jnp.fft.fft2(r) * jnp.fft.fft2(self.plain("J"))))
        self.put("s", s + clock.step_ms / self.plain("tau") * (self.stimulation(clock) + reached.ravel() - s))


def run(n=24, a=0.5, duration=40 * u.ms, dt=0.1 * u.ms):
    x = np.linspace(-np.pi, np.pi, n, endpoint=False)
    bump = lambda at, width: np.exp(
        -(distance(x, at[0])[:, None] ** 2 + distance(x, at[1])[None] ** 2) / (2 * width**2)
    )
    net = bs.Network()
    net.sheet = CANN((n, n), J=4.0 / (np.sqrt(2 * np.pi) * a) * bump((-np.pi, -np.pi), a))
    net.sheet.add_stimuli(seen=bs.stimuli.Constant(0.0))
    where = np.linspace((0, 0), (2, 1), round(duration / dt))
    seen = np.stack([10.0 * bump(at, 1.4 * a).ravel() for at in where])
    rec = bs.simulate(net, duration, dt=dt, record="sheet.s", inputs={"sheet.seen.amplitude": seen})
    s = np.maximum(np.asarray(rec["sheet.s"]).reshape(-1, n, n), 0)
    centre = [np.angle(np.sum(s * np.exp(1j * x)[shape], (1, 2))) for shape in (np.s_[:, None], np.s_[None])]
    return where, np.stack(centre, 1), s[-1]


def draw(result, ax):
    ax.imshow(result[2], extent=(-np.pi, np.pi, np.pi, -np.pi))
    ax.plot(*result[0].T[::-1], "w")
    ax.plot(*result[1].T[::-1], "r--")
