"""Fixed points of a decision.

Two populations compete; where evidence is weak, two decided states are stable and a saddle between them divides the plane. All fixed
points are found from many starts, with the Jacobian of each. After BrainPy's example of the two-variable model: K.-F. Wong, X.-J. Wang,
J. Neurosci. 26:1314 (2006).
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import root

import brainsim as bs


def field(coherence, mu=20 * u.Hz):
    pools = bs.masses.WongWang(1, tau_S=60 * u.ms, J_11=0.3725 * u.nA, J_12=0.1137 * u.nA, I_0=0.3297 * u.nA)
    evidence = {f"I_{k}": 1.17 * u.pA / u.Hz * mu * (1 + sign * coherence) for k, sign in ((1, 1), (2, -1))}
    f = pools.vector_field(inputs=evidence)
    return jax.jit(lambda S: jnp.stack(f(0.0, list(S))))  # per ms


def run(coherence=0.5, starts=200):
    f, found = field(coherence), []
    jacobian = jax.jit(jax.jacfwd(f))
    for start in np.random.default_rng(0).random((starts, 2)):
        solved = root(f, start, jac=jacobian, tol=1e-10)
        if solved.success and all(np.abs(solved.x - point).max() > 1e-4 for point, _ in found):
            found.append((solved.x, np.linalg.eigvals(jacobian(solved.x))))
    return f, sorted(found, key=lambda point: point[0][0])


def draw(result, ax):
    f, found = result
    S = np.linspace(0, 1, 40)
    x, y = jax.vmap(jax.vmap(f))(jnp.stack(jnp.meshgrid(S, S), -1)).transpose(2, 0, 1)
    ax.streamplot(S, S, x, y, color="0.8")
    ax.contour(S, S, x, [0], colors="C0")
    ax.contour(S, S, y, [0], colors="C1")
    for point, growth in found:
        ax.plot(*point, "ko", fillstyle="full" if growth.real.max() < 0 else "none")
    ax.set(xlabel="$S_1$", ylabel="$S_2$")
