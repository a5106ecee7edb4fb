"""Trees of every shape, with the dense solution that they are held against."""

import numpy as np

SHAPES = ("one", "two", "chain", "star", "binary", "spiny", "random", "forest", "large")


def _random(n, rng, reach=3):
    return [-1, *(int(rng.integers(max(0, i - reach), i)) for i in range(1, n))]


def forest(name):
    """Parents, and how many nodes are compartments."""
    rng = np.random.default_rng(SHAPES.index(name))
    parents = {
        "one": lambda: [[-1]],
        "two": lambda: [[-1, 0]],
        "chain": lambda: [list(range(-1, 29))],
        "star": lambda: [[-1] + [0] * 30],
        "binary": lambda: [[-1, *((i - 1) // 2 for i in range(1, 31))]],
        "spiny": lambda: [[-1, *(i - 2 if i % 2 else i - 1 for i in range(1, 20))]],
        "random": lambda: [_random(40, rng)],
        "forest": lambda: [_random(n, rng) for n in (5, 1, 17, 9)],
        "large": lambda: [_random(1000, rng, 9)],
    }[name]()
    begins = np.cumsum([0, *map(len, parents)])
    parent = np.concatenate([np.where(np.array(p) < 0, -1, np.array(p) + b) for p, b in zip(parents, begins)])
    if name not in ("random", "forest", "large"):
        return parent, len(parent)
    roots = np.flatnonzero(parent < 0)  # compartments; some of the others are branch points
    rest = rng.permutation(np.flatnonzero(parent >= 0))
    number = np.empty(len(parent), int)
    number[[*roots, *rest]] = np.arange(len(parent))
    mixed = np.empty_like(parent)
    mixed[number] = np.where(parent < 0, -1, number[parent])
    return mixed, len(parent) - len(rest) // 4


def laplacian(parent, coupling, n_compartments):
    """The matrix of compartments, without branch points."""
    n = len(parent)
    matrix = np.zeros((n, n))
    for i, p in enumerate(parent):
        if p >= 0:
            matrix[[i, p], [i, p]] += coupling[i]
            matrix[[i, p], [p, i]] -= coupling[i]
    a, b = matrix[:n_compartments, :n_compartments], matrix[:n_compartments, n_compartments:]
    return a - b @ np.linalg.solve(matrix[n_compartments:, n_compartments:], b.T) if b.size else a


def dense(parent, coupling, v, e, r):
    """The solution by numpy."""
    matrix = laplacian(parent, np.asarray(coupling, float), len(e))
    return np.linalg.solve(np.diag(e) + matrix, r - matrix @ v)


def numbers(parent, n_compartments, cells=(), seed=0):
    """Couplings, potentials, conductances and currents."""
    rng = np.random.default_rng(seed)
    shape = (n_compartments, *cells)
    return (
        rng.uniform(0.1, 3, (len(parent), *cells)),
        rng.normal(0, 1, shape),
        rng.uniform(0.5, 2, shape),
        rng.normal(0, 1, shape),
    )
