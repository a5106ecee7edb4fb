"""brainsim: one population of all cells, one receptor of each kind, a projection onto each."""

import numpy as np

from ._cells_network import (
    DENDRITE,
    DIAMETER,
    DT,
    EACH,
    EXCITATION,
    INHIBITION,
    R_A,
    SOMA,
    TAU,
    Circuit,
    Made,
    Wiring,
    spent,
)


def build(circuit: Circuit, precision: str) -> Made:
    import jax

    jax.config.update("jax_enable_x64", precision == "float64")
    import brainunit as u

    import brainsim as bs

    began = spent()
    net = bs.Network()
    net.cells = bs.cells.MultiCompartment(
        len(circuit.parents),
        [_shape(bs, u, parents) for parents in circuit.parents],
        compartments=bs.cells.PerBranch({"soma": 1, "dend": EACH}),
        R_a=R_A * u.ohm * u.cm,
        C=1.0 * u.uF / u.cm2,
        g_L=0.3 * u.mS / u.cm2,
        E_L=-54.3 * u.mV,
        V=-65.0 * u.mV,
        V_th=0.0 * u.mV,
        channels={"na": bs.channels.Na_HH1952(), "k": bs.channels.K_HH1952()},
    )
    net.cells.add_stimuli(current=bs.stimuli.Constant(circuit.current * u.nA))
    receptor = lambda reversal: bs.receptors.Exponential(tau=TAU * u.ms, reversal=reversal * u.mV).on("all")
    net.cells.add_receptors(excitatory=receptor(EXCITATION), inhibitory=receptor(INHIBITION))
    first = np.cumsum(circuit.sizes) - circuit.sizes
    for name in ("excitatory", "inhibitory"):
        wiring: Wiring = getattr(circuit, name)
        sites = first[wiring.target] + wiring.compartment
        order = np.lexsort((sites, wiring.source))  # weights and delays are given synapse by synapse, row by row
        values = dict(weight=wiring.weight[order] * u.nS, delay=wiring.delay[order] * u.ms)
        pairs = bs.FromArrays(wiring.source[order], sites[order])
        net.connect(net.cells, net.cells.at("all"), pairs, receptor=name, name=name, **values)
    built = spent(began)

    def run(duration):
        net.reset()
        recording = bs.simulate(net, duration * u.ms, dt=DT * u.ms, record=["cells.spikes"], progress=False)
        return len(recording["cells.spikes"].times)

    return Made(bs.__version__, built, run, precision)


def _shape(bs, u, parents):
    builder = bs.cells.Builder()
    soma = builder.add(SOMA * u.um, SOMA * u.um, type="soma")
    for parent in parents:
        builder.add(DENDRITE * u.um, DIAMETER * u.um, type="dend", parent=soma if parent < 0 else 1 + parent)
    return builder.build()
