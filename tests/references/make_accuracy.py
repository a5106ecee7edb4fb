"""Solve the cases of `accuracy_cases.py` with Runge-Kutta 4 at 0.0025 ms and keep spike times and variables in
`accuracy.npz`.

    python -m tests.references.make_accuracy

The same equations in the limit of short steps: what a run with the default method at 0.1 ms is compared with. That the
equations are those of the papers, and their solutions those of other programs, is for the other references to say.
"""

from pathlib import Path

import jax
import numpy as np

from tests.references.accuracy_cases import run

FILE = Path(__file__).with_name("accuracy.npz")


def main():
    jax.config.update("jax_enable_x64", True)
    spikes, variables = run(0.0025, "rk4")
    found = {f"{name}_{k}": times for name, own in spikes.items() for k, times in enumerate(own)}
    # of spiking cells the peaks, of the others every 5 ms
    found |= {name: values.max(0) if name in spikes else values[49::50, 0] for name, values in variables.items()}
    np.savez_compressed(FILE, **found)


if __name__ == "__main__":
    main()
