"""NEURON: fixed steps, Crank-Nicolson (secondorder = 2), the table of rates of `hh` off."""

import time

from ._cells import DT, R_A, Measured, System, crossings


def build(system: System, precision: str, dt: float = DT) -> Measured:
    import neuron
    from neuron import h

    began = time.perf_counter()
    h.load_file("stdrun.hoc")
    h.usetable_hh = 0
    cells = [_cell(h, system) for _ in range(system.cells)]
    for section in h.allsec():
        section.Ra, section.cm = R_A, 1.0
        section.insert("hh")
    stimuli = []
    for cell in cells:
        stimulus = h.IClamp(cell[0](0.5 / cell[0].nseg))
        stimulus.delay, stimulus.dur, stimulus.amp = 0.0, 1e9, system.current
        stimuli.append(stimulus)
    ends = (cells[0][0](0.5 / cells[0][0].nseg), cells[0][-1](1 - 0.5 / cells[0][-1].nseg))
    traces = [h.Vector().record(end._ref_v) for end in ends]
    h.celsius, h.dt, h.secondorder = 6.3, dt, 2
    context = h.ParallelContext()
    context.set_maxstep(10)
    build_s = time.perf_counter() - began

    def run(duration):
        h.finitialize(-65.0)
        context.psolve(duration)
        return [crossings(trace, dt) for trace in traces]

    run.keep = (cells, stimuli, traces)
    return Measured(neuron.__version__, build_s, run)


def _cell(h, system: System) -> list:
    count = system.compartments if system.levels else 1
    sections = [h.Section() for _ in range(count)]
    for k, section in enumerate(sections):
        section.L, section.diam = system.length, system.diameter
        section.nseg = 1 if system.levels else system.compartments
        if k:
            section.connect(sections[(k - 1) // 2](1), 0)
    return sections
