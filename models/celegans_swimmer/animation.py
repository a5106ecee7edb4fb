"""The swimming body beside the activity of its circuit.

python -m models.celegans_swimmer.animation swimmer.gif
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

from models.celegans_swimmer import task
from models.celegans_swimmer.body import CONTROL_STEP, LENGTH, Swimmer
from models.celegans_swimmer.ncap import NCAP


class Film(NamedTuple):
    """What was seen at each control step, as NumPy arrays (steps, ...)."""

    outline: np.ndarray  # (links + 1, 2), m
    angles: np.ndarray  # (joints,), over their range
    oscillator: np.ndarray  # (2,)
    B: np.ndarray  # (2, joints), dorsal and ventral
    muscle: np.ndarray  # (2, joints)
    speed: np.ndarray  # of the head, m/s

    def __len__(self):
        return len(self.speed)


def record(controller: NCAP | None = None, weights: dict | None = None, seconds: float = 9.0, seed: int = 0) -> Film:
    """Swim, and keep everything; by default with the untrained circuit."""
    controller = controller or NCAP()
    body = Swimmer(controller.joints)

    def look(state, step):
        angles = task.observe(body, state, "angles")
        return {"outline": body.outline(state), "angles": angles} | controller.activity(weights, angles, step)

    weights = controller.constant() if weights is None else weights
    steps = round(seconds / CONTROL_STEP)
    swim = jax.jit(lambda key: task.rollout(body, controller, weights, body.initial(key), steps, look=look)[2:])
    speed, seen = swim(jax.random.PRNGKey(seed))
    seen = {name: np.asarray(value) for name, value in seen.items() if name in Film._fields}
    return Film(**seen, speed=np.asarray(speed))


def _panels(film: Film, figure):
    """Axes of the body, and of the activities drawn over the whole time."""
    time = CONTROL_STEP * np.arange(len(film) + 1)
    grid = figure.add_gridspec(3, 2, width_ratios=(1, 1.3), hspace=0.35)
    place = figure.add_subplot(grid[:, 0], aspect="equal", title="body", xlabel="x (m)", ylabel="y (m)")
    low, high = film.outline.min((0, 1)) - LENGTH / 2, film.outline.max((0, 1)) + LENGTH / 2
    place.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    rows = (
        ("bend of the joints", film.angles),
        ("B neurons, dorsal - ventral", film.B[:, 0] - film.B[:, 1]),
        ("muscles, dorsal - ventral", film.muscle[:, 0] - film.muscle[:, 1]),
    )
    axes = []
    for k, (title, values) in enumerate(rows):
        axis = figure.add_subplot(grid[k, 1], title=title, ylabel="joint")
        joints = np.arange(values.shape[1] + 1) + 0.5
        axis.pcolormesh(time, joints, values.T, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
        axis.invert_yaxis()
        axis.tick_params(labelbottom=k == len(rows) - 1)
        axes.append(axis)
    axes[-1].set_xlabel("time (s)")
    return place, axes


def picture(film: Film, bodies: int = 5):
    """One still: the body at several times, and the activities; returns the figure."""
    figure = plt.figure(figsize=(11, 5))
    place, _ = _panels(film, figure)
    for k in np.linspace(0, len(film) - 1, bodies).astype(int):
        place.plot(*film.outline[k].T, "-o", lw=4, ms=3, solid_capstyle="round", color=plt.cm.viridis(k / len(film)))
    place.plot(*film.outline[:, 0].T, color="0.7", lw=0.8, zorder=0)
    return figure


def animate(film: Film, every: int = 2) -> FuncAnimation:
    """The film in real time, one frame for ``every`` control steps; ``.save("swimmer.gif")`` or ``.to_jshtml()`` it."""
    figure = plt.figure(figsize=(11, 5))
    place, axes = _panels(film, figure)
    (trace,) = place.plot([], [], color="0.7", lw=0.8)
    (line,) = place.plot([], [], "-o", lw=5, ms=4, color="tab:green", solid_capstyle="round")
    cursors = [axis.axvline(0, color="k", lw=1) for axis in axes]
    label = place.text(0.02, 0.98, "", transform=place.transAxes, va="top")

    def draw(k):
        line.set_data(*film.outline[k].T)
        trace.set_data(*film.outline[: k + 1, 0].T)
        for cursor in cursors:
            cursor.set_xdata([CONTROL_STEP * k] * 2)
        label.set_text(f"{CONTROL_STEP * k:4.1f} s\n{100 * film.speed[k]:4.1f} cm/s")
        return line, trace, label, *cursors

    frames = range(0, len(film), every)
    animation = FuncAnimation(figure, draw, frames=frames, interval=1e3 * CONTROL_STEP * every, blit=True)
    plt.close(figure)
    return animation


def main() -> None:
    """Write the animation to the file named on the command line."""
    path = sys.argv[1] if len(sys.argv) > 1 else "swimmer.gif"
    animate(record()).save(path, writer="pillow")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
