"""The originals of `examples/ported`: where they are in their repositories, and what is run of each, and of the port.

Both are run at the same sizes and for the same time. Where the original takes too long a part of both is run, which ``remark`` says;
``changes`` are made in the text of the original, never in that of the port.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PAPERS = "frompapers"


@dataclass(frozen=True)
class Original:
    """File, or files of which the first is run, from the peer's folder; the call of the port, none if it is not timed; changes."""

    files: str | tuple[str, ...]
    call: str
    changes: dict[str, str] = field(default_factory=dict)
    remark: str = ""


BRIAN2 = {
    "brian2_adaptive_threshold": Original("adaptive_threshold.py", "run(duration=2 * u.second)"),
    "brian2_clopath2010_homeostasis": Original(f"{PAPERS}/Clopath_et_al_2010_homeostasis.py", "run()"),
    "brian2_clopath2010_pairing": Original(f"{PAPERS}/Clopath_et_al_2010_no_homeostasis.py", "run()"),
    "brian2_custom_events": Original("advanced/custom_events.py", "run()"),
    "brian2_diehl2015": Original(
        f"{PAPERS}/Diehl_Cook_2015.py",
        "run(mnist(70, 0).train_images * 255, mnist(70, 0).train_labels, n=400, train=50, test=20)",
        {
            "from progressbar import progressbar": "progressbar = iter",
            "labels.read(4)": "labels.read(8)",  # the number of labels is none of them
            "'../mnist'": "'MNIST_FOLDER/MNIST/raw'",
            "SEED = 42": "SEED = 42; defaultclock.dt = 0.5*ms",
            "N_TRAIN = 25_000": "N_TRAIN = 50",
            "N_OBSERVE = 2_000": "N_OBSERVE = 50",
            "N_TEST = 1_000": "N_TEST = 20",
            "cmds[MODE]()": "train(), observe(), test()",
        },
        "MNIST: 50 images learned, 50 looked at, 20 answered, in steps of 0.5 ms",
    ),
    "brian2_graupner_brunel2012": Original(
        f"{PAPERS}/Graupner_Brunel_2012.py",
        "run(synapses=1000, pairs=2)",
        {"POINTS = 41": "POINTS = 22", "run(60 * second": "run(2 * second"},
        "22 intervals of 41, 2 pairs of 60; here from spike to spike",
    ),
    "brian2_jeffress": Original("synapses/jeffress.py", "run()"),
    "brian2_kremer2011": Original(
        f"{PAPERS}/Kremer_et_al_2011_barrel_cortex.py",
        "run(side=3, duration=1 * u.second)",
        {"barrelarraysize = 5": "barrelarraysize = 3", "run(5*second": "run(1*second"},
        "3 x 3 barrels of 25, 1 s of 5",
    ),
    "brian2_phase_locking": Original("phase_locking.py", "run(duration=1 * u.second)"),
    "brian2_reliability": Original("reliability.py", "run()"),
    "brian2_rothman_manis2003": Original(
        f"{PAPERS}/Rothman_Manis_2003.py", "run(dt=0.1 * u.ms)", remark="six kinds of cells here, one there"
    ),
    "brian2_stimberg2018": Original(
        f"{PAPERS}/Stimberg_et_al_2018/example_6_COBA_with_astro.py",
        "run(duration=0.5 * u.second)",
        {
            "duration = 8*second": "duration = 0.5*second",
            "import plot_utils as pu": "",
            "plt.style": "raise SystemExit #",
        },
        "0.5 s of 8",
    ),
    "brian2_stop": Original("network_operation_stop.py", "run()"),
    "brian2_sturzl2000": Original(f"{PAPERS}/Sturzl_et_al_2000.py", "run()"),
    "brian2_vogels2011": Original(
        f"{PAPERS}/Vogels_et_al_2011.py",
        "run(n=10000, probability=0.02, learning=0.8 * u.second)",
        {"simtime = 10*second": "simtime = 3*second"},
        "10,000 cells, 3 s of 10",
    ),
}

NEST = {
    "nest_balanced_neuron": Original("balancedneuron.py", "run(duration=25 * u.second, precision=0.01)"),
    "nest_correlospinmatrix": Original(
        "correlospinmatrix_detector_two_neuron.py",
        "run(pairs=1000, duration=100 * u.ms, reach=100 * u.ms, sample=0.1 * u.ms)",
        {"T = 1000000.0": "T = 100000.0"},
        "100 s of 1,000 s; here of 1,000 pairs at once",
    ),
    "nest_gap_junctions": Original("gap_junctions_two_neurons.py", "run(duration=351 * u.ms)"),
    "nest_multimeter": Original("multimeter_file.py", "run()"),
    "nest_precise_spiking": Original("precise_spiking.py", "run()"),
    "nest_repeated_stimulation": Original("repeated_stimulation.py", "run()"),
    "nest_structural_plasticity": Original(
        "structural_plasticity.py",
        "run(n=1000, duration=20 * u.second, interval=10 * u.second, dt=0.1 * u.ms)",
        {"self.t_sim = 200000.0": "self.t_sim = 20000.0"},
        "20 s of 200",
    ),
    "nest_tsodyks_depression": Original("iaf_tum_2000_short_term_depression.py", "run()"),
}

MICROCIRCUIT = {
    "nest_potjans_microcircuit": Original(
        (
            "examples/run_microcircuit.py",
            *(f"src/microcircuit/{name}.py" for name in ("network", "helpers", "network_params", "sim_params")),
            "src/microcircuit/stimulus_params.py",
        ),
        "run(1.5 * u.second)",
        {
            "scaling_factor = 0.2": "scaling_factor = 0.1",
            "def main():": "sim_dict['local_num_threads'] = 1\ndef main():",
        },
        "a tenth of the size, 0.5 + 1 s, one thread",
    )
}

BRAINPY = {
    "brainpy_cann2d": Original(
        "attractors/Wu_2008_CANN_2D.ipynb",
        "run(n=100, duration=20 * u.ms)",
        {"durations=[10., 20.]": "durations=[0.1, 0.1]", "bp.visualize.animate_2D(": "dict("},
        "the second part, 20 ms; here by Fourier transforms",
    ),
    "brainpy_decision": Original("dynamics_analysis/2d_decision_making_model.ipynb", "run(starts=1000)"),
    "brainpy_esn": Original("reservoir_computing/predicting_Mackey_Glass_timeseries.ipynb", "run(n=100, steps=25000)"),
    "brainpy_integrator_rnn": Original(
        "recurrent_networks/integrator_rnn.ipynb", "run(epochs=3)", {"num_epoch=30": "num_epoch=3"}, "3 epochs of 30"
    ),
    "brainpy_mi2017": Original("working_memory/Mi_2017_working_memory_capacity.ipynb", "run()"),
    "brainpy_ping": Original(
        "oscillation_synchronization/Susin_Destexhe_2021_gamma_oscillation_PING.ipynb",
        "run(n=20_000)",
        {"duration = 6e3": "duration = 1.5e3", "visualize_simulation_results(times=": "dict(times="},
        "1.5 s of 6, 25,000 cells; its figure is left out",
    ),
}

DATA = {"'/tmp/data/mnist'": "'MNIST_FOLDER'"}
SNNTORCH = {
    "snntorch_regression": Original(
        "tutorial_regression_1.ipynb", "run(epochs=100, examples=1)", remark="two hidden layers there, one here"
    ),
    "snntorch_tutorial_5": Original(
        "tutorial_5_FCN.ipynb",
        "run(mnist(30 * 128, 10000), hidden=1000, epochs=1, rate=5e-4)",
        DATA | {"train_batch = iter(train_loader)": "train_batch = itertools.islice(train_loader, 30)"},
        "MNIST: 30 batches of 468; a test batch after each there",
    ),
    "snntorch_tutorial_6": Original(
        "tutorial_6_CNN.ipynb",
        "run(mnist(20 * 128, 1280), steps=50, epochs=1)",
        DATA
        | {
            "in iter(train_loader):": "in itertools.islice(train_loader, 20):",
            "if counter % 50 == 0:": "if counter == 19:",
            "train_loader = iter(train_loader)": "train_loader = itertools.islice(train_loader, 10)",
            "from IPython.display import HTML": "raise SystemExit",
        },
        "MNIST: 20 batches of 468, 1,280 images of the test",
    ),
}
PEERS = {"brian2": BRIAN2, "nest": NEST, "microcircuit": MICROCIRCUIT, "brainpy": BRAINPY, "snntorch": SNNTORCH}
