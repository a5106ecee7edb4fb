"""A network that processes build in parts: what each of them has of it and finds, for the tests of meshes.

    python -m tests.simulation.mesh_parts OUT [HOST:PORT PROCESSES NUMBER]

writes an archive of NumPy: spikes, potentials, and the synapses of every projection with their weights.
"""

import sys

import brainunit as u
import jax
import numpy as np

import brainsim as bs
from brainsim.wiring import groups
from tests.simulation.mesh_networks import MS, NA, lif, plain_of

RECORD = ["E.spikes", "I.spikes", "E.V[::7]"]


def build(mesh=None):
    """Rules that are drawn in groups, and one that is drawn as a whole; weights, delays and plasticity of single synapses."""
    net = bs.Network(seed=4, mesh=mesh)
    net.E, net.I = lif(61), lif(18)
    delay = bs.Normal(1.5 * MS, 0.7 * MS).truncate(low=0.1 * MS)
    weight = bs.Uniform(0.1 * NA, 0.5 * NA)
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1.05 * u.pA, w_max=100 * u.pA)
    net.connect(net.E, net.E, bs.FixedTotalNumber(900), receptor="ampa", weight=weight, delay=delay)
    net.connect(net.E, net.I, bs.FixedProbability(0.3), receptor="ampa", weight=weight)
    net.connect(net.I, net.E, bs.FixedInDegree(4), receptor="syn", weight=-20 * u.pA, delay=0.8 * MS)
    net.connect(net.I, net.I, bs.FixedOutDegree(5, self_connections=False), receptor="syn", weight=-20 * u.pA)
    net.connect(net.E, net.E, bs.FixedProbability(0.1, self_connections=False), receptor="syn", weight=40 * u.pA,
                plasticity=rule, delay=0.5 * MS)  # fmt: skip
    late = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1.05 * u.pA, w_max=100 * u.pA)
    net.connect(
        net.E,
        net.E,
        bs.FixedProbability(0.1),
        receptor="syn",
        weight=40 * u.pA,
        plasticity=late,
        delay=delay,
        name="late",
    )
    return net


def small_groups():
    """Groups of a few neurons, and few synapses at a time."""
    groups.GROUP, groups.BLOCK = 16, 200


def synapses_of(net):
    """Source, target and weight of every synapse that is here, in their order by source, target and weight."""
    found = {}
    for name, projection in net.projections.items():
        weight = np.broadcast_to(plain_of(projection.weight).ravel(), projection.n_synapses)
        listed = np.stack([*projection.pairs(), weight])
        found[f"synapses {name}"] = listed[:, np.lexsort(listed[::-1])]
    return found


def main(out, address=None, processes=1, number=0):
    small_groups()
    jax.config.update("jax_enable_x64", True)
    if address is not None:
        jax.distributed.initialize(address, int(processes), int(number))
    net = build(mesh=jax.devices())
    before = synapses_of(net)
    rec = bs.simulate(net, 30 * MS, record=RECORD)
    found = {f"after {name}": x for name, x in synapses_of(net).items()} | before
    for label in RECORD:
        spikes = label.endswith("spikes")
        found[label] = np.stack([rec[label].steps, rec[label].indices]) if spikes else plain_of(rec[label])
    refused = []
    for attempt in (
        lambda: bs.function(net, 1 * MS),
        net.describe,
        lambda: bs.simulate(net, 1 * MS, record="E->E.weight"),
    ):
        try:
            attempt()
        except ValueError as error:
            refused.append(str(error))
    np.savez(out, refused=np.array(refused), **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
