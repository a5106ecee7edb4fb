"""Makes ``gait.npz``: the worm of Boyle, Berri and Cohen (2012) by an independent program, in NumPy and SciPy.

Written from the equations, apart from ``models/celegans_swimmer/gait.py``: forces on the ends of rods are summed as
functions of positions q and velocities v, and C v = F(q, v) is solved for v by Newton's method to 1e-12 m, with
derivatives by complex steps and banded matrices. Between two updates of the circuit (1 ms) the body is stepped by the
L-stable Runge-Kutta scheme of Alexander (1977), or, to see how much that matters, by implicit Euler.

    python -m tests.references.make_gait

Saved for each medium m: ``second_m``, the rods after 1 s, in steps of 0.25 ms; ``rods_m``, after 1, 4 and 10 s in steps
of 1 ms.
"""

from pathlib import Path

import numpy as np
from scipy.linalg import solve_banded

RODS, UNITS, PER_UNIT = 49, 12, 4
L_SEG, D = 1e-3 / 48, 80e-6
R = D / 2 * np.sqrt(1 - ((np.arange(RODS) - 24) / 24.2) ** 2)
K_PE = 0.02
K_AE, K_DE = 20 * K_PE, 350 * K_PE
D_PE = 0.025 * K_PE
D_AE, D_DE = 100 * D_PE, 0.01 * K_DE
L0_P, L0_D = np.sqrt(L_SEG**2 + (R[1:] - R[:-1]) ** 2), np.sqrt(L_SEG**2 + (R[1:] + R[:-1]) ** 2)
L_MIN = (1 - 0.65 * (R[1:] + R[:-1]) / D) * L0_P
GAMMA = 1 - 1 / np.sqrt(2)
MEDIA = (1.0, 0.3, 0.1, 0.03, 0.01, 0.0)


def imbalance(q, v, A, C_L, C_N):
    """v - F(q, v) / C of all rods, (..., 49, 3)."""
    cos, sin = np.cos(q[..., 2]), np.sin(q[..., 2])
    across, turned = np.stack([cos, sin], -1), np.stack([-sin, cos], -1) * v[..., 2:]
    # Dorsal, ventral
    ends = [(q[..., :2] + s * R[:, None] * across, v[..., :2] + s * R[:, None] * turned) for s in (1, -1)]
    forces = [np.zeros_like(across), np.zeros_like(across)]
    for a, b in ((0, 0), (1, 1), (0, 1), (1, 0)):
        span, moving = (
            ends[b][0][..., 1:, :] - ends[a][0][..., :-1, :],
            ends[b][1][..., 1:, :] - ends[a][1][..., :-1, :],
        )
        L = np.sqrt((span**2).sum(-1))
        S = (span * moving).sum(-1) / L
        if a == b:
            beyond = np.where((L - L0_P).real > 0, 2 * (L - L0_P), 0)
            F = (
                K_PE * (L0_P - L + beyond**4)
                + K_AE * A[a] * (L0_P - A[a] * (L0_P - L_MIN) - L)
                - (D_PE + A[a] * D_AE) * S
            )
        else:
            F = K_DE * (L0_D - L) - D_DE * S
        F = (F / L)[..., None] * span
        forces[b][..., 1:, :] += F
        forces[a][..., :-1, :] -= F
    perp = [f[..., 0] * cos + f[..., 1] * sin for f in forces]
    par = [f[..., 0] * sin - f[..., 1] * cos for f in forces]
    v_perp, v_par = (perp[0] + perp[1]) / C_N, (par[0] + par[1]) / C_L
    spin = (par[1] - par[0]) / 2 / C_L / (2 * np.pi * R)
    return v - np.stack([v_perp * cos + v_par * sin, v_perp * sin - v_par * cos, spin], -1)


#: Columns of the Jacobian are found nine at a time: rods three apart have no neighbour in common.
PROBES = np.array(
    [[[(i % 3 == r) * (k == j) for j in range(3)] for i in range(RODS)] for r in range(3) for k in range(3)], float
)
ENTRIES = np.array(
    [
        (3 * j + m, 3 * i + k, 3 * (i % 3) + k, j, m)
        for i in range(RODS)
        for k in range(3)
        for j in range(max(i - 1, 0), min(i + 2, RODS))
        for m in range(3)
    ]
).T


def velocity(q, h, v, A, drag):
    """v that solves C v = F(q + h v, v), from a guess."""
    tiny = 1e-30j * PROBES
    slopes = imbalance(q + h * (v + tiny), v + tiny, A, *drag).imag / 1e-30
    row, column, probe, rod, variable = ENTRIES
    bands = np.zeros((11, 3 * RODS))
    bands[5 + row - column, column] = slopes[probe, rod, variable]
    for _ in range(50):
        change = solve_banded((5, 5), bands, imbalance(q + h * v, v, A, *drag).ravel()).reshape(RODS, 3)
        v = v - change
        if h * np.abs(change * [1e3, 1e3, 1]).max() < 1e-9:  # 1e-12 m, 1e-9 rad
            return v
    raise RuntimeError("Newton's method did not converge")


def simulate(medium, seconds, step=1e-3, euler=False):
    """Rods every 10 ms, (times, 49, 3)."""
    drag = ((3.2e-3 - 3.3e-6) * medium + 3.3e-6) / 97, ((128e-3 - 5.2e-6) * medium + 5.2e-6) / 97
    q, v = np.stack([np.arange(RODS) * L_SEG, np.zeros(RODS), np.full(RODS, np.pi / 2)], -1), np.zeros((RODS, 3))
    muscle, state = np.zeros((2, 48)), np.array([[True] * UNITS, [False] * UNITS])
    weight = 0.65 * (0.4 + 0.08 * np.arange(UNITS)) * 0.5
    gain = 0.7 * (1 - 0.6 * np.arange(48) / 48)
    gain[0] /= 1.5
    kept = []
    for ms in range(round(1e3 * seconds)):
        A = np.maximum(muscle, 0)
        for _ in range(round(1e-3 / step)):
            if euler:
                v = velocity(q, step, v, A, drag)
                q = q + step * v
            else:
                first = velocity(q, GAMMA * step, v, A, drag)
                v = velocity(q + (1 - GAMMA) * step * first, GAMMA * step, first, A, drag)
                q = q + step * ((1 - GAMMA) * first + GAMMA * v)
        stretch = []
        for sign in (1, -1):
            end = q[:, :2] + sign * R[:, None] * np.stack([np.cos(q[:, 2]), np.sin(q[:, 2])], 1)
            L = np.sqrt((np.diff(end, axis=0) ** 2).sum(1))
            felt = D / (R[:-1] + R[1:]) * (L - L0_P) / L0_P
            stretch.append(felt * np.where(L > L_SEG, 0.8, 1.2) if sign > 0 else felt)
        new = state.copy()
        for i in range(UNITS):
            own = slice(PER_UNIT * i, PER_UNIT * (min(i + 5, 11) + 1))
            scale = weight[i] * (np.sqrt(6 // (12 - i)) if i >= 7 else 1)
            dorsal, ventral = (scale * s[own].sum() for s in stretch)
            new[0, i] = 0.675 + dorsal > 0.75 - 0.5 * state[0, i]
            new[1, i] = (0.5 - state[0, i]) + 0.675 + ventral > 0.75 - 0.5 * state[1, i]
        state = new
        drive = gain * np.repeat(state[0].astype(float) - state[1], PER_UNIT)
        muscle = muscle + 0.01 * (np.stack([drive, -drive]) - muscle)
        if ms % 10 == 9:
            kept.append(q)
    return np.array(kept)


def main():
    saved = {}
    for m in MEDIA:
        saved[f"second_{m}"] = simulate(m, 1, 0.25e-3)[-1]
        saved[f"rods_{m}"] = simulate(m, 10)[[99, 399, 999]]
    np.savez_compressed(Path(__file__).with_name("gait.npz"), **saved)


if __name__ == "__main__":
    main()
