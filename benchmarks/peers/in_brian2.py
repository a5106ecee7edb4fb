"""Brian2: C++ standalone, float32, at the fastest setting that was found for it.

How it was found (CPU time of one biological second, the lowest of several runs, on a loaded machine):

=========  =======================================================================================  ========
network    setting                                                                                  CPU (s)
=========  =======================================================================================  ========
LIF 4,000  exponential_euler, `refractory=5*ms` with `(unless refractory)`                          0.41
LIF 4,000  euler, the same                                                                          0.095
LIF 4,000  euler, refractory period as a factor `int(t > free_from)` (vectorised by the compiler)   **0.075**
LIF 4,000  the best, but one weight per synapse instead of a constant in `on_pre`                   0.083
LIF 4,000  the best, but E and I as two groups (four projections)                                   0.074
LIF 4,000  the best, but OpenMP on two threads                                                      0.23
HH 4,000   exponential_euler as in Brian2's example: `exprel`, `refractory=3*ms`                    5.75
HH 4,000   that, with x / (exp(x) - 1) written out                                                  4.13
HH 4,000   that, with `free_from`                                                                   3.65
HH 4,000   that, with the rates `(constant over dt)`                                                **1.87**
HH 4,000   exprel, `free_from`, rates `(constant over dt)`                                          3.71
=========  =======================================================================================  ========

`exponential_euler` inlines the rate functions into the update several times over and splits their exponentials into
powers; `(constant over dt)` has each evaluated once, and is otherwise the same arithmetic. Written out, x / (exp(x) -
1) is 0 / 0 at x = 0, which float32 can hit; 1e-6 added to both magnitudes gives the limit, 1, there and changes
nothing elsewhere (1.96 s). Dropping `-fno-finite-math-only` from Brian2's default flags, `-Ofast` and 512-bit vectors
make no difference that can be told from noise, nor does float64 at 40,000 LIF neurons (1.01 against 1.04 s): 39 % of
the time there is the delivery of spikes and 22 % the threshold loop. OpenMP on two threads is no faster in wall time,
and several times slower where other processes share the cores.

`run_s` and `run_cpu_s` are read inside the generated program, around the loop over time (wall clock and `getrusage`).
`build_s` is everything else but the compiler: defining the model, writing the C++ project, and what the program
does before the loop (drawing synapses and initial values). `compile_s` is `make`. `peak_rss_mb` is that of the program.
"""

import shutil
import tempfile
from pathlib import Path

from ._report import DT_MS, Stopwatch, Task, mean_rate

BEFORE_RUN = """
    rusage _usage0; getrusage(RUSAGE_SELF, &_usage0);
    auto _wall0 = std::chrono::steady_clock::now();
"""
AFTER_RUN = """
    std::chrono::duration<double> _wall = std::chrono::steady_clock::now() - _wall0;
    rusage _usage1; getrusage(RUSAGE_SELF, &_usage1);
    auto _cpu = [](const rusage &r) {
        return r.ru_utime.tv_sec + r.ru_stime.tv_sec + 1e-6 * (r.ru_utime.tv_usec + r.ru_stime.tv_usec);
    };
    std::string _line, _peak = "0";
    for (std::ifstream _status("/proc/self/status"); std::getline(_status, _line);)
        if (_line.compare(0, 6, "VmHWM:") == 0) _peak = _line.substr(6);
    std::ofstream _clocks(brian::results_dir + "clocks.txt");
    _clocks << _wall.count() << " " << _cpu(_usage1) - _cpu(_usage0) << " " << _peak;
"""


FLAGS = ["-w", "-O3", "-ffast-math", "-march=native", "-std=c++11"]

#: Equations, arguments of the group, and initial values.
COBA_LIF = (
    """
    dv/dt = int(t > free_from) * (E_L - v + drive + (g_e * (E_e - v) + g_i * (E_i - v)) / g_L) / tau : volt
    dg_e/dt = -g_e / tau_e : siemens
    dg_i/dt = -g_i / tau_i : siemens
    free_from : second
    """,
    {"threshold": "v > -50*mV", "reset": "v = -60*mV; free_from = t + 4.95*ms", "method": "euler"},
    {"v": "-55*mV + 5*mV*randn()", "free_from": "-1*second"},
)


def coba_lif(task: Task) -> dict:
    return _simulate(task, *COBA_LIF)


def coba_hh(task: Task) -> dict:
    equations = """
    dv/dt = (g_L*(E_L - v) + g_e*(E_e - v) + g_i*(E_i - v)
             - g_Na*(m*m*m)*h*(v - E_Na) - g_K*(n*n*n*n)*(v - E_K)) / C : volt
    dm/dt = alpha_m*(1 - m) - beta_m*m : 1
    dn/dt = alpha_n*(1 - n) - beta_n*n : 1
    dh/dt = alpha_h*(1 - h) - beta_h*h : 1
    dg_e/dt = -g_e / tau_e : siemens
    dg_i/dt = -g_i / tau_i : siemens
    alpha_m = 1.28 * (abs(x_m) + 1e-6) / (abs(exp(x_m) - 1) + 1e-6) / ms : Hz (constant over dt)
    beta_m = 1.4 * (abs(y_m) + 1e-6) / (abs(exp(y_m) - 1) + 1e-6) / ms : Hz (constant over dt)
    alpha_h = 0.128 * exp((17*mV - v + V_T) / (18*mV)) / ms : Hz (constant over dt)
    beta_h = 4 / (1 + exp((40*mV - v + V_T) / (5*mV))) / ms : Hz (constant over dt)
    alpha_n = 0.16 * (abs(x_n) + 1e-6) / (abs(exp(x_n) - 1) + 1e-6) / ms : Hz (constant over dt)
    beta_n = 0.5 * exp((10*mV - v + V_T) / (40*mV)) / ms : Hz (constant over dt)
    x_m = (13*mV - v + V_T) / (4*mV) : 1
    y_m = (v - V_T - 40*mV) / (5*mV) : 1
    x_n = (15*mV - v + V_T) / (5*mV) : 1
    free_from : second
    """
    group = {
        "threshold": "v > -20*mV and t > free_from",
        "reset": "free_from = t + 2.95*ms",
        "method": "exponential_euler",
    }
    initial = {
        "v": "-65*mV + 5*mV*randn()",
        "g_e": "10*nS*(4 + 1.5*randn())",
        "g_i": "10*nS*(20 + 12*randn())",
        "free_from": "-1*second",
    }
    return _simulate(task, equations, group, initial)


def stdp(task: Task) -> dict:
    return _simulate(task, None, {"method": "euler, traces on the neurons"}, None, _stdp_network)


def _stdp_network(b2, task: Task):
    names = {"tau": 20 * b2.ms, "tau_s": 5 * b2.ms, "rate": 10 * b2.Hz, "A_p": 0.01, "A_m": 0.0105}
    trace = "dx/dt = -x / tau : 1"
    sources = [
        b2.NeuronGroup(
            task.neurons, trace, threshold="rand() < rate * dt", reset="x += 1", method="exact", namespace=names
        ),
        b2.PoissonGroup(task.neurons, rates=names["rate"]),
    ]
    post = b2.NeuronGroup(
        task.neurons,
        """dv/dt = (-v + 0.1 * g) / tau : 1
        dg/dt = -g / tau_s : 1
        dy/dt = -y / tau : 1""",
        threshold="v > 10",
        reset="v = 0; y += 1",
        method="euler",
        namespace=names,
    )
    teacher = b2.Synapses(sources[1], post, on_pre="v_post += 30")
    teacher.connect(j="i")
    plastic = b2.Synapses(
        sources[0],
        post,
        "w : 1",
        on_pre="g_post += w; w = clip(w - A_m * y_post, 0, 1)",
        on_post="w = clip(w + A_p * x_pre, 0, 1)",
        namespace=names,
    )
    plastic.connect(p=0.1)
    plastic.w = 0.5
    monitor = b2.SpikeMonitor(post)
    return b2.Network(*sources, post, teacher, plastic, monitor), monitor, [plastic]


def _simulate(task: Task, equations: str, group: dict, initial: dict, network=None) -> dict:
    watch = Stopwatch()
    with watch("import"):
        import brian2 as b2
        import numpy as np
    directory = Path(tempfile.mkdtemp(prefix="coba_brian2_"))
    try:
        with watch("define"):
            b2.set_device("cpp_standalone", build_on_run=False)
            b2.prefs.core.default_float_dtype = np.float32
            b2.prefs.devices.cpp_standalone.openmp_threads = task.threads if (task.threads or 1) > 1 else 0
            b2.prefs.codegen.cpp.headers = ["<chrono>", "<fstream>", "<string>", "<sys/resource.h>"]
            b2.prefs.codegen.cpp.extra_compile_args_gcc = FLAGS
            b2.defaultclock.dt = DT_MS * b2.ms
            b2.seed(task.seed)
            if network is None:
                built, monitor, synapses = coba_network(b2, task, equations, group, initial)
            else:
                built, monitor, synapses = network(b2, task)
            b2.device.insert_code("before_network_run", BEFORE_RUN)
            b2.device.insert_code("after_network_run", AFTER_RUN)
            built.run(task.duration_s * b2.second)
        with watch("build"):
            b2.device.build(directory=str(directory), compile=True, run=False)
        compile_s = b2.device.timers["compile"]["make"]
        with watch("program"):
            b2.device.run(directory=str(directory), with_output=False, run_args=[])
        run_s, run_cpu_s, peak_kb = (
            float(word) for word in next(directory.rglob("clocks.txt")).read_text().split()[:3]
        )
        rate = mean_rate(np.asarray(monitor.t_), task)
        count = sum(len(each) for each in synapses)
        more = {} if network is None else {"weight": float(np.mean(synapses[0].w_))}
    finally:
        shutil.rmtree(directory)
    return {
        "threads": task.threads or 1,
        "version": b2.__version__,
        "precision": "float32",
        "setting": f"C++ standalone, {group['method']}, OpenMP {'on' if (task.threads or 1) > 1 else 'off'}",
        "synapses": count,
        "import_s": watch.wall["import"],
        "build_s": watch.wall["define"] + watch.wall["build"] - compile_s + watch.wall["program"] - run_s,
        "compile_s": compile_s,
        "run_s": run_s,
        "run_cpu_s": run_cpu_s,
        "rate_hz": rate,
        "peak_rss_mb": peak_kb * 1024 / 1e6,
    } | more


def coba_network(b2, task: Task, equations: str, group: dict, initial: dict, varied: tuple[str, ...] = ()):
    """Network, monitor of spikes and synapses; constants that are `varied` belong to the equations."""
    constants = {
        "tau": 20 * b2.ms,
        "tau_e": 5 * b2.ms,
        "tau_i": 10 * b2.ms,
        "E_L": -60 * b2.mV,
        "E_e": 0 * b2.mV,
        "E_i": -80 * b2.mV,
        "E_Na": 50 * b2.mV,
        "E_K": -90 * b2.mV,
        "V_T": -63 * b2.mV,
        "drive": 20 * b2.mV,
        "C": 200 * b2.pF,
        "g_L": 10 * b2.nS,
        "g_Na": 20 * b2.uS,
        "g_K": 6 * b2.uS,
        "w_e": 6 * b2.nS,
        "w_i": 67 * b2.nS,
    }
    names = b2.Equations(equations).identifiers - set(varied)
    used = {name: value for name, value in constants.items() if name in names}
    neurons = b2.NeuronGroup(task.neurons, equations, namespace=used, **group)
    for name, code in initial.items():
        setattr(neurons, name, code)
    sources = (neurons[: task.n_excitatory], "g_e", "w_e"), (neurons[task.n_excitatory :], "g_i", "w_i")
    synapses = []
    for source, conductance, weight in sources:
        jump = f"{conductance} += {weight}"
        pathway = b2.Synapses(source, neurons, on_pre=jump, namespace={weight: constants[weight]})
        pathway.connect(p=task.probability)
        synapses.append(pathway)
    monitor = b2.SpikeMonitor(neurons)
    return b2.Network(neurons, monitor, synapses), monitor, synapses
