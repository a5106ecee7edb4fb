"""Write hay2011.npz: the mechanisms of Hay et al. (2011) as NEURON runs them, from their published files.

    python -m tests.references.make_hay2011 FOLDER

with NEURON installed and FOLDER a download of ModelDB 139653, whose ``mod`` is compiled in a temporary folder. A patch
of membrane that is too large for its potential to move is held at one V, then at another, for 3 ms: gates relax exactly.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

GATES = {
    "NaTa_t": "mh", "NaTs2_t": "mh", "Nap_Et2": "mh", "K_Tst": "mh", "K_Pst": "mh", "SKv3_1": "m", "Im": "m", "Ih": "m",
    "Ca_HVA": "mh", "Ca_LVAst": "mh", "SK_E2": "z",
}  # fmt: skip
#: held before, and then; away from the singular points, which the files step over
BEFORE, AFTER = np.array([-95.3, -71.7, -51.3]), np.arange(-98.7, 40, 6.1)
DT, STEPS = 0.025, 120
CALCIUM = np.array([2e-5, 1e-4, 4.3e-4, 2e-3])  # mM, for SK
POOL = dict(gamma=0.000501, decay=460.0, depth=0.1, minCai=1e-4)
ION = {
    "NaTa_t": "ina",
    "NaTs2_t": "ina",
    "Nap_Et2": "ina",
    "Ca_HVA": "ica",
    "Ca_LVAst": "ica",
    "Ih": "ihcn_Ih",
}  # else ik
G = 0.001  # S/cm2


def patch_of(h, *mechanisms):
    patch = h.Section()
    patch.L = patch.diam = 10
    patch.cm = 1e14
    for name in mechanisms:
        patch.insert(name)
    return patch


def gates(h):
    """For each V before and after (and calcium before, for SK): gates before, after 3 ms, and the current in mA/cm2."""
    found = {}
    for name, letters in GATES.items():
        patch = patch_of(h, name)
        setattr(patch, f"g{name}bar_{name}", G)
        for reversal, E in (("ena", 50.0), ("ek", -85.0), ("eca", 120.0)):
            if hasattr(patch(0.5), reversal):
                setattr(patch, reversal, E)
        amounts = CALCIUM if name == "SK_E2" else [None]
        rows = []
        for v0, v1, amount in ((v0, v1, amount) for v0 in BEFORE for v1 in AFTER for amount in amounts):
            if amount is not None:
                patch.cai = amount
            h.finitialize(v0)
            mechanism = getattr(patch(0.5), name)
            before = [getattr(mechanism, x) for x in letters]
            patch(0.5).v = v1
            if amount is not None:
                patch.cai = CALCIUM[2]
            for _ in range(STEPS):
                h.fadvance()
            h.fcurrent()
            after = [getattr(mechanism, x) for x in letters]
            rows.append([*before, *after, getattr(patch(0.5), ION.get(name, "ik"))])
        found[name] = np.array(rows)
    return found


def pool(h):
    """Calcium (mM), its current (mA/cm2) and Nernst potential (mV) at -20 mV and 34 °C, every ms for 100 ms.

    NEURON takes the current of the step before: with DT it would be 1.4e-5 off, by its step and not by the equation.
    """
    patch = patch_of(h, "CaDynamics_E2", "Ca_HVA")
    patch.gCa_HVAbar_Ca_HVA = G
    for key, value in POOL.items():
        setattr(patch, f"{key}_CaDynamics_E2", value)
    h.celsius, h.cai0_ca_ion, h.dt = 34, POOL["minCai"], DT / 10
    h.finitialize(-20)
    rows = []
    for _ in range(100):
        for _ in range(400):
            h.fadvance()
        rows.append([patch(0.5).cai, patch(0.5).ica, patch(0.5).eca])
    return np.array(rows)


def main(folder: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        command = Path(sys.executable).parent / "nrnivmodl"
        subprocess.run([command, Path(folder).resolve() / "mod"], cwd=place, check=True, capture_output=True)
        from neuron import h, load_mechanisms

        load_mechanisms(place)
        h.dt = DT
        np.savez_compressed(Path(__file__).parent / "hay2011.npz", **gates(h), pool=pool(h))


if __name__ == "__main__":
    main(sys.argv[1])
