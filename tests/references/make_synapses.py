"""Run the same synapses in NEST and keep what they send in `synapses.npz`.

    python -m tests.references.make_synapses

It needs NEST (`pip install brainsim[bench]`) and no brainsim. The protocols below are the common ground: the tests
build the same synapses from them. Times are in ms, potentials in mV, capacitances in pF, conductances in nS.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("synapses.npz")
STEP = 0.1  # of NEST's clock
DELAY = 1.0  # of every NEST connection

STP = {
    "depressing": dict(U=0.5, tau_rec=800.0, tau_facil=0.0),
    "facilitating": dict(U=0.05, tau_rec=130.0, tau_facil=530.0),
    "both": dict(U=0.2, tau_rec=300.0, tau_facil=200.0),
}
TAU_PSC = 8.0  # of the three-state form: longer than usual, so that it counts
QUANTAL = dict(U=0.3, tau_rec=200.0, tau_facil=100.0, N=5)
QUANTAL_TRAIN = np.arange(1, 13) * 25.0
QUANTAL_SYNAPSES = 4000

BW = dict(C_m=500.0, g_L=25.0, E_L=-70.0, E_ex=0.0, tau_rise=2.0, tau_decay=100.0, alpha=0.5, weight=2.0)
BW_DURATION = 300.0

CELL = dict(C_m=250.0, g_L=12.5, E_L=-70.0, E_ex=0.0)
ALPHA = dict(tau=1.7, weight=4.0)
BETA = dict(tau_rise=0.4, tau_decay=6.0, weight=4.0)
CELL_DURATION = 60.0
CELL_SPIKES = np.array([5.0, 12.3, 13.1, 30.0])


def train(seed=3, duration=1500.0, rate=0.03):
    """Irregular spikes at multiples of the step."""
    steps = int(duration / STEP)
    return np.nonzero(np.random.default_rng(seed).random(steps) < rate * STEP)[0][1:] * STEP + 1.0


def bw_train():
    """Spikes at up to 100 Hz, so that the gate saturates."""
    return train(seed=4, duration=BW_DURATION - 20.0, rate=0.06)


def sent_by_nest(model, parameters, spikes, n=1):
    """What ``n`` equal synapses send at each spike, (n_spikes, n); a failure is not an event."""
    import nest

    nest.ResetKernel()
    nest.set(resolution=STEP, rng_seed=5)
    recorder = nest.Create("weight_recorder")
    nest.CopyModel(model, "recorded", {"weight_recorder": recorder})
    generator = nest.Create("spike_generator", params={"spike_times": np.round(spikes, 1)})
    source, targets = nest.Create("parrot_neuron"), nest.Create("parrot_neuron", n)
    nest.Connect(generator, source, syn_spec={"delay": DELAY})
    nest.Connect(source, targets, syn_spec=parameters | {"synapse_model": "recorded", "delay": DELAY, "weight": 1.0})
    nest.Simulate(float(spikes[-1]) + 10.0)
    events = recorder.get("events")
    sent = np.zeros((len(spikes), n))
    # Passed on by the source a delay after the generator
    steps = np.round((np.asarray(events["times"]) - DELAY) / STEP).astype(int)
    at = np.searchsorted(np.round(spikes / STEP).astype(int), steps)
    sent[at, np.asarray(events["targets"]) - targets[0].global_id] = events["weights"]
    return sent


def driven_cell(model, parameters, spikes, duration, weight, record, receptor=0):
    """Traces of a cell that gets ``spikes``, sampled at every step from the first on."""
    import nest

    nest.ResetKernel()
    nest.set(resolution=STEP)
    cell = nest.Create(model, params=parameters)
    generator = nest.Create("spike_generator", params={"spike_times": np.round(spikes - 2 * DELAY, 1)})
    source, meter = (
        nest.Create("parrot_neuron"),
        nest.Create("multimeter", params={"record_from": record, "interval": STEP}),
    )
    nest.Connect(generator, source, syn_spec={"delay": DELAY})
    nest.Connect(source, cell, syn_spec={"weight": weight, "delay": DELAY, "receptor_type": receptor})
    nest.Connect(meter, cell)
    nest.Simulate(duration + STEP)
    return [np.asarray(meter.events[name]) for name in record]


def from_nest() -> dict:
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    found = {}
    for name, p in STP.items():
        own = {"U": p["U"], "tau_rec": p["tau_rec"], "tau_fac": p["tau_facil"]}
        # NEST's two-state synapses raise u after a spike, so the first one finds u = U; the other raises it before.
        found[f"two_state_{name}"] = sent_by_nest("tsodyks2_synapse", own | {"u": p["U"]}, train())[:, 0]
        found[f"three_state_{name}"] = sent_by_nest("tsodyks_synapse", own | {"u": 0.0, "tau_psc": TAU_PSC}, train())[
            :, 0
        ]
    q = QUANTAL
    own = {"U": q["U"], "tau_rec": q["tau_rec"], "tau_fac": q["tau_facil"], "u": q["U"], "n": q["N"], "a": q["N"]}
    sent = sent_by_nest("quantal_stp_synapse", own, QUANTAL_TRAIN, QUANTAL_SYNAPSES) / q["N"]
    found |= {"quantal_mean": sent.mean(1), "quantal_std": sent.std(1)}
    found["quantal_next"] = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(sent[:-1], sent[1:])])

    p = {"C_m": BW["C_m"], "g_L": BW["g_L"], "E_L": BW["E_L"], "V_m": BW["E_L"], "E_ex": BW["E_ex"], "V_th": 1e3}
    p |= {
        "tau_rise_NMDA": BW["tau_rise"],
        "tau_decay_NMDA": BW["tau_decay"],
        "alpha": BW["alpha"],
        "gsl_error_tol": 1e-8,
    }
    s, V = driven_cell("iaf_bw_2001_exact", p, bw_train(), BW_DURATION, BW["weight"], ["s_NMDA", "V_m"], receptor=3)
    found |= {"bw_s": s[4::5], "bw_V": V[4::5]}

    p = {
        "C_m": CELL["C_m"],
        "g_L": CELL["g_L"],
        "E_L": CELL["E_L"],
        "V_m": CELL["E_L"],
        "E_ex": CELL["E_ex"],
        "V_th": 1e3,
    }
    cells = {
        "alpha": ("iaf_cond_alpha", {"tau_syn_ex": ALPHA["tau"]}, ALPHA["weight"]),
        "beta": ("iaf_cond_beta", {"tau_rise_ex": BETA["tau_rise"], "tau_decay_ex": BETA["tau_decay"]}, BETA["weight"]),
    }
    for name, (model, own, weight) in cells.items():
        g, V = driven_cell(model, p | own, CELL_SPIKES, CELL_DURATION, weight, ["g_ex", "V_m"])
        found |= {f"{name}_g": g[1::2], f"{name}_V": V[1::2]}
    return found


if __name__ == "__main__":
    found = from_nest()
    np.savez_compressed(FILE, **{k: np.round(v, 7) for k, v in found.items()})
    print({k: v.shape for k, v in found.items()}, FILE.stat().st_size, "bytes")
