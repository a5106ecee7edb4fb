"""Junctions inside the implicit step: against NEURON's LinearMechanism, and against dense matrices.

NEURON's numbers: 9.0.2, two cells of ``test_multi_compartment`` joined at the last segment of their long dendrites, 0.5 nA into
the soma of the first from 1 ms on; V after 5 and 20 ms of both somata and both ends.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells
from tests.cells.test_multi_compartment import CUT, hh_cell

TIP = cells.at("long", 1.0)
NEURON = {
    2.0: (0.025, [[-43.06352184486953, -63.76128448250003, -26.859243680557146, -58.161322148587985],
                  [-65.49945135606539, -63.556456626307536, -59.91409314213234, -62.04130338427689]]),
    1e6: (0.1, [[-39.951182971424046, -59.063763598891235, -41.471262266023686, -41.47141229079094],
                [-64.71639566229314, -66.76687642120004, -64.18072778615362, -64.18073328531739]]),
}  # fmt: skip


@pytest.mark.parametrize("g", NEURON)
def test_two_cells_are_those_of_neuron_also_where_junctions_are_a_wire(g):
    dt, expected = NEURON[g]
    net = bs.Network()
    net.cell = hh_cell(2)
    net.cell.add_junctions(gap=cells.Junctions([[0, 1]], g=g * u.nS).on(TIP))
    net.cell[0].add_stimuli(clamp=bs.stimuli.Constant(0.5 * u.nA, start=1 * u.ms))
    V = bs.simulate(net, 20 * u.ms, dt=dt * u.ms, record="cell.V")["cell.V"].mantissa.reshape(-1, len(CUT), 2)
    found = V[[round(t / dt) - 1 for t in (5, 20)]][:, [5, 5, 21, 21], [0, 1, 0, 1]]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


SMALL = cells.discretise(cells.rall_tree(2, soma=20 * u.um), 2)
PASSIVE = dict(R_a=100 * u.ohm * u.cm, g_L=0.1 * u.mS / u.cm2, E_L=-70 * u.mV)
PAIRS, G = np.array([[0, 1], [2, 1], [0, 2]]), np.array([3.0, 1e6, 0.2])


def joined(g=G, shape=SMALL, count=3, **options):
    """Cells in a ring from soma to tip, one of them a loop in itself too."""
    net = bs.Network(**options)
    net.cell = cells.MultiCompartment(count, shape, **PASSIVE)
    net.cell.add_junctions(gap=cells.Junctions(PAIRS, g=g * u.nS, to=cells.at(1, 1.0)))
    net.cell.add_junctions(loop=cells.Junctions([[1, 1]], g=2 * u.nS, to=cells.at(2, 1.0)).on(cells.at(1, 1.0)))
    net.cell[0].add_stimuli(step=bs.stimuli.Constant(100 * u.pA))
    return net


def dense_steps(population, steps, dt):
    """Backward Euler with the matrix of all compartments, branch points eliminated, and all junctions."""
    cut, n = population.compartments, population.sites
    s, p, rows, abreast = np.asarray(population.between_sites.coupling), cut.parent, len(cut), population.abreast
    L = np.zeros((n, n))
    for cell in range(abreast):
        whole = np.zeros((len(p), len(p)))
        for i in np.flatnonzero(p >= 0):
            whole[np.ix_([i, p[i]], [i, p[i]])] += s[i] * np.array([[1, -1], [-1, 1]])
        a, b, d = whole[:rows, :rows], whole[:rows, rows:], whole[rows:, rows:]
        own = np.arange(rows) * abreast + cell
        L[np.ix_(own, own)] = a - b @ np.linalg.solve(d, b.T)
    for junctions in population.junctions.values():
        for (a, b), g in zip(junctions.ends, np.broadcast_to(junctions.g.mantissa, junctions.count)):
            L[np.ix_([a, b], [a, b])] += g * np.array([[1, -1], [-1, 1]])
    area = np.repeat(cut.area, abreast)
    C, G_L, V, I = 1e-2 * area, 1e-3 * area, np.full(n, -70.0), np.zeros(n)
    I[population._aside.main[0]] = 100
    for _ in range(steps):
        V = np.linalg.solve(np.diag(C / dt + G_L) + L, C / dt * V + G_L * -70 + I)
    return V


@pytest.mark.parametrize("shape", [SMALL, [SMALL, cells.discretise(cells.rall_tree(2, soma=15 * u.um), 3), SMALL]])
def test_steps_are_those_of_the_dense_matrix(shape):
    net = joined(shape=shape)
    bs.simulate(net, 5 * u.ms, dt=0.1 * u.ms)
    np.testing.assert_allclose(net.cell.V.mantissa, dense_steps(net.cell, 50, 0.1), rtol=1e-9)
    assert np.ptp(net.cell.V.mantissa) > 1


def test_single_precision():
    with jax.enable_x64(False):
        net = joined()
        bs.simulate(net, 5 * u.ms, dt=0.1 * u.ms)
        found = net.cell.V.mantissa
    np.testing.assert_allclose(found, dense_steps(net.cell, 50, 0.1), atol=5e-4)


def test_conductances_are_parameters():
    """A sweep is one run for each value; the derivative is a difference; both of the stiff one too."""
    values = np.array([G, G * [2, 1, 1], G * [1, 0.5, 1]])
    swept = bs.sweep(joined(), {"cell.gap.g": values * u.nS}, 2 * u.ms, dt=0.1 * u.ms, record="cell.V[0]")
    run = bs.function(joined(), 2 * u.ms, dt=0.1 * u.ms)
    V = lambda g: run(run.parameters | {"cell.gap.g": g}, run.state)[0]["cell.V"][0]
    np.testing.assert_allclose([one["cell.V[0]"].mantissa[-1, 0] for one in swept], [V(jnp.asarray(g)) for g in values])
    slopes = jax.grad(V)(jnp.asarray(G))
    for k, h in enumerate(1e-3 * G):
        step = h * np.eye(3)[k]
        np.testing.assert_allclose(slopes[k], (V(G + step) - V(G - step)) / (2 * h), rtol=1e-4, atol=1e-12)


def test_pairs_of_a_rule_count_once_and_follow_the_seed(tmp_path):
    def before_it_joins(seed):
        net, population = bs.Network(seed=seed), cells.MultiCompartment(30, SMALL, **PASSIVE)
        population.add_junctions(gap=cells.Junctions(bs.FixedProbability(0.2), g=bs.Uniform(1 * u.nS, 2 * u.nS)))
        net.cell = population
        return net

    def after(seed):
        net = bs.Network(seed=seed)
        net.cell = cells.MultiCompartment(30, SMALL, **PASSIVE)
        net.cell.add_junctions(gap=cells.Junctions(bs.FixedProbability(0.2), g=bs.Uniform(1 * u.nS, 2 * u.nS)))
        return net

    one, same, other = before_it_joins(3), after(3), after(4)
    np.testing.assert_array_equal(one.cell.gap.ends, same.cell.gap.ends)
    np.testing.assert_array_equal(one.cell.gap.g.mantissa, same.cell.gap.g.mantissa)
    a, b = np.asarray(same.cell.gap.ends).T
    assert (a < b).all() and len(set(zip(a, b))) == len(a) == same.cell.gap.count
    assert abs(len(a) - 0.2 * 435) < 5 * np.sqrt(435 * 0.2 * 0.8)
    assert not np.array_equal(a[:20], other.cell.gap.ends[:20, 0])
    bs.save(one, tmp_path / "net")
    bs.load(same, tmp_path / "net")
    with pytest.raises(ValueError, match="cell.gap"):
        bs.load(other, tmp_path / "net")


def test_what_does_not_fit_is_refused():
    net = joined()
    J = cells.Junctions
    net.one = cells.MultiCompartment(2, SMALL, **PASSIVE)
    net.one.add_receptors(gap=bs.receptors.GapJunction().on(cells.at("soma", 0.5)))
    somata = net.one.at(cells.at("soma", 0.5))
    net.connect(somata, somata, bs.AllToAll(self_connections=False), receptor="gap", signal="V", weight=1 * u.uS)
    add = lambda junctions: net.cell.add_junctions(further=junctions)
    for expected, wrong in [
        (r"cell.further: pair 1 is \[0, 3\], and there are 3 places", lambda: add(J([[0, 1], [0, 3]]))),
        (r"pair 0 is \[1, 1\], which joins cell 1, soma\[0\]\(0.25\) to itself", lambda: add(J([[1, 1]]))),
        (r"of shape \(k, 2\), given int64 of shape \(2,\)", lambda: J([0, 1])),
        (r"FromMatrix comes with weights", lambda: J(bs.FromMatrix(np.ones((2, 2))))),
        (r"cell.further.g: values must not be negative", lambda: add(J([[0, 1]], g=-1 * u.nS))),
        (r"cell.gap.g.*shape", lambda: setattr(net.cell.gap, "g", [1, 2] * u.nS)),
        (r"cell: 'further' must be a junctions, given GapJunction", lambda: add(bs.receptors.GapJunction())),
        (r"'axon': there is no such type", lambda: add(J([[0, 1]]).on("axon"))),
        (r"Electrotonics.of: cell is joined by gap, loop", lambda: cells.Electrotonics.of(net.cell)),
        (r"one.gap: at place 0 junctions conduct 1000 nS.* both would swap.*one.add_junctions",
         lambda: bs.simulate(net, 1 * u.ms, dt=0.1 * u.ms)),
    ]:  # fmt: skip
        with pytest.raises((ValueError, TypeError, AttributeError), match=expected):
            wrong()
    net["one->one"].weight = 0.001 * u.nS
    bs.simulate(net, 0.1 * u.ms, dt=0.1 * u.ms)
    with pytest.raises(ValueError, match="both would swap"):
        bs.sweep(net, {"one->one.weight": [0.001, 1] * u.uS}, 1 * u.ms, dt=0.1 * u.ms)
