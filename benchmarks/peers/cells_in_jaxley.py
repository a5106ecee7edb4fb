"""Jaxley: `integrate` inside one compiled function, its default solver, one thread."""

import time

import numpy as np

from ._cells import DT, R_A, Measured, System, crossings


def build(system: System, precision: str) -> Measured:
    import jax

    jax.config.update("jax_enable_x64", precision == "float64")
    import jax.numpy as jnp
    import jaxley

    began = time.perf_counter()
    cell = _cell(jaxley, system)
    whole = cell if system.cells == 1 else jaxley.Network([cell] * system.cells)
    first = (lambda k: whole.cell(k)) if system.cells > 1 else (lambda k: whole)
    for k in range(system.cells):
        first(k).branch(0).comp(0).stimulate(jnp.full(2, system.current), verbose=False)
    branches = system.compartments if system.levels else 1
    comps = 1 if system.levels else system.compartments
    for branch, comp in ((0, 0), (branches - 1, comps - 1)):
        first(0).branch(branch).comp(comp).record("v", verbose=False)
    compiled = {}

    def of(duration):
        steps = round(duration / DT)
        whole.externals["i"] = jnp.full((system.cells, steps), system.current)
        return jax.jit(lambda: jaxley.integrate(whole, delta_t=DT, t_max=duration))

    build_s = time.perf_counter() - began

    def run(duration):
        if duration not in compiled:
            compiled[duration] = of(duration)
        traces = np.asarray(compiled[duration]())
        return [crossings(trace) for trace in traces]

    return Measured(jaxley.__version__, build_s, run, precision)


def _cell(jaxley, system: System):
    comp = jaxley.Compartment()
    branch = jaxley.Branch(comp, ncomp=1 if system.levels else system.compartments)
    count = system.compartments if system.levels else 1
    cell = jaxley.Cell(branch, parents=[-1, *((k - 1) // 2 for k in range(1, count))])
    cell.insert(jaxley.channels.HH())
    cell.set("length", system.length / (1 if system.levels else system.compartments))
    cell.set("radius", system.diameter / 2)
    cell.set("axial_resistivity", R_A)
    cell.set("capacitance", 1.0)
    cell.set("v", -65.0)
    cell.init_states()
    return cell
