"""Arbor: its own implicit steps and its mechanism `hh`, one thread."""

import time

from ._cells import DT, R_A, Measured, System, crossings


def build(system: System, precision: str) -> Measured:
    import arbor
    from arbor import units as U

    began = time.perf_counter()

    class Recipe(arbor.recipe):
        def __init__(self):
            arbor.recipe.__init__(self)
            self.properties = arbor.neuron_cable_properties()
            self.made = _cell(arbor, U, system)

        def num_cells(self):
            return system.cells

        def cell_kind(self, gid):
            return arbor.cell_kind.cable

        def cell_description(self, gid):
            return self.made

        def global_properties(self, kind):
            return self.properties

        def probes(self, gid):
            return [arbor.cable_probe_membrane_voltage(place, name) for name, place in zip("ab", _ends(system))]

    simulation = arbor.simulation(Recipe(), arbor.context(threads=1))
    traces = [simulation.sample((0, name), arbor.regular_schedule(DT * U.ms)) for name in "ab"]
    build_s = time.perf_counter() - began

    def run(duration):
        simulation.reset()
        simulation.run(duration * U.ms, DT * U.ms)
        return [crossings(simulation.samples(trace)[0][0][:, 1]) for trace in traces]

    return Measured(arbor.__version__, build_s, run)


def _ends(system: System) -> tuple[str, str]:
    """The first and the last compartment."""
    if system.levels:
        return "(location 0 0.5)", f"(location {system.compartments - 1} 0.5)"
    return f"(location 0 {0.5 / system.compartments})", f"(location 0 {1 - 0.5 / system.compartments})"


def _cell(arbor, U, system: System):
    tree, radius = arbor.segment_tree(), system.diameter / 2
    count = system.compartments if system.levels else 1
    ends: list[float] = []
    for k in range(count):
        parent = arbor.mnpos if k == 0 else (k - 1) // 2
        begin = 0.0 if k == 0 else ends[(k - 1) // 2]
        ends.append(begin + system.length)
        tree.append(parent, arbor.mpoint(begin, k, 0, radius), arbor.mpoint(ends[-1], k, 0, radius), tag=1)
    per_branch = 1 if system.levels else system.compartments
    decor = (
        arbor.decor()
        .set_property(Vm=-65 * U.mV, tempK=(273.15 + 6.3) * U.Kelvin, rL=R_A * U.Ohm * U.cm, cm=0.01 * U.F / U.m2)
        .paint("(all)", arbor.density("hh"))
        .place(_ends(system)[0], arbor.i_clamp(0 * U.ms, 1e9 * U.ms, system.current * U.nA))
    )
    return arbor.cable_cell(tree, decor, discretization=arbor.cv_policy_fixed_per_branch(per_branch))
