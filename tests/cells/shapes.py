"""Small morphologies that the tests of cells share."""

import numpy as np

from brainsim.cells import Branch, Morphology


def forked() -> Morphology:
    """A soma, a tapered dendrite that forks, and an axon from the soma's middle; what NEURON makes of it is known."""
    return Morphology(
        [
            Branch(np.array([[0, 0, 0], [10, 0, 0], [20.0, 0, 0]]), np.array([5.0, 8, 5]), "soma", name="soma"),
            Branch(np.array([[20, 0, 0], [120.0, 30, 0]]), np.array([2, 0.5]), "dend", 0, 1.0, "dend[0]"),
            Branch(
                np.array([[120, 30, 0], [200, 30, 0], [200, 130.0, 0]]),
                np.array([0.5, 0.5, 0.25]),
                "dend",
                1,
                1.0,
                "dend[1]",
            ),
            Branch(np.array([[120, 30, 0], [150, -60.0, 0]]), np.array([0.5, 0.3]), "dend", 1, 1.0, "dend[2]"),
            Branch(np.array([[10, 8, 0], [10, 58.0, 0]]), np.array([0.5, 0.4]), "axon", 0, 0.5, "axon"),
        ],
        labels={"fork": [2, 3]},
    )


def cable(length=1000.0, radius=1.0, pieces=1) -> Morphology:
    """A straight cable of several branches, one after another."""
    ends = np.linspace(0, length, pieces + 1)
    return Morphology(
        [
            Branch(np.array([[a, 0, 0], [b, 0.0, 0]]), np.full(2, radius), "dend", k - 1, 1.0, f"dend[{k}]")
            for k, (a, b) in enumerate(zip(ends[:-1], ends[1:]))
        ]
    )
