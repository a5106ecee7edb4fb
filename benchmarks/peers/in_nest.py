"""NEST: `iaf_cond_exp` and `hh_cond_exp_traub`, adaptive Runge-Kutta (GSL), float64, delay of one step.

Without `threads`, one. `compile_s` is 0: the models are compiled already. The network starts from the same random state
as in the other simulators; `hh_cond_exp_traub` cannot be given conductances, so one spike at the first step brings
them (negative ones become 0). It counts a spike at a maximum of V above V_T + 30 mV, not where V passes -20 mV.
"""

import numpy as np

from ._microcircuit import of_populations, spike_train
from ._report import DT_MS, Stopwatch, Task, mean_rate


def coba_lif(task: Task) -> dict:
    def create(nest):
        parameters = {
            "C_m": 200.0,
            "g_L": 10.0,
            "E_L": -60.0,
            "V_th": -50.0,
            "V_reset": -60.0,
            "t_ref": 5.0,
            "tau_syn_ex": 5.0,
            "tau_syn_in": 10.0,
            "E_ex": 0.0,
            "E_in": -80.0,
            "I_e": 200.0,
            "V_m": nest.random.normal(-55.0, 5.0),
        }
        return nest.Create("iaf_cond_exp", task.neurons, parameters)

    return _simulate(task, create)


def coba_hh(task: Task) -> dict:
    def create(nest):
        parameters = {
            "C_m": 200.0,
            "g_L": 10.0,
            "E_L": -60.0,
            "g_Na": 20000.0,
            "E_Na": 50.0,
            "g_K": 6000.0,
            "E_K": -90.0,
            "V_T": -63.0,
            "tau_syn_ex": 5.0,
            "tau_syn_in": 10.0,
            "E_ex": 0.0,
            "E_in": -80.0,
            "t_ref": 3.0,
            "V_m": nest.random.normal(-65.0, 5.0),
            "Act_m": 0.0,
            "Inact_h": 0.0,
            "Act_n": 0.0,
        }
        neurons = nest.Create("hh_cond_exp_traub", task.neurons, parameters)
        start = nest.Create("spike_generator", {"spike_times": [DT_MS]})
        for sign, mean, spread in ((1.0, 40.0, 15.0), (-1.0, 200.0, 120.0)):
            weight = sign * nest.math.max(nest.random.normal(mean, spread), 0.0)
            nest.Connect(start, neurons, syn_spec={"weight": weight, "delay": DT_MS})
        return neurons

    return _simulate(task, create)


def stdp(task: Task) -> dict:
    """Poisson generators pass parrots, so that each presynaptic neuron has one train for all its synapses.

    The cells are `iaf_psc_delta`, cheaper than the others' exponential currents; their weights are scaled to stay as
    small.
    """
    scale = 0.005  # mV

    def wire(nest):
        noise = nest.Create("poisson_generator", params={"rate": 10.0})
        pre = nest.Create("parrot_neuron", task.neurons)
        cell = {
            "C_m": 200.0,
            "tau_m": 20.0,
            "E_L": -60.0,
            "V_m": -60.0,
            "V_th": -50.0,
            "V_reset": -60.0,
            "t_ref": DT_MS,
        }
        post = nest.Create("iaf_psc_delta", task.neurons, cell | {"tau_minus": 20.0})
        nest.Connect(noise, pre)
        nest.Connect(noise, post, syn_spec={"weight": 30.0, "delay": DT_MS})
        rule = {"synapse_model": "stdp_synapse", "weight": 0.5 * scale, "delay": DT_MS, "tau_plus": 20.0, "Wmax": scale}
        rule |= {"lambda": 0.01, "alpha": 1.05, "mu_plus": 0.0, "mu_minus": 0.0}
        nest.Connect(pre, post, {"rule": "pairwise_bernoulli", "p": 0.1}, rule)
        return post, lambda: {"weight": float(np.mean(nest.GetConnections(pre, post).weight)) / scale}

    return _simulate(task, None, wire)


def pd14(task: Task) -> dict:
    """The microcircuit as in ``models/pd14.py``, whose tables it takes: `iaf_psc_exp`, exact integration."""
    watch = Stopwatch()
    with watch("import"):
        import nest

        from models import pd14 as model
    scale = task.scale
    sizes = np.round(model.SIZES * scale).astype(int)
    numbers = model.synapses() * scale**2
    weights, weight = model.weights() / np.sqrt(scale), model.current_of(model.PSP) / np.sqrt(scale)
    direct = model.missing_current(scale)
    with watch("build"):
        nest.set_verbosity("M_ERROR")
        nest.ResetKernel()
        nest.resolution = DT_MS
        nest.local_num_threads = task.threads or 1
        nest.rng_seed = task.seed + 1
        cell = {"C_m": model.C, "tau_m": model.TAU, "E_L": model.E_L, "V_th": model.V_TH, "V_reset": model.E_L}
        cell |= {"t_ref": model.REFRACTORY, "tau_syn_ex": model.TAU_SYN, "tau_syn_in": model.TAU_SYN}
        recorder, populations = nest.Create("spike_recorder"), []
        for k, size in enumerate(sizes):
            start = nest.random.normal(model.V_MEAN[k], model.V_STD[k])
            population = nest.Create("iaf_psc_exp", int(size), cell | {"V_m": start, "I_e": direct[k]})
            rate = model.SOURCES[k] * scale * model.BACKGROUND
            background = nest.Create("poisson_generator", params={"rate": rate})
            nest.Connect(background, population, syn_spec={"weight": weight, "delay": DT_MS})
            nest.Connect(population, recorder)
            populations.append(population)
        for source, pre in enumerate(populations):
            mean = model.DELAYS[source % 2]
            delay = nest.math.redraw(nest.random.normal(mean, 0.5 * mean), min=DT_MS / 2, max=1e6)
            for target, post in enumerate(populations):
                if not (number := round(numbers[target, source])):
                    continue
                mean_weight = weights[target, source]
                drawn = nest.random.normal(mean_weight, abs(0.1 * mean_weight))
                rule = {"rule": "fixed_total_number", "N": number}
                nest.Connect(pre, post, rule, {"synapse_model": "static_synapse", "weight": drawn, "delay": delay})
        nest.Prepare()
    with watch("run"):
        nest.Run(task.duration_s * 1e3)
    nest.Cleanup()
    times_s, senders = np.asarray(recorder.events["times"]) * 1e-3, np.asarray(recorder.events["senders"])
    firsts = np.concatenate([[0], np.cumsum(sizes)]) + min(populations[0].tolist())
    trains = {}
    for name, first, size in zip(model.NAMES, firsts, sizes, strict=False):
        own = (senders >= first) & (senders < first + size)
        trains[name] = spike_train(times_s[own], senders[own] - first, int(size), task)
    return {
        "threads": task.threads or 1,
        "version": nest.__version__,
        "precision": "float64",
        "setting": "iaf_psc_exp, static_synapse",
        "neurons": int(sizes.sum()),
        "synapses": int(sum(round(x) for x in numbers.ravel())),
        "import_s": watch.wall["import"],
        "build_s": watch.wall["build"],
        "build_cpu_s": watch.cpu["build"],
        "compile_s": 0.0,
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
    } | of_populations(trains, task)


def _simulate(task: Task, create, wire=None) -> dict:
    watch = Stopwatch()
    with watch("import"):
        import nest
    with watch("build"):
        nest.set_verbosity("M_ERROR")
        nest.ResetKernel()
        nest.resolution = DT_MS
        nest.local_num_threads = task.threads or 1
        nest.rng_seed = task.seed + 1
        if wire is None:
            neurons, more = create(nest), lambda: {}
            other_connections = nest.num_connections
            excitatory, inhibitory = neurons[: task.n_excitatory], neurons[task.n_excitatory :]
            rule = {"rule": "pairwise_bernoulli", "p": task.probability, "allow_autapses": True}
            for source, weight in ((excitatory, 6.0), (inhibitory, -67.0)):
                nest.Connect(
                    source, neurons, rule, {"synapse_model": "static_synapse", "weight": weight, "delay": DT_MS}
                )
            synapses = nest.num_connections - other_connections
        else:
            neurons, more = wire(nest)
            synapses = nest.GetDefaults("stdp_synapse", "num_connections")
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder)
        nest.Prepare()
    with watch("run"):
        nest.Run(task.duration_s * 1e3)
    nest.Cleanup()
    times_s = np.asarray(recorder.events["times"]) * 1e-3
    return {
        "threads": task.threads or 1,
        "version": nest.__version__,
        "precision": "float64",
        "setting": "stdp_synapse, parrots" if wire else "adaptive Runge-Kutta, static_synapse, delay 0.1 ms",
        "synapses": int(synapses),
        "import_s": watch.wall["import"],
        "build_s": watch.wall["build"],
        "compile_s": 0.0,
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rate_hz": mean_rate(times_s, task),
    } | more()
