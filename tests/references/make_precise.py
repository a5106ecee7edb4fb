"""Run neurons with spikes between steps in NEST and keep their spike times in `precise.npz`.

    python -m tests.references.make_precise

It needs NEST (`pip install brainsim[bench]`) and no brainsim. The protocols below are the common ground: the tests
build the same cells from them. Times are in ms, potentials in mV, currents in pA.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("precise.npz")
STEP, DURATION, DELAY = 0.1, 200.0, 1.0
CELL = dict(C_m=250.0, tau_m=10.0, E_L=-70.0, V_th=-55.0, V_reset=-70.0, t_ref=2.0)
CURRENT = 350.0
WEIGHTS = {  # of four kinds of inputs
    "exp": (120.0, 150.0, -100.0, 180.0),
    "alpha": (120.0, 150.0, -100.0, 180.0),
    "delta": (1.2, 1.5, -1.0, 1.8),
}
TAU_SYN = {"exp": (2.0, 3.0), "alpha": (1.0, 1.5), "delta": ()}  # excitatory, inhibitory
NETWORK = dict(n=10, currents=np.linspace(380.0, 560.0, 10), weight=60.0, delay=1.0)


def trains(n=20, rate=0.05, seed=3):
    """Poisson trains with a dead time, between the steps."""
    rng = np.random.default_rng(seed)
    drawn = (1.0 + np.cumsum(rng.exponential(1 / rate, size=40) + 0.11) for _ in range(n))
    return [np.round(t[t < DURATION - 5.0], 9) for t in drawn]


def model(kind):
    parameters = CELL | {"V_m": CELL["E_L"], "I_e": CURRENT}
    return f"iaf_psc_{kind}_ps", parameters | dict(zip(("tau_syn_ex", "tau_syn_in"), TAU_SYN[kind]))


def from_nest() -> dict:
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    found = {}
    for kind, weights in WEIGHTS.items():
        nest.ResetKernel()
        nest.resolution = STEP
        name, parameters = model(kind)
        cell, recorder = nest.Create(name, params=parameters), nest.Create("spike_recorder")
        nest.Connect(cell, recorder)
        for k, times in enumerate(trains()):
            generator = nest.Create("spike_generator", params={"spike_times": times, "precise_times": True})
            nest.Connect(generator, cell, syn_spec={"weight": weights[k % 4], "delay": DELAY})
        nest.Simulate(DURATION)
        found[kind] = np.sort(np.asarray(recorder.events["times"]))

    nest.ResetKernel()
    nest.resolution = STEP
    p = NETWORK
    parameters = CELL | {"V_m": CELL["E_L"], "tau_syn_ex": TAU_SYN["exp"][0]}
    cells, recorder = nest.Create("iaf_psc_exp_ps", p["n"], params=parameters), nest.Create("spike_recorder")
    cells.I_e = p["currents"]
    wiring = {"rule": "all_to_all", "allow_autapses": False}
    nest.Connect(cells, cells, wiring, {"weight": p["weight"], "delay": p["delay"]})
    nest.Connect(cells, recorder)
    nest.Simulate(DURATION)
    times, senders = (np.asarray(recorder.events[key]) for key in ("times", "senders"))
    order = np.lexsort((times, senders))
    return found | {"network_times": times[order], "network_senders": senders[order] - cells[0].global_id}


if __name__ == "__main__":
    found = from_nest()
    np.savez_compressed(FILE, **found)
    print({k: v.shape for k, v in found.items()}, FILE.stat().st_size, "bytes")
