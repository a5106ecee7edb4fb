"""Whether a state in which nothing changes is one that the cells go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg

if TYPE_CHECKING:
    from brainsim.neurons.resting import System

linear: Any = scipy.sparse.linalg

DENSE = 300  # variables whose eigenvalues are all found
STEPS = (0.05, 0.5, 5.0)  # ms, for rhythms of about a kilohertz down to a few hertz
WAY = 40  # steps in which what grows gets ahead of what does not


def fastest_growth(system: System, local: np.ndarray) -> tuple[float, int]:
    r"""The largest real part of the eigenvalues of the equations, per ms, and the site that moves most in it.

    Of few variables all eigenvalues are found; of many the leading ones of

    .. math:: M = \left[(1 - \tfrac h2 J)^{-1} (1 + \tfrac h2 J)\right]^{40} (1 - h J)^{-2}

    by Arnoldi's method, for three steps h. M has the eigenvectors of J, and largest are those that grow.

    Parameters
    ----------
    system : System
    local : array (k, k, sites)
        The derivative of the rates at each site alone.

    Returns
    -------
    float, int

    References
    ----------
    R. B. Lehoucq, D. C. Sorensen, C. Yang, ARPACK Users' Guide (1998).
    """
    J = whole(system, local)
    if J.shape[0] <= DENSE:
        values, vectors = np.linalg.eig(J.toarray())
        growth = np.real(values)
    else:
        found = [_leading(J, h) for h in STEPS]
        vectors = np.concatenate(found, 1)
        values = np.einsum("ij,ij->j", vectors.conj(), J @ vectors) / np.einsum("ij,ij->j", vectors.conj(), vectors)
        growth = np.real(values)
    if not growth.size:
        return -np.inf, 0
    k = int(np.argmax(growth))
    where = np.zeros(system.here.shape)
    where[np.asarray(system.here)] = np.abs(vectors[:, k])
    return float(growth[k]), int(np.argmax(where[0]))


def whole(system: System, local: np.ndarray) -> Any:
    """The derivative of all rates in all variables that there are, as a sparse matrix."""
    here = np.asarray(system.here)
    k, n = here.shape
    number = np.full(here.shape, -1)
    number[here] = np.arange(here.sum())
    i, j, site = np.nonzero(here[:, None] & here[None])
    total = int(here.sum())
    J = sparse.csc_array((local[i, j, site], (number[i, site], number[j, site])), (total, total))
    if system.coupling is None:
        return J
    flow = system.coupling.matrix().tocoo()
    V = number[0]
    return (J + sparse.csc_array((flow.data, (V[flow.row], V[flow.col])), (total, total))).tocsc()


def _leading(J: Any, h: float) -> np.ndarray:
    """Eigenvectors of what grows fastest in steps h, as columns."""
    one = sparse.eye_array(J.shape[0], format="csc")
    half, whole = linear.splu((one - h / 2 * J).tocsc()), linear.splu((one - h * J).tocsc())
    forward = (one + h / 2 * J).tocsc()

    def go(v):
        v = whole.solve(whole.solve(np.ravel(v)))
        for _ in range(WAY):
            v = half.solve(forward @ v)
        return v

    operator = linear.LinearOperator(J.shape, matvec=go, dtype=float)
    start = np.random.default_rng(0).normal(size=J.shape[0])
    try:
        return linear.eigs(operator, k=4, which="LM", v0=start, tol=1e-8, maxiter=20)[1]
    except linear.ArpackNoConvergence as partly:  # those that do not grow lie close together
        return partly.eigenvectors if partly.eigenvectors.size else np.zeros((J.shape[0], 0))
