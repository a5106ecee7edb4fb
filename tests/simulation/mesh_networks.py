"""Networks for the tests of meshes, and what is compared: run as a script, where a CPU shows as several devices.

    python -m tests.simulation.mesh_networks FIRST,SECOND 1,2,4 [wide]

prints, as JSON, by network and number of devices, what differs from one device: nothing.
"""

import json
import sys
import tempfile

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from brainsim._core import split

MS, NA = u.ms, u.nS
P = bs.FixedProbability


def lif(n, **values):
    population = bs.neurons.LIF(n, R=100 * u.Mohm, V=bs.Uniform(-60 * u.mV, -50 * u.mV), refractory=2 * MS, **values)
    population.add_receptors(
        ampa=bs.receptors.Exponential(tau=5 * MS, reversal=0 * u.mV), syn=bs.receptors.Exponential(tau=5 * MS)
    )
    population.add_stimuli(drive=bs.stimuli.Constant(450 * u.pA))
    return population


def pair(n=13, m=7, **facts):
    """Two populations of sizes that no number of devices divides."""
    net = bs.Network(seed=3)
    net.E, net.I = lif(n, **facts), lif(m)
    return net


def plain():
    net = pair(41, 10)
    net.connect(net.E, [net.E, net.I], P(0.3), receptor="ampa", weight=bs.Uniform(0.1 * NA, 0.5 * NA))
    net.connect(net.I, net.E, P(0.3), receptor="syn", weight=-20 * u.pA)
    return net, ["E.spikes", "I.spikes", "E.V[::3]", "E.ampa.g"]


def stdp():
    net = bs.Network(seed=5)
    net.pre = bs.sources.PoissonGroup(37, rate=100 * u.Hz)
    net.post = lif(23)
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1.05 * u.pA, w_max=100 * u.pA)
    net.connect(net.pre, net.post, P(0.4), receptor="syn", weight=50 * u.pA, plasticity=rule, delay=0.5 * MS)
    return net, ["pre.spikes", "post.spikes", "pre->post.weight[::11]"]


def stdp_of_delays():
    """A delay for each plastic synapse, and a rule that looks at voltages."""
    net = bs.Network(seed=5)
    net.pre = bs.sources.PoissonGroup(19, rate=100 * u.Hz)
    net.post = lif(11)
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1.05 * u.pA, w_max=100 * u.pA)
    delay = bs.Uniform(0.2 * MS, 3 * MS)
    net.connect(net.pre, net.post, P(0.5), receptor="syn", weight=50 * u.pA, plasticity=rule, delay=delay)
    net.connect(net.pre, net.post, bs.FixedOutDegree(4), receptor="syn", weight=50 * u.pA, delay=delay,
                plasticity=bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=90 * u.pA))  # fmt: skip
    triplets = dict(A2_plus=1 * u.pA, A3_plus=1 * u.pA, A2_minus=1 * u.pA, A3_minus=1 * u.pA, w_max=90 * u.pA)
    net.connect(net.pre, net.post, P(0.4), receptor="syn", weight=50 * u.pA, delay=delay, name="triplets",
                plasticity=bs.plasticity.TripletSTDP(**triplets))  # fmt: skip
    net.connect(net.pre, net.post, P(0.4), receptor="syn", weight=50 * u.pA, delay=delay, name="each",
                plasticity=OfEach(w_max=90 * u.pA))  # fmt: skip
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=50 * u.pA, delay=delay, name="all",
                plasticity=bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=90 * u.pA))  # fmt: skip
    net["each"].keep_arrived()
    return net, ["post.spikes", "pre->post.weight[::5]", "each.arrived[::7]"]


class OfEach(bs.plasticity.Plasticity):
    """A rule that looks at the spikes of single synapses and at their weights."""

    tau = bs.Parameter(20 * MS, "memory", positive=True)
    x = bs.plasticity.Trace("tau", "presynaptic trace", side="pre")

    def update(self, s):
        s.on_either(pre=-0.01 * s.w, post=0.02 * s.w * s.x)
        s.every_step(1e-3 * s.pre.spikes * s.w)


def dense():
    net = bs.Network(seed=6)
    net.pre, net.post = bs.sources.PoissonGroup(9, rate=150 * u.Hz), lif(10)
    rule = bs.plasticity.TripletSTDP(
        A2_plus=1 * u.pA, A3_plus=1 * u.pA, A2_minus=1 * u.pA, A3_minus=1 * u.pA, w_max=100 * u.pA
    )
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=50 * u.pA, plasticity=rule)
    net.connect(net.post, net.post, bs.AllToAll(), receptor="syn", weight=3 * u.pA)
    net.connect(net.post, net.post, bs.OneToOne(), receptor="syn", weight=bs.Uniform(1 * u.pA, 9 * u.pA), delay=1 * MS)
    return net, ["post.spikes", "post.V"]


def delays():
    net = pair(33, 9)
    net.connect(
        net.E, net.E, P(0.3), receptor="ampa", weight=bs.Uniform(0.1 * NA, 0.4 * NA), delay=bs.Uniform(0.5 * MS, 4 * MS)
    )
    net.connect(net.E, net.I, bs.FixedOutDegree(3), receptor="ampa", weight=0.5 * NA, delay=1.5 * MS)
    net.connect(net.I, net.E, bs.FixedInDegree(4), receptor="syn", weight=-20 * u.pA, delay=bs.Uniform(0.3 * MS, 2 * MS),
                terminal=bs.terminals.TsodyksMarkram(U=0.5, tau_rec=100 * MS, tau_facil=50 * MS))  # fmt: skip
    net.connect(
        net.I, net.I, P(0.5), receptor="syn", weight=-20 * u.pA, delay=bs.Uniform(0.3 * MS, 2 * MS), max_delay=3 * MS
    )
    net.connect(net.E[3:20], net.I[1:5], P(0.5), receptor="ampa", weight=0.3 * NA, delay=0.7 * MS)
    net.connect(net.E, net.I, P(0.3), receptor="ampa", weight=0.3 * NA, delay=bs.Uniform(0.5 * MS, 2 * MS),
                synapse=bs.synapses.TsodyksMarkram(U=bs.Uniform(0.2, 0.6)))  # fmt: skip
    return net, ["E.spikes", "I.spikes", "I.V"]


def noise():
    net = pair(21, 6)
    net.E.add_stimuli(
        white=bs.stimuli.WhiteNoise(sigma=50 * u.pA * u.ms**0.5),
        ou=bs.stimuli.OrnsteinUhlenbeck(0 * u.pA, 40 * u.pA, 5 * MS),
    )
    net.E[5:9].add_stimuli(some=bs.stimuli.Constant(30 * u.pA))
    net.I.add_stimuli(
        background=bs.stimuli.PoissonInput("ampa", rate=bs.Uniform(50 * u.Hz, 900 * u.Hz), weight=0.4 * NA)
    )
    net.connect(net.E, net.I, P(0.4), receptor="ampa", weight=0.4 * NA,
                terminal=bs.terminals.QuantalRelease(N=3, U=0.4, tau_rec=50 * MS))  # fmt: skip
    return net, ["E.spikes", "I.spikes", "E.V[2]", "mean(E.V)"]


def rules():
    """Procedural synapses, gap junctions, a modulator, a slow population and one that is too small to be divided."""
    net = pair(22, 8)
    net.E.add_receptors(gap=bs.receptors.GapJunction())
    net.one = lif(1)
    net.slow = bs.neurons.LIF(6, dt=1 * MS, V=-55 * u.mV)
    net.slow.add_receptors(syn=bs.receptors.Exponential(tau=5 * MS))
    net.connect(net.E, net.I, bs.Procedural(P(0.3)), receptor="ampa", weight=0.3 * NA)
    blocks = bs.Procedural(bs.BlockModel((9, 13), None, (5, 3), n=[[30, 0], [12, 25]]))
    net.connect(net.E, net.I, blocks, receptor="ampa", weight=bs.Uniform(0.1 * NA, 0.4 * NA), delay=0.7 * MS)
    net.connect(net.E, net.E, P(0.2), receptor="gap", weight=0.02 * NA, signal="V")
    net.connect(net.E, net.one, bs.AllToAll(), receptor="ampa", weight=0.1 * NA)
    net.connect(net.one, net.E, bs.AllToAll(), receptor="syn", weight=5 * u.pA)
    net.connect(net.I, net.slow, P(0.5), receptor="syn", weight=80 * u.pA)
    return net, ["E.spikes", "one.spikes", "slow.V"]


def cells():
    """Cells with a shape beside neurons, of which some are as many."""
    from models.cells import ring

    net = ring.build(seed=4, size=9, delay=2 * MS)
    net.E, net.I = lif(19), lif(9)
    middle = bs.cells.at("dend", 0.5)
    net.connect(
        net.E, net.cells.at(middle), P(0.5), receptor="exc", weight=bs.Uniform(0.1 * NA, 0.9 * NA), delay=1 * MS
    )
    net.connect(net.cells, net.I, P(0.7), receptor="ampa", weight=0.5 * NA, delay=bs.Uniform(0.3 * MS, 2 * MS))
    net.connect(net.cells, net.E, P(0.3), receptor="syn", weight=20 * u.pA)
    return net, ["E.spikes", "cells.spikes", "cells.V", "I.V"]


def dendrites():
    """Cells with parts on some places, on many, and on some cells only; a pool that diffuses, spikes of several places."""
    at, channels = bs.cells.at, bs.channels
    net = bs.Network(seed=8)
    net.E = lif(11)
    shape = bs.cells.ball_and_stick(20 * u.um, length=300 * u.um, diameter=2 * u.um)
    odd = [at("dend", (2 * k + 0.5) / 20) for k in range(10)]  # more runs of compartments than are cut out one by one
    net.cells = bs.cells.MultiCompartment(
        7,
        shape,
        compartments=bs.cells.PerBranch({"soma": 1, "dend": 20}),
        V=bs.Uniform(-70 * u.mV, -60 * u.mV),
        V_th=0 * u.mV,
        spikes_at=[at("soma", 0.5), at("dend", 0.1)],
        g_L=bs.cells.by_region({"soma": 0.3 * u.mS / u.cm2, "dend": 0.1 * u.mS / u.cm2}),
        channels=dict(
            na=channels.Na_HH1952().on("soma"), k=channels.K_HH1952().on("soma"), slow=channels.K_HH1952(g_max=1 * u.mS / u.cm2).on(*odd),
            ca=channels.CaHT_Reuveni1993(g_max=0.1 * u.mS / u.cm2).on("dend"),
        ),
        pools=dict(Ca=channels.Calcium(depth=0.1 * u.um, tau=50 * MS, rest=1e-4 * u.mM)),
    )  # fmt: skip
    net.cells.add_receptors(
        syn=bs.receptors.Exponential(tau=3 * MS, reversal=0 * u.mV).on(at("dend", 0.3), at("dend", 0.8))
    )
    net.cells.add_stimuli(
        drive=bs.stimuli.Constant(np.linspace(50, 250, 7) * u.pA), noise=bs.stimuli.WhiteNoise(20 * u.pA * u.ms**0.5)
    )
    net.cells[2:5].add_stimuli(more=bs.stimuli.Constant(60 * u.pA))
    net.cells.add_detectors(tip=bs.cells.Detector(V_th=-40 * u.mV).on(at("dend", 1.0), at("dend", 0.5)))
    net.connect(net.E, net.cells.at(at("dend", 0.3), at("dend", 0.8)), P(0.4), receptor="syn",
                weight=bs.Uniform(0.5 * NA, 2 * NA), delay=bs.Uniform(0.3 * MS, 3 * MS))  # fmt: skip
    net.connect(net.cells, net.E, P(0.5), receptor="ampa", weight=0.4 * NA, delay=1 * MS)
    net.connect(net.cells.tip, net.E, P(0.5), receptor="ampa", weight=0.2 * NA, delay=0.5 * MS)
    return net, ["E.spikes", "cells.spikes", "cells.tip.spikes", "cells.V[::11]", "cells.Ca.concentration"]


def places():
    """Projections of every kind onto the same places of cells, whose inputs are added in one order."""
    at = bs.cells.at
    net = bs.Network(seed=5)
    net.E, net.one = lif(12), lif(3)
    shape = bs.cells.ball_and_stick(20 * u.um, length=200 * u.um, diameter=2 * u.um)
    net.cells = bs.cells.MultiCompartment(10, shape, compartments=5, V=-65 * u.mV, V_th=0 * u.mV)
    two = at("dend", 0.3), at("dend", 0.8)
    net.cells.add_receptors(syn=bs.receptors.Exponential(tau=3 * MS, reversal=0 * u.mV).on(*two))
    for k, (pre, rule, delay) in enumerate((
        (net.E, P(0.5), None), (net.E, bs.AllToAll(), None), (net.one, P(0.9), bs.Uniform(0.3 * MS, 3 * MS)),
        (net.one, bs.AllToAll(), 1 * MS), (net.E, bs.FixedOutDegree(3), 1 * MS),
    )):  # fmt: skip
        each = bs.Uniform(0.1 * NA, 0.9 * NA)
        net.connect(pre, net.cells.at(*two), rule, receptor="syn", weight=each, delay=delay, name=f"c{k}")
    return net, ["E.spikes"]


def branched(tips):
    """A soma, a dendrite, and branches that meet at its end."""
    cell = bs.cells.Builder()
    soma = cell.add(20 * u.um, 20 * u.um, type="soma")
    trunk = cell.add(100 * u.um, 3 * u.um, parent=soma)
    for k in range(tips):
        cell.add((50 + 20 * k) * u.um, 1 * u.um, type="apic", parent=trunk)
    return cell.build()


def forest(n=7):
    """Cells of several shapes, some of them with branch points."""
    at, channels = bs.cells.at, bs.channels
    net = bs.Network(seed=8)
    net.E = lif(11)
    sticks = [bs.cells.ball_and_stick(20 * u.um, length=(120 + 70 * k) * u.um, diameter=2 * u.um) for k in range(3)]
    shapes = [branched(2 + k // 2) if k % 2 else sticks[k % 3] for k in range(n)]
    net.cells = bs.cells.MultiCompartment(
        n,
        shapes,
        compartments=5,
        V=bs.Uniform(-70 * u.mV, -60 * u.mV),
        V_th=0 * u.mV,
        spikes_at=[at("soma", 0.5), at("dend", 0.1)],
        g_L=bs.cells.by_region({"soma": 0.3 * u.mS / u.cm2}, default=0.1 * u.mS / u.cm2),
        channels=dict(
            na=channels.Na_HH1952().on("soma"), k=channels.K_HH1952().on("soma"),
            slow=channels.K_HH1952(g_max=1 * u.mS / u.cm2).on(*[at("dend", x) for x in (0.1, 0.5, 0.9)]),
            ca=channels.CaHT_Reuveni1993(g_max=0.1 * u.mS / u.cm2).on("dend"),
        ),
        pools=dict(Ca=channels.Calcium(depth=0.1 * u.um, tau=50 * MS, rest=1e-4 * u.mM)),
    )  # fmt: skip
    net.cells.add_receptors(
        syn=bs.receptors.Exponential(tau=3 * MS, reversal=0 * u.mV).on(at("dend", 0.3), at("dend", 0.8))
    )
    net.cells.add_stimuli(
        drive=bs.stimuli.Constant(np.linspace(150, 450, n) * u.pA), noise=bs.stimuli.WhiteNoise(20 * u.pA * u.ms**0.5)
    )
    net.cells[2:5].add_stimuli(more=bs.stimuli.Constant(60 * u.pA))
    net.cells.add_detectors(tip=bs.cells.Detector(V_th=-40 * u.mV).on(at("dend", 1.0)))
    there = net.cells.at(at("dend", 0.3), at("dend", 0.8))
    net.connect(
        net.E, there, P(0.4), receptor="syn", weight=bs.Uniform(0.5 * NA, 2 * NA), delay=bs.Uniform(0.3 * MS, 3 * MS)
    )
    net.connect(net.cells, net.E, P(0.5), receptor="ampa", weight=0.4 * NA, delay=1 * MS)
    net.connect(net.cells.tip, net.E, P(0.5), receptor="ampa", weight=0.2 * NA, delay=0.5 * MS)
    return net, ["E.spikes", "cells.spikes", "cells.tip.spikes", "cells.V[::11]", "cells.Ca.concentration"]


def few_shapes():
    """As many cells of several shapes as there are devices, whose places are few runs."""
    return forest(4)


def many():
    """As many populations as are compiled once on one device, whose projections are in another order than they."""
    net = bs.Network(seed=1)
    for k in range(17):
        setattr(net, f"p{k:02}", lif(5 + k % 2))
    for k in reversed(range(17)):
        pre = getattr(net, f"p{k:02}")
        for n in (0, 3, 7):
            post, weight = getattr(net, f"p{(5 * k + n) % 17:02}"), bs.Uniform(0.1 * NA, 0.5 * NA)
            net.connect(pre, post, P(0.8), receptor="ampa", weight=weight, name=f"c{k}_{n}")
    return net, ["p00.spikes", "p07.spikes", "p11.V"]


def small():
    """Few neurons on a device, of which XLA unrolls the loops where arrays are as short."""
    net = bs.Network(seed=3)
    for n in (4, 5, 6, 9, 13):
        net[f"p{n}"] = cells = bs.neurons.AdEx(n)
        cells.add_receptors(syn=bs.receptors.Exponential(tau=5 * MS, reversal=0 * u.mV))
        cells.add_stimuli(ou=bs.stimuli.OrnsteinUhlenbeck(0.5 * u.nA, 0.4 * u.nA, 5 * MS))
        net.connect(cells, cells, P(0.8), receptor="syn", weight=bs.Uniform(0.1 * u.nS, 2 * u.nS), delay=1 * MS)
    net.connect(net.p13, net.p4, bs.AllToAll(), receptor="syn", weight=0.5 * u.nS)
    net.connect(net.p5, net.p6, bs.FromMatrix(np.ones((5, 6))), receptor="syn", weight=0.5 * u.nS)
    return net, ["p4.V", "p5.V[1]", "p6.V[:]", "p9.spikes", "p13.spikes"]


def single():
    net = bs.Network(seed=2)
    net.E = lif(1)
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=-5 * u.pA, delay=1 * MS)
    return net, ["E.spikes", "E.V"]


def _model(name, records, **arguments):
    import importlib

    return lambda: (importlib.import_module(f"models.{name}").build(**arguments), records)


NETWORKS = {
    f.__name__: f
    for f in (
        plain,
        stdp,
        stdp_of_delays,
        dense,
        delays,
        noise,
        rules,
        cells,
        dendrites,
        places,
        forest,
        few_shapes,
        many,
        small,
        single,
    )
} | {
    "coba_lif": _model("coba_lif", ["E.spikes", "I.spikes"], scale=0.051),
    "coba_hh": _model("coba_hh", ["E.spikes", "I.spikes", "E.V[::9]"], scale=0.026),
    "pd14": _model("pd14", ["L23E.spikes", "L4I.spikes", "L5E.V[:5]"], scale=0.02),
}


def plain_of(x):
    return np.asarray(u.get_mantissa(x))


def run(build, mesh):
    net, record = build()
    found = {}
    for part in range(2):
        recording = bs.simulate(net, 30 * MS, record=record, mesh=mesh, chunk_steps=170)
        for label in record:
            if label.endswith("spikes"):
                train = recording[label]
                found[f"{label} {part}"] = np.stack([plain_of(train.times), train.indices])
            else:
                found[f"{label} {part}"] = plain_of(recording[label])
    return found | {path: np.asarray(array) for path, array in split(net)[3].items()}


def goes_on(tmp):
    """Run on four devices, save, load, go on on two, then one; beside one device all the way."""
    whole, record = delays()
    straight = bs.simulate(whole, 30 * MS, record=record)
    first, _ = delays()
    pieces = [bs.simulate(first, 10 * MS, record=record, mesh=4)]
    bs.save(first, f"{tmp}/there")
    second, _ = delays()
    bs.load(second, f"{tmp}/there")
    courses = {"E.drive.amplitude": np.full(100, 450.0) * u.pA}
    pieces.append(bs.simulate(second, 10 * MS, record=record, mesh=jax.make_mesh((2,), ("x",)), inputs=courses))
    pieces.append(bs.simulate(second, 10 * MS, record=record))
    joined = pieces[0] + pieces[1] + pieces[2]
    same = [
        label
        for label in record
        if not label.endswith("spikes") and not np.array_equal(plain_of(straight[label]), plain_of(joined[label]))
    ]
    same += [
        label
        for label in record
        if label.endswith("spikes") and not np.array_equal(straight[label].indices, joined[label].indices)
    ]
    one, other = (split(net)[3] for net in (whole, second))
    return same + [path for path in one if not np.array_equal(one[path], other[path])]


def joined_late():
    """Cells of several shapes that are divided in a first run, and joined in a second one."""
    found = []
    for mesh in (None, 4):
        net = bs.Network(seed=3)
        shapes = [bs.cells.ball_and_stick(20 * u.um, length=(80 + 40 * k) * u.um, diameter=2 * u.um) for k in range(4)]
        net.cells = bs.cells.MultiCompartment(4, shapes, compartments=3, V=bs.Uniform(-70 * u.mV, -60 * u.mV))
        first = bs.simulate(net, 1 * MS, record=["cells.V", "mean(cells.V)"], mesh=mesh)
        net.cells.add_junctions(gap=bs.cells.Junctions([(0, 3), (1, 2)]).on("soma"))
        second = bs.simulate(net, 1 * MS, record="cells.V", mesh=mesh)
        found.append([*map(plain_of, (first["cells.V"], first["mean(cells.V)"], second["cells.V"]))])
    return [name for name, one, other in zip(("first", "mean", "second"), *found) if not np.array_equal(one, other)]


def scaled(devices, per_device=40, degree=10):
    """A network that grows with the number of devices, as does what each of its neurons hears."""
    n = per_device * devices
    net = bs.Network(seed=devices)
    net.E = bs.neurons.LIF(n, R=100 * u.Mohm, V=bs.Uniform(-60 * u.mV, -50 * u.mV), refractory=2 * MS)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * MS))
    net.E.add_stimuli(drive=bs.stimuli.Constant(250 * u.pA))
    net.connect(net.E, net.E, bs.FixedInDegree(degree), receptor="syn", weight=-1 * u.pA, delay=1 * MS)
    return net


# What is rounded in another way where a network is divided: see docs/floors/running.md
ROUNDED = {"places": ("cells.V",)}


def differing(one, other, rounded=()):
    """Names of what is not the same to the last bit, or of what is ``rounded`` not nearly so."""

    def same(name):
        if name in rounded:
            return np.allclose(one[name], other[name], rtol=1e-5, atol=0)
        return np.array_equal(one[name], other[name])

    return [name for name in one if one[name].shape != other[name].shape or not same(name)]


def main(names, meshes, wide):
    jax.config.update("jax_enable_x64", wide)
    found = {}
    for name in names:
        if name == "goes_on":
            with tempfile.TemporaryDirectory() as tmp:
                found[name] = {"4": goes_on(tmp)}
            continue
        if name == "joined_late":
            found[name] = {"4": joined_late()}
            continue
        one = run(NETWORKS[name], None)
        spikes = sum(x.shape[1] for label, x in one.items() if ".spikes " in label)
        others = {str(m): differing(one, run(NETWORKS[name], m), ROUNDED.get(name, ())) for m in meshes}
        found[name] = {"spikes": int(spikes)} | others
        jax.clear_caches()
    return found


if __name__ == "__main__":
    jnp.zeros(())
    print(json.dumps(main(sys.argv[1].split(","), [int(m) for m in sys.argv[2].split(",")], sys.argv[3:] == ["wide"])))
