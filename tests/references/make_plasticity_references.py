"""Run the plastic synapses of NEST on fixed spike trains and keep their weights in `plasticity.npz`.

    python -m tests.references.make_plasticity_references

It needs NEST (`pip install brainsim[bench]`) and no brainsim. The protocols below are the common ground. Times are in
ms, potentials in mV; weights have no unit in NEST and are in pA in the tests.

NEST's delay is dendritic: a post spike reaches the synapse ``DELAY`` after it is fired, a pre spike at once. Weights
are written on pre spikes only, so every train ends with one.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("plasticity.npz")
STEP, DELAY, DURATION = 0.1, 1.0, 2000.0
W, W_MAX, TAU_PLUS, TAU_MINUS, A_PLUS, A_MINUS = 0.5, 1.0, 20.0, 30.0, 0.01, 0.0065
TAU_X, TAU_Y = 60.0, 80.0
TRIPLET = dict(A2_plus=0.004, A2_minus=0.007, A3_plus=0.006, A3_minus=0.002)
POWER_LAW = dict(learning_rate=0.1, alpha=0.11, mu=0.4, w_0=1.0)
VOGELS = dict(eta=0.002, tau=20.0, target_rate=8.0)
DOPAMINE = dict(tau_c=500.0, tau_n=100.0, baseline=0.0005, times=np.arange(200.0, 1900.0, 130.0))
CLOPATH = dict(
    A_LTP=1e-3, A_LTD=1e-3, theta_plus=-45.3, theta_minus=-68.0, tau_x=15.0, tau_plus=7.0, tau_minus=10.0, duration=150.0, step=0.01,
)  # fmt: skip
SQUID = dict(C_m=100.0, g_Na=12000.0, g_K=3600.0, g_L=30.0, E_Na=50.0, E_K=-77.0, E_L=-54.402)


def trains(n=160, duration=DURATION, seed=2):
    """Pre- and postsynaptic spike times, with bursts; none pair at the same time. A last pre spike reads the weight
    out.
    """
    rng = np.random.default_rng(seed)
    steps = rng.permutation(np.arange(50, int(duration / STEP) - 200))[:n]
    pre, post = (np.sort(steps[k::2]) for k in (0, 1))
    post = post[~np.isin(post + int(DELAY / STEP), pre)]
    return np.append(pre, round((duration - 10.0) / STEP)) * STEP, post * STEP


def pair(model, pre, post, parameters, post_parameters=None, defaults=None, extra=None):
    """Weight of a synapse between two neurons that repeat these trains."""
    import nest

    nest.ResetKernel()
    nest.set(resolution=STEP)
    generators = [nest.Create("spike_generator", params={"spike_times": np.round(t - DELAY, 1)}) for t in (pre, post)]
    cells = [
        nest.Create("parrot_neuron"),
        nest.Create("parrot_neuron", params=post_parameters or {"tau_minus": TAU_MINUS}),
    ]
    for generator, cell in zip(generators, cells):
        nest.Connect(generator, cell, syn_spec={"delay": DELAY})
    if extra is not None:
        parameters = parameters | extra(nest)
    if defaults:
        nest.SetDefaults(model, defaults)
    nest.Connect(*cells, syn_spec=dict(synapse_model=model, delay=DELAY, receptor_type=1, weight=W) | parameters)
    nest.Simulate(DURATION + 10.0)
    return np.array(nest.GetConnections(*cells, synapse_model=model).weight)


def volume_transmitter(nest):
    source = nest.Create("spike_generator", params={"spike_times": DOPAMINE["times"] - DELAY})
    dopaminergic, transmitter = nest.Create("parrot_neuron"), nest.Create("volume_transmitter")
    nest.Connect(source, dopaminergic, syn_spec={"delay": DELAY})
    nest.Connect(dopaminergic, transmitter, syn_spec={"delay": STEP})
    common = dict(
        volume_transmitter=transmitter, A_plus=A_PLUS, A_minus=A_MINUS, tau_plus=TAU_PLUS, tau_c=DOPAMINE["tau_c"],
        tau_n=DOPAMINE["tau_n"], b=DOPAMINE["baseline"], Wmin=0.0, Wmax=W_MAX,
    )  # fmt: skip
    nest.SetDefaults("stdp_dopamine_synapse", common)
    return {}


def clopath():
    """Membrane potential at each step, and weight: a Hodgkin-Huxley cell driven by noise.

    The step is small because NEST takes the filtered potentials of one step before.
    """
    import nest

    p = CLOPATH
    step, (pre, _) = p["step"], trains(30, p["duration"], seed=5)
    nest.ResetKernel()
    nest.set(resolution=step)
    cell = nest.Create(
        "hh_psc_alpha_clopath",
        params=SQUID | dict(V_m=-65.0, theta_plus=p["theta_plus"], theta_minus=p["theta_minus"], A_LTP=p["A_LTP"], A_LTD=p["A_LTD"],
        tau_u_bar_plus=p["tau_plus"], tau_u_bar_minus=p["tau_minus"], u_bar_plus=-65.0, u_bar_minus=-65.0, A_LTD_const=True,
        delay_u_bars=step),
    )  # fmt: skip
    current = nest.Create("noise_generator", params={"mean": 400.0, "std": 800.0, "dt": 1.0})
    nest.Connect(current, cell)
    source = nest.Create("spike_generator", params={"spike_times": np.round(pre - DELAY, 1)})
    parrot = nest.Create("parrot_neuron")
    nest.Connect(source, parrot, syn_spec={"delay": DELAY})
    nest.Connect(
        parrot,
        cell,
        syn_spec=dict(synapse_model="clopath_synapse", weight=W, Wmax=1e3, Wmin=0.0, tau_x=p["tau_x"], delay=step),
    )
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": step})
    nest.Connect(meter, cell)
    nest.Simulate(p["duration"] + 10.0)
    V = np.asarray(meter.events["V_m"])
    return {"clopath": np.array(nest.GetConnections(parrot, cell).weight), "clopath_V": V.astype(np.float32)}


def references() -> dict:
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    pre, post = trains()
    common = dict(Wmax=W_MAX, alpha=A_MINUS / A_PLUS, tau_plus=TAU_PLUS)
    common["lambda"] = A_PLUS / W_MAX
    mu = lambda value: dict(mu_plus=value, mu_minus=value)
    found = {f"pair_mu{value}": pair("stdp_synapse", pre, post, common | mu(value)) for value in (0.0, 0.4, 1.0)}
    for name, model in (
        ("nearest", "stdp_nn_symm_synapse"),
        ("nearest_pre_centred", "stdp_nn_pre_centered_synapse"),
        ("nearest_restricted", "stdp_nn_restr_synapse"),
    ):
        found |= {f"pair_{name}_mu{value}": pair(model, pre, post, common | mu(value)) for value in (0.0, 1.0)}
    p = TRIPLET
    found["triplet"] = pair(
        "stdp_triplet_synapse", pre, post,
        dict(tau_plus=TAU_PLUS, tau_plus_triplet=TAU_X, Wmax=W_MAX, Aplus=p["A2_plus"], Aminus=p["A2_minus"],
             Aplus_triplet=p["A3_plus"], Aminus_triplet=p["A3_minus"]),
        dict(tau_minus=TAU_MINUS, tau_minus_triplet=TAU_Y),
    )  # fmt: skip
    p = POWER_LAW
    common = {"lambda": p["learning_rate"], "alpha": p["alpha"], "mu": p["mu"], "tau_plus": TAU_PLUS}
    found["power_law"] = pair("stdp_pl_synapse_hom", pre, post, {}, defaults=common)
    p = VOGELS
    found["inhibitory"] = pair(
        "vogels_sprekeler_synapse", pre, post,
        dict(tau=p["tau"], eta=p["eta"], alpha=2e-3 * p["target_rate"] * p["tau"], Wmax=W_MAX), dict(tau_minus=p["tau"]),
    )  # fmt: skip
    found["dopamine"] = pair("stdp_dopamine_synapse", pre, post, {}, extra=volume_transmitter)
    return found | clopath()


if __name__ == "__main__":
    found = references()
    np.savez_compressed(FILE, **found)
    print({k: v if v.size == 1 else v.shape for k, v in found.items()}, FILE.stat().st_size, "bytes")
