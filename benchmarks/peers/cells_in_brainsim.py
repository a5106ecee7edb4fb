"""brainsim: `cells.MultiCompartment` with Crank-Nicolson steps."""

import math
import time

import numpy as np

from ._cells import DT, R_A, Measured, System, crossings


def build(system: System, precision: str) -> Measured:
    import jax

    jax.config.update("jax_enable_x64", precision == "float64")
    import brainunit as u

    import brainsim as bs

    began = time.perf_counter()
    net = bs.Network()
    net.cells = _population(bs, u, system)
    net.cells.add_stimuli(current=bs.stimuli.Constant(system.current * u.nA))
    build_s = time.perf_counter() - began
    last = (system.compartments - 1) * system.cells
    names = [f"cells.V[{site}]" for site in sorted({0, last})]

    def run(duration):
        net.reset()
        recording = bs.simulate(net, duration * u.ms, dt=DT * u.ms, record=names, progress=False)
        traces = [np.ravel(u.get_mantissa(recording[name])) for name in (names[0], names[-1])]
        return [crossings(trace, begin=DT) for trace in traces]

    return Measured(bs.__version__, build_s, run, precision)


def _population(bs, u, system: System):
    cell = bs.cells.Builder()
    for k in range(system.compartments if system.levels else 1):
        parent = {} if k == 0 else {"parent": (k - 1) // 2}
        cell.add(system.length * u.um, system.diameter * u.um, **parent)
    return bs.cells.MultiCompartment(
        system.cells,
        cell.build(),
        compartments=1 if system.levels else system.compartments,
        R_a=R_A * u.ohm * u.cm,
        C=1.0 * u.uF / u.cm2,
        g_L=0.3 * u.mS / u.cm2,
        E_L=-54.3 * u.mV,
        V=-65.0 * u.mV,
        V_th=0.0 * u.mV,
        channels={"na": bs.channels.Na_HH1952(), "k": bs.channels.K_HH1952()},
        method="staggered_crank_nicolson",
    )


def gradient(precision: str) -> dict:
    """CPU time of the gradient of the mean V of a cable over that of the run."""
    import jax

    jax.config.update("jax_enable_x64", precision == "float64")
    import brainunit as u
    import jax.numpy as jnp

    import brainsim as bs

    system = System("", 1, 100, 1000.0, 1.0, 0.1)
    net = bs.Network()
    net.cells = _population(bs, u, system)
    net.cells.na.g_max = np.full(100, 120.0) * u.mS / u.cm2
    net.cells.add_stimuli(current=bs.stimuli.Constant(system.current * u.nA))
    run = bs.function(net, 1000 * DT * u.ms, dt=DT * u.ms, record=["cells.V[99]"])

    def loss(g):
        return jnp.mean(run({"cells.na.g_max": g}, {})[1]["cells.V[99]"])

    least = {}
    g = jnp.full(100, 120.0)
    for name, function in {"forward": jax.jit(loss), "gradient": jax.jit(jax.value_and_grad(loss))}.items():
        began = time.perf_counter()
        jax.block_until_ready(function(g))
        least[f"{name}_compile_s"] = round(time.perf_counter() - began, 2)
        least[name] = math.inf
        for _ in range(20):
            began = time.process_time()
            jax.block_until_ready(function(g))
            least[name] = min(least[name], time.process_time() - began)
    times = {f"{name}_ms": round(1e3 * least.pop(name), 2) for name in ("forward", "gradient")}
    return times | least | {"ratio": round(times["gradient_ms"] / times["forward_ms"], 2)}
