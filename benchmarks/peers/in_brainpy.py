"""BrainPy: align-post projections with `EventCSRLinear` (Numba kernels on a CPU), float32, spikes of all neurons kept.

The whole loop is one `bm.for_loop` inside `bm.jit`, as in BrainPy's tutorials, and one population with two projections.
`compile_s` is the wall time of a first run of the same length minus that of the second, which is timed: the length of
a loop is part of what is compiled. BrainPy has to be installed with its CPU extra (`brainpy[cpu]`: Numba).
"""

from ._report import DT_MS, Stopwatch, Task, mean_rate, restrict_cpus


def coba_lif_neurons(task: Task, bp):
    return bp.dyn.LifRef(
        task.neurons,
        V_rest=-60.0,
        V_th=-50.0,
        V_reset=-60.0,
        tau=20.0,
        tau_ref=5.0,
        method="exp_auto",
        V_initializer=bp.init.Normal(-55.0, 5.0),
    )


def coba_lif(task: Task) -> dict:
    return _simulate(task, lambda bp, bm: coba_lif_neurons(task, bp), drive=20.0, weights=(0.6, 6.7))


def coba_hh(task: Task) -> dict:
    def create(bp, bm):
        return _traub_miles(bp, bm)(task.neurons)

    return _simulate(task, create, drive=0.0, weights=(6.0, 67.0), conductances=((40.0, 15.0), (200.0, 120.0)))


def _traub_miles(bp, bm):
    """The neuron of COBA-HH; conductances in nS, C in pF, so that pA / pF is mV / ms."""

    class TraubMiles(bp.dyn.NeuDyn):
        def __init__(self, size):
            super().__init__(size)
            self.V = bm.Variable(-65.0 + 5.0 * bm.random.randn(self.num))
            self.m, self.h, self.n = (bm.Variable(bm.zeros(self.num)) for _ in range(3))
            self.spike = bm.Variable(bm.zeros(self.num, dtype=bool))
            self.t_last = bm.Variable(bm.full(self.num, -1e7))
            self.integral = bp.odeint(bp.JointEq(self.dV, self.dm, self.dh, self.dn), method="exp_auto")

        def dV(self, V, t, m, h, n, I):
            synapses = self.sum_current_inputs(V, init=I)
            sodium = 20e3 * m * m * m * h * (50.0 - V)
            potassium = 6e3 * n * n * n * n * (-90.0 - V)
            return (10.0 * (-60.0 - V) + sodium + potassium + synapses) / 200.0

        def dm(self, m, t, V):
            alpha = 1.28 / bm.exprel((13.0 - V - 63.0) / 4.0)
            beta = 1.4 / bm.exprel((V + 63.0 - 40.0) / 5.0)
            return alpha * (1.0 - m) - beta * m

        def dh(self, h, t, V):
            alpha = 0.128 * bm.exp((17.0 - V - 63.0) / 18.0)
            beta = 4.0 / (1.0 + bm.exp((40.0 - V - 63.0) / 5.0))
            return alpha * (1.0 - h) - beta * h

        def dn(self, n, t, V):
            alpha = 0.16 / bm.exprel((15.0 - V - 63.0) / 5.0)
            beta = 0.5 * bm.exp((10.0 - V - 63.0) / 40.0)
            return alpha * (1.0 - n) - beta * n

        def update(self, x=None):
            t = bp.share["t"]
            V, m, h, n = self.integral(self.V, self.m, self.h, self.n, t, 0.0 if x is None else x, bp.share["dt"])
            self.spike.value = (V > -20.0) & (t - self.t_last > 2.95)
            self.t_last.value = bm.where(self.spike, t, self.t_last)
            self.V.value, self.m.value, self.h.value, self.n.value = V, m, h, n
            return self.spike.value

    return TraubMiles


def _simulate(task: Task, create, drive: float, weights, conductances=None) -> dict:
    restrict_cpus(task.threads)
    watch = Stopwatch()
    with watch("import"):
        import brainpy as bp
        import brainpy.math as bm
        import jax
        import numpy as np

    with watch("build"):
        bm.set_dt(DT_MS)
        bm.random.seed(task.seed)
        np.random.seed(task.seed)
        net = network(bp, bm, task, create(bp, bm), drive, weights)
        if conductances:
            for projection, (mean, spread) in zip((net.E, net.I), conductances, strict=True):
                projection.syn.g.value = mean + spread * bm.random.randn(task.neurons)
        start = [variable.value for variable in net.vars().values()]
        steps = bm.asarray(np.arange(round(task.duration_s * 1e3 / DT_MS)))
        jax.block_until_ready(start)

    loop = bm.jit(lambda steps: bm.for_loop(net.step_run, steps, progress_bar=False))
    with watch("first"):
        jax.block_until_ready(bm.as_jax(loop(steps)))
    for variable, value in zip(net.vars().values(), start, strict=True):
        variable.value = value
    with watch("run"):
        spikes = bm.as_jax(loop(steps))
        jax.block_until_ready(spikes)
    times_s = np.nonzero(np.asarray(spikes))[0] * DT_MS * 1e-3
    return {
        "version": bp.__version__,
        "precision": "float32",
        "setting": f"exp_auto, HalfProjAlignPostMg with EventCSRLinear, bm.for_loop in bm.jit, {jax.default_backend()}",
        "synapses": sum(projection.comm.indices.size for projection in (net.E, net.I)),
        "import_s": watch.wall["import"],
        "build_s": watch.wall["build"],
        "compile_s": watch.wall["first"] - watch.wall["run"],
        "run_s": watch.wall["run"],
        "run_cpu_s": watch.cpu["run"],
        "rate_hz": mean_rate(times_s, task),
    }


def network(bp, bm, task: Task, neurons, drive, weights):
    """Neurons that two projections connect with themselves."""
    n_excitatory = task.n_excitatory

    class Network(bp.DynSysGroup):
        def __init__(self):
            super().__init__()
            self.N, self.drive = neurons, drive
            self.delay = bp.VarDelay(self.N.spike, entries={"now": None})
            synapses = zip((n_excitatory, task.n_inhibitory), weights, (5.0, 10.0), (0.0, -80.0), strict=True)
            self.E, self.I = (
                bp.dyn.HalfProjAlignPostMg(
                    comm=bp.dnn.EventCSRLinear(
                        bp.conn.FixedProb(task.probability, pre=pre, post=task.neurons, seed=task.seed + k), weight
                    ),
                    syn=bp.dyn.Expon.desc(size=task.neurons, tau=tau),
                    out=bp.dyn.COBA.desc(E=reversal),
                    post=self.N,
                )
                for k, (pre, weight, tau, reversal) in enumerate(synapses)
            )

        def update(self):
            spikes = self.delay.at("now")
            self.E(spikes[:n_excitatory])
            self.I(spikes[n_excitatory:])
            spikes = self.N(self.drive)
            self.delay(spikes)
            return spikes

    return Network()
