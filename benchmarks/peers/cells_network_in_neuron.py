"""NEURON: one process, backward Euler, the table of rates of `hh` off; an ExpSyn for each compartment that has synapses."""

from ._cells_network import DENDRITE, DIAMETER, DT, EACH, EXCITATION, INHIBITION, R_A, SOMA, TAU, Circuit, Made, spent


def build(circuit: Circuit, precision: str) -> Made:
    import neuron
    from neuron import h

    began = spent()
    h.load_file("stdrun.hoc")
    h.usetable_hh = 0
    cells = [_cell(h, parents) for parents in circuit.parents]
    kept, spikes = [], h.Vector()
    for cell, current in zip(cells, circuit.current):
        clamp = h.IClamp(cell[0](0.5))
        clamp.delay, clamp.dur, clamp.amp = 0.0, 1e9, float(current)
        detector = h.NetCon(cell[0](0.5)._ref_v, None, sec=cell[0])
        detector.threshold = 0.0
        detector.record(spikes)
        kept += [clamp, detector]
    for wiring, reversal in ((circuit.excitatory, EXCITATION), (circuit.inhibitory, INHIBITION)):
        points = {}
        for source, target, compartment, delay, weight in zip(*(field.tolist() for field in wiring)):
            where = target, compartment
            if where not in points:
                points[where] = point = h.ExpSyn(_segment(cells[target], compartment))
                point.tau, point.e = TAU, reversal
            soma = cells[source][0]
            connection = h.NetCon(soma(0.5)._ref_v, points[where], sec=soma)
            connection.threshold, connection.delay, connection.weight[0] = 0.0, delay, 1e-3 * weight
            kept.append(connection)
        kept.append(points)
    h.celsius, h.dt, h.secondorder = 6.3, DT, 0
    context = h.ParallelContext()
    context.set_maxstep(10)
    built = spent(began)

    def run(duration):
        h.finitialize(-65.0)
        context.psolve(duration)
        return len(spikes)

    run.keep = (cells, kept)
    return Made(neuron.__version__, built, run)


def _segment(cell, compartment: int):
    if compartment == 0:
        return cell[0](0.5)
    dendrite, k = divmod(compartment - 1, EACH)
    return cell[1 + dendrite]((k + 0.5) / EACH)


def _cell(h, parents: list[int]) -> list:
    soma = h.Section()
    soma.L = soma.diam = SOMA
    sections = [soma]
    for parent in parents:
        dendrite = h.Section()
        dendrite.L, dendrite.diam, dendrite.nseg = DENDRITE, DIAMETER, EACH
        dendrite.connect(sections[1 + parent](1), 0)
        sections.append(dendrite)
    for section in sections:
        section.Ra, section.cm = R_A, 1.0
        section.insert("hh")
    return sections
