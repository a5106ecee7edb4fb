"""Arbor: its own implicit steps, its mechanisms `hh` and `expsyn`, one thread; a target for each compartment that has synapses."""

import numpy as np

from ._cells_network import DENDRITE, DIAMETER, DT, EACH, EXCITATION, INHIBITION, R_A, SOMA, TAU, Circuit, Made, spent


def build(circuit: Circuit, precision: str) -> Made:
    import arbor
    from arbor import units as U

    began = spent()
    kinds = {"e": (circuit.excitatory, EXCITATION), "i": (circuit.inhibitory, INHIBITION)}
    onto = {kind: _by_target(wiring, len(circuit.parents)) for kind, (wiring, _) in kinds.items()}

    class Recipe(arbor.recipe):
        def __init__(self):
            arbor.recipe.__init__(self)
            self.properties = arbor.neuron_cable_properties()

        def num_cells(self):
            return len(circuit.parents)

        def cell_kind(self, gid):
            return arbor.cell_kind.cable

        def cell_description(self, gid):
            decor = (
                arbor.decor()
                .set_property(
                    Vm=-65 * U.mV, tempK=(273.15 + 6.3) * U.Kelvin, rL=R_A * U.Ohm * U.cm, cm=0.01 * U.F / U.m2
                )
                .paint("(all)", arbor.density("hh"))
                .place(_place(0), arbor.i_clamp(0 * U.ms, 1e9 * U.ms, float(circuit.current[gid]) * U.nA))
                .place(_place(0), arbor.threshold_detector(0 * U.mV), "axon")
            )
            for kind, (wiring, reversal) in kinds.items():
                for compartment in np.unique(wiring.compartment[onto[kind][gid]]).tolist():
                    synapse = arbor.synapse("expsyn", {"tau": TAU, "e": reversal})
                    decor.place(_place(compartment), synapse, f"{kind}{compartment}")
            return arbor.cable_cell(
                _shape(arbor, circuit.parents[gid]), decor, discretization=arbor.cv_policy_every_segment()
            )

        def global_properties(self, kind):
            return self.properties

        def connections_on(self, gid):
            made = []
            for kind, (wiring, _) in kinds.items():
                chosen = onto[kind][gid]
                for source, _, compartment, delay, weight in zip(*(field[chosen].tolist() for field in wiring)):
                    made.append(arbor.connection((source, "axon"), f"{kind}{compartment}", 1e-3 * weight, delay * U.ms))
            return made

    simulation = arbor.simulation(Recipe(), arbor.context(threads=1))
    simulation.record(arbor.spike_recording.all)
    built = spent(began)

    def run(duration):
        simulation.reset()
        simulation.clear_samplers()
        simulation.run(duration * U.ms, DT * U.ms)
        return len(simulation.spikes())

    return Made(arbor.__version__, built, run)


def _by_target(wiring, cells: int) -> list[np.ndarray]:
    order = np.argsort(wiring.target, kind="stable")
    return np.split(order, np.searchsorted(wiring.target[order], np.arange(1, cells)))


def _place(compartment: int) -> str:
    """The middle of a compartment: each is a segment, numbered as they were added."""
    return f"(on-components 0.5 (segment {compartment}))"


def _shape(arbor, parents: list[int]):
    tree, step = arbor.segment_tree(), DENDRITE / EACH
    tree.append(arbor.mnpos, arbor.mpoint(0, 0, 0, SOMA / 2), arbor.mpoint(SOMA, 0, 0, SOMA / 2), tag=1)
    ends = [0]
    for k, parent in enumerate(parents):
        last = ends[1 + parent]
        for n in range(EACH):
            a, b = (
                arbor.mpoint(n * step, k + 1, 0, DIAMETER / 2),
                arbor.mpoint((n + 1) * step, k + 1, 0, DIAMETER / 2),
            )
            last = tree.append(last, a, b, tag=3)
        ends.append(last)
    return tree
