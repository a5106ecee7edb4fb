"""Cells of many compartments: against NEURON, against each other, and what is refused.

NEURON's numbers: 9.0.2, hh with ``usetable_hh = 0`` at 6.3 degrees, crossings of 0 mV interpolated between steps.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, channels

SOMA_AND_TWO = [
    cells.Branch(np.array([[0, 0, 0], [20, 0, 0.0]]), np.array([10.0, 10.0]), "soma"),
    cells.Branch(np.array([[20, 0, 0], [420, 0, 0.0]]), np.array([1.0, 1.0]), "dend", 0, name="long"),
    cells.Branch(np.array([[20, 0, 0], [320, 0, 0.0]]), np.array([1.0, 1.0]), "dend", 0, name="short"),
]
CUT = cells.discretise(cells.Morphology(SOMA_AND_TWO), 11)


def hh_cell(count=1, shape=CUT, **values):
    """Hodgkin-Huxley in the soma, passive dendrites."""
    squid = dict(
        na=channels.Na_HH1952().on("soma"),
        k=channels.K_HH1952().on("soma"),
        l=channels.Leak(g_max=0.3 * u.mS / u.cm2, E=-54.3 * u.mV).on("soma"),
        p=channels.Leak(g_max=0.1 * u.mS / u.cm2, E=-65 * u.mV).on("dend"),
    )
    given = dict(R_a=100 * u.ohm * u.cm, g_L=0 * u.mS / u.cm2, V=-65 * u.mV) | values
    return cells.MultiCompartment(count, shape, channels=squid, **given)


def run_clamped(method, dt, duration=30.0, wide=True):
    """V of the soma and of the long dendrite near its end; spikes."""
    with jax.enable_x64(wide):
        net = bs.Network()
        net.cell = hh_cell(2, method=method)
        net.cell.add_stimuli(clamp=bs.stimuli.Constant(0.3 * u.nA, start=1 * u.ms))
        rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["cell.V", "cell.spikes"])
    V = rec["cell.V"].mantissa.reshape(-1, len(CUT), 2)
    np.testing.assert_array_equal(V[..., 0], V[..., 1])
    return V[:, [5, 21], 0], rec["cell.spikes"]


def crossings(V, dt):
    V = np.concatenate([[-65.0], V])
    k = np.flatnonzero((V[1:] > 0) & (V[:-1] <= 0))
    return (k - V[k] / (V[k + 1] - V[k])) * dt


def test_spikes_are_those_of_neuron_by_backward_euler_in_single_precision():
    V, spikes = run_clamped("staggered_backward_euler", 0.025, wide=False)
    np.testing.assert_allclose(crossings(V[:, 0], 0.025), [3.53289032, 19.86634944], atol=2e-4)
    np.testing.assert_allclose(spikes.of(0).to_decimal(u.ms), [3.55, 19.875], rtol=1e-6)
    assert len(spikes.of(1)) == 2


def test_in_double_precision_the_whole_course_is_that_of_neuron():
    V, _ = run_clamped("staggered_crank_nicolson", 0.025)
    np.testing.assert_allclose(crossings(V[:, 0], 0.025), [3.50275865, 19.75330641], rtol=1e-8)
    at_10, at_30 = (-66.60137825388207, -65.78626767210241), (-58.897781215848106, -61.766302003126015)
    np.testing.assert_allclose(V[[399, 1199]], [at_10, at_30], rtol=1e-11)


def test_stimuli_of_places_are_refused_with_what_to_write():
    net = bs.Network()
    net.cell = cells.MultiCompartment(2, cells.ball_and_stick())
    with pytest.raises(ValueError, match=r"cell.add_stimuli\(drive=Constant\(...\).on\('dend'\)\)"):
        net.cell.at("dend").add_stimuli(drive=bs.stimuli.Constant(1 * u.pA))


def test_a_sealed_cable_has_the_potential_of_cable_theory():
    """Clamped at one end, V falls off as cosh((L - x)/lambda); 401 compartments of 2.5 um, lambda = 707 um."""
    net = bs.Network()
    cut = cells.discretise(
        cells.Morphology([cells.Branch(np.array([[0, 0, 0], [1002.5, 0, 0.0]]), np.ones(2), "dend")]), 401
    )
    leak = dict(g_L=0.1 * u.mS / u.cm2, E_L=-70 * u.mV, R_a=100 * u.ohm * u.cm)
    net.cell = cells.MultiCompartment(1, cut, C=0.01 * u.uF / u.cm2, **leak)
    net.cell.add_stimuli(clamp=bs.stimuli.VoltageClamp(-50 * u.mV, R_s=1e-6 * u.Mohm).on(cells.at("dend", 0.0)))
    bs.simulate(net, 5 * u.ms, dt=0.025 * u.ms)
    lam = np.sqrt(1e-4 / (2 * 100 * 1e-4)) * 1e4  # cm to um: sqrt(r / (2 R_a g_L))
    x, L = cut.distance - cut.distance[0], 1002.5 - 1.25
    expected = -70 + 20 * np.cosh((L - x) / lam) / np.cosh(L / lam)
    np.testing.assert_allclose(net.cell.V.mantissa, expected, atol=1e-4)


def test_cells_of_several_shapes_are_what_each_is_alone():
    other = cells.rall_tree(2, soma=20 * u.um)
    shapes = [CUT, cells.discretise(other, 3), CUT]
    net = bs.Network()
    net.all = hh_cell(3, shapes)
    net.one, net.other = hh_cell(1), hh_cell(1, shapes[1])
    for population, current in ((net.all, [600, 500, 0] * u.pA), (net.one, 600 * u.pA), (net.other, 500 * u.pA)):
        population.add_stimuli(clamp=bs.stimuli.Constant(current, start=1 * u.ms))
    bs.simulate(net, 8 * u.ms, dt=0.025 * u.ms)
    n = len(CUT)
    np.testing.assert_allclose(net.all.V.mantissa[:n], net.one.V.mantissa, rtol=1e-12)
    np.testing.assert_allclose(net.all.V.mantissa[n:-n], net.other.V.mantissa, rtol=1e-12)
    assert np.abs(net.all.V.mantissa[:n] - net.all.V.mantissa[-n:]).max() > 1  # the third is not stimulated


def test_synapses_reach_the_places_that_they_are_connected_to():
    """Spikes onto the long dendrite move it more than the short one; in the second cell the other way round."""
    net = bs.Network()
    net.E = bs.sources.SpikeTimes(2, times=[1, 2, 1, 2] * u.ms, indices=[0, 0, 1, 1])
    net.cell = hh_cell(2)
    net.cell.add_receptors(syn=bs.receptors.Alpha(tau=1 * u.ms, reversal=0 * u.mV).on("dend"))
    for k, branch in enumerate(("long", "short")):
        place = net.cell[k].at(cells.at(branch, 0.99))
        net.connect(net.E[k], place, bs.AllToAll(), receptor="syn", weight=2 * u.nS, delay=0.5 * u.ms)
    bs.simulate(net, 4 * u.ms, dt=0.025 * u.ms)
    long, short = (net.cell.at(cells.at(branch, 0.99)).V.to_decimal(u.mV) for branch in ("long", "short"))
    assert long[0] > short[0] + 5
    assert short[1] > long[1] + 5
    assert net.cell.syn.count == 2 * 22


def test_a_synapse_at_a_site_is_that_of_a_point_neuron_where_there_is_one_compartment():
    """One compartment is a ConductanceBased neuron of its area, gate for gate."""
    ball = cells.discretise(cells.Morphology(SOMA_AND_TWO[:1]), 1)
    net = bs.Network()
    make = lambda: dict(na=channels.Na_HH1952(), k=channels.K_HH1952(), t=channels.CaT_HM1992(E=None))
    same = dict(g_L=0.3 * u.mS / u.cm2, E_L=-54.3 * u.mV, V=-65 * u.mV, method="staggered_backward_euler")
    net.cell = cells.MultiCompartment(1, ball, channels=make(), pools=dict(Ca=channels.Calcium()), **same)
    area = ball.area[0] * u.um2
    net.point = bs.neurons.ConductanceBased(1, area=area, channels=make(), pools=dict(Ca=channels.Calcium()), **same)
    for population in (net.cell, net.point):
        population.add_stimuli(clamp=bs.stimuli.Constant(150 * u.pA))
    bs.simulate(net, 20 * u.ms, dt=0.025 * u.ms)
    for value in (
        lambda cell: cell.V,
        lambda cell: cell.na.m,
        lambda cell: cell.t.h,
        lambda cell: cell.Ca.concentration,
    ):
        np.testing.assert_allclose(*(u.get_mantissa(value(cell)) for cell in (net.cell, net.point)), rtol=1e-11)


def test_a_gap_junction_joins_places_of_two_cells():
    """At rest, what flows through it is what leaks: against a dense solve of the 66 equations."""
    net = bs.Network()
    net.cell = cells.MultiCompartment(2, CUT, R_a=100 * u.ohm * u.cm, g_L=0.1 * u.mS / u.cm2, E_L=-70 * u.mV)
    tip = cells.at("long", 1.0)
    net.cell.add_receptors(gap=bs.receptors.GapJunction().on(tip))
    for k in range(2):
        ends = net.cell[k].at(tip), net.cell[1 - k].at(tip)
        net.connect(*ends, bs.OneToOne(), receptor="gap", signal="V", weight=1 * u.nS)
    net.cell[0].add_stimuli(step=bs.stimuli.Constant(100 * u.pA))
    bs.simulate(net, 300 * u.ms, dt=0.1 * u.ms)
    n, s, p = len(CUT), np.asarray(net.cell.between_sites.coupling), CUT.parent
    L = np.zeros((2 * (n + 1), 2 * (n + 1)))  # nS; one branch point in each
    for first in (0, n + 1):
        for i in np.flatnonzero(p >= 0):
            L[np.ix_([first + i, first + p[i]], [first + i, first + p[i]])] += s[i] * np.array([[1, -1], [-1, 1]])
        L[np.arange(n) + first, np.arange(n) + first] += 0.1 * CUT.area * 1e-2
    a, b = 21, 21 + n + 1
    L[np.ix_([a, b], [a, b])] += np.array([[1, -1], [-1, 1]])
    I = np.zeros(len(L))
    I[5] = 100
    expected = -70 + np.linalg.solve(L, I)
    found = net.cell.V.mantissa.reshape(n, 2)
    np.testing.assert_allclose(found[:, 0], expected[:n], atol=1e-6)
    np.testing.assert_allclose(found[:, 1], expected[n + 1 : 2 * n + 1], atol=1e-6)
    assert found[5, 1] > -70 + 0.05


def test_no_place_and_no_cell_connects_to_itself():
    """Places are told by their site, wherever the receptor stands; units by their cell, if each has one place."""
    net = bs.Network()
    net.cell = hh_cell(3)
    tip, none_to_itself = cells.at("long", 1.0), bs.AllToAll(self_connections=False)
    net.cell.add_receptors(gap=bs.receptors.GapJunction().on(tip), syn=bs.receptors.Exponential().on("dend"))
    places = net.cell.at(tip)
    for made in (
        net.connect(places, places, none_to_itself, receptor="gap", signal="V", weight=0.001 * u.nS),
        net.connect(net.cell, places, none_to_itself, receptor="syn", weight=1 * u.pA),
    ):
        pre, post = made.indices_of_synapses()
        assert sorted(zip(pre % 3, post % 3)) == [(a, b) for a in range(3) for b in range(3) if a != b]
    with pytest.raises(ValueError, match="post lists a neuron more than once; to exclude self connections"):
        net.connect(net.cell, net.cell.at("dend"), none_to_itself, receptor="syn", weight=1 * u.pA)


def test_values_follow_the_place():
    falling = cells.of_distance(lambda d: 100 * u.mS / u.cm2 * u.math.exp(-d / (100 * u.um)))
    shape = cells.discretise(cells.Morphology(SOMA_AND_TWO), 3)
    cell = cells.MultiCompartment(
        2,
        shape,
        R_a=cells.by_region({"soma": 80 * u.ohm * u.cm}, default=150 * u.ohm * u.cm),
        C=cells.by_region({"soma": 1 * u.uF / u.cm2, "dend": 2 * u.uF / u.cm2}),
        channels=dict(na=channels.Na_HH1952(g_max=falling).on("dend")),
    )
    np.testing.assert_allclose(cell.R_a.mantissa, [80] * 3 + [150] * 6)
    np.testing.assert_allclose(cell.C.mantissa, np.repeat([1] * 3 + [2] * 6, 2))
    d = shape.distance[3:]
    np.testing.assert_allclose(cell.na.g_max.mantissa, np.repeat(100 * np.exp(-d / 100), 2))
    with pytest.raises(ValueError, match=r"na.g_max.*depends on the place"):
        bs.neurons.ConductanceBased(1, channels=dict(na=channels.Na_HH1952(g_max=falling)))


def test_values_by_place_are_taken_by_every_door():
    """By assignment to the cell, to its parts, to an element and to a view, before and after it stands in a network."""
    fields = lambda slope: cells.of_distance(lambda d: (slope * d / u.um) * u.mV)
    shape = cells.discretise(cells.Morphology(SOMA_AND_TWO), 3)
    cell = cells.MultiCompartment(2, shape, channels=dict(na=channels.Na_HH1952().on("dend")))
    cell.E_L = fields(1.0)
    np.testing.assert_allclose(cell.E_L.mantissa, np.repeat(shape.distance, 2))
    net = bs.Network()
    net.cell = cell
    net.cell.R_a = cells.of_distance(lambda d: d / u.um * u.ohm * u.cm + 50 * u.ohm * u.cm)
    np.testing.assert_allclose(net.cell.R_a.mantissa, shape.distance + 50)
    net.cell.na.E = fields(2.0)
    np.testing.assert_allclose(net.cell.na.E.mantissa, np.repeat(2 * shape.distance[3:], 2))
    net.cell.V[2:4] = fields(3.0)
    np.testing.assert_allclose(net.cell.V.mantissa[:6], [-70, -70, *[3 * shape.distance[1]] * 2, -70, -70])
    net.cell.at("dend").V = fields(4.0)
    np.testing.assert_allclose(net.cell.V.mantissa[6:], np.repeat(4 * shape.distance[3:], 2))
    with pytest.raises(bs.UnknownNameError, match=r"'dendd'.*'dend'"):
        net.cell.g_L = cells.by_region({"dendd": 1 * u.mS / u.cm2})
    net.point = bs.neurons.LIF(2)
    with pytest.raises(ValueError, match=r"point.E_L: of_distance.*the units here are points"):
        net.point.E_L = fields(1.0)
    with pytest.raises(bs.UnitError, match=r"cell.g_L.*given what is no number \(\[of_distance"):
        bs.sweep(net, {"cell.g_L": [fields(1.0)]}, 1 * u.ms, record="cell.spikes")


def test_its_geometry_is_that_of_its_morphology():
    net = bs.Network()
    net.cell = cells.MultiCompartment(1, cells.ball_and_stick())
    with pytest.raises(AttributeError, match=r"cell.area follows from the morphology"):
        net.cell.area = 100 * u.um2
    with pytest.raises(AttributeError, match=r"cell.area follows from the morphology"):
        net.cell.at("soma").area = 100 * u.um2


def test_a_cell_is_cut_by_its_own_length_constant():
    shape = cells.cable(1000 * u.um, 2 * u.um)
    cut = lambda **values: len(cells.MultiCompartment(1, shape, **values).compartments)
    of = lambda R_a: len(cells.discretise(shape, cells.DLambda(R_a=R_a * u.ohm * u.cm)))
    assert cut() == cut(R_a=cells.of_distance(lambda d: (100 + 0 * d / u.um) * u.ohm * u.cm)) == of(100) > of(35.4)
    assert cut(R_a=300 * u.ohm * u.cm) == of(300) > of(100)


def test_gradients_are_differences():
    """d V(soma)/d g_max, R_a and C after 5 ms with a spike on the way, in double precision."""
    net = bs.Network()
    net.cell = hh_cell()
    net.cell.add_stimuli(clamp=bs.stimuli.Constant(1 * u.nA))
    run = bs.function(net, 2.5 * u.ms, dt=0.025 * u.ms)
    parameters, state = run.parameters, run.state

    def V(changes):
        return run(parameters | changes, state)[0]["cell.V"][5]

    given = {name: jnp.asarray(parameters[name]) for name in ("cell.na.g_max", "cell.R_a", "cell.C")}
    slopes = jax.grad(V)(given)
    for name, value in given.items():
        h = 1e-5 * value
        difference = (V(given | {name: value + h}) - V(given | {name: value - h})) / (2 * h)
        np.testing.assert_allclose(slopes[name], difference, rtol=1e-5, err_msg=name)


def test_a_sweep_is_one_run_for_each_value():
    def net_of(R_a=100.0):
        net = bs.Network()
        net.cell = hh_cell(2, R_a=R_a * u.ohm * u.cm)
        net.cell.add_stimuli(clamp=bs.stimuli.Constant(300 * u.pA))
        return net

    swept = bs.sweep(net_of(), {"cell.R_a": [50, 200] * u.ohm * u.cm}, 3 * u.ms, dt=0.025 * u.ms, record="cell.V")
    for k, R_a in enumerate((50.0, 200.0)):
        alone = bs.simulate(net_of(R_a), 3 * u.ms, dt=0.025 * u.ms, record="cell.V")["cell.V"]
        np.testing.assert_allclose(swept[k]["cell.V"].mantissa, alone.mantissa, rtol=1e-10)


def test_a_clamp_injects_what_that_of_neuron_does():
    """NEURON 9.0.2: an SEClamp of 5 Mohm in the middle of the dendrite, celsius 16.3; v of the soma (mV) and i (nA)."""
    expected = {
        200: (-64.97975798030522, -0.00010301884774435165),
        201: (-64.95640041377173, 4.485213405328682),
        240: (5.454159792644292, 0.3842725317472947),
        400: (-49.59268878808024, 0.41708144316742163),
        800: (-71.26608510513819, -0.053125569477776934),
    }
    S, shape = u.mS / u.cm2, cells.Builder()
    soma = shape.add(20 * u.um, 20 * u.um, type="soma")
    shape.add(300 * u.um, 1 * u.um, type="dend", parent=soma, at=1.0)
    net = bs.Network()
    net.cell = cells.MultiCompartment(
        1, shape.build(), compartments=cells.PerBranch({"soma": 1, "dend": 11}), R_a=100 * u.ohm * u.cm, celsius=16.3,
        g_L=cells.by_region({"soma": 0.3 * S, "dend": 0.1 * S}), V=-65 * u.mV,
        E_L=cells.by_region({"soma": -54.3 * u.mV, "dend": -65 * u.mV}),
        channels=dict(na=channels.Na_HH1952().on("soma"), k=channels.K_HH1952().on("soma")),
    )  # fmt: skip
    command = bs.stimuli.Step([-65, 20, -80] * u.mV, times=[0, 5, 15] * u.ms)
    net.cell.add_stimuli(clamp=bs.stimuli.VoltageClamp(command, R_s=5 * u.Mohm).on("dend[0](0.5)"))
    rec = bs.simulate(net, 20 * u.ms, dt=0.025 * u.ms, record=["cell.V@soma", "cell.clamp.current_injected"])
    found = [rec[path].mantissa[[k - 1 for k in expected], 0] for path in rec]
    np.testing.assert_allclose(found, np.array(list(expected.values())).T * [[1], [1000]], rtol=1e-9)


def test_parts_have_views_of_places_and_of_cells():
    S = u.mS / u.cm2
    net = bs.Network()
    net.cell = hh_cell(2)
    net.cell.add_receptors(syn=bs.receptors.Exponential(tau=1 * u.ms).on("dend"))
    there, na = net.cell.na._aside.sites, net.cell.na
    net.cell.at("soma").na.g_max = 50 * S
    net.cell[1].na.g_max[:2] = 7 * S
    expected = np.full(len(there), 120.0)
    expected[np.isin(there, net.cell.sites_of("soma"))] = 50
    expected[np.flatnonzero(there % 2 == 1)[:2]] = 7
    np.testing.assert_array_equal(na.g_max.mantissa, expected)
    np.testing.assert_array_equal(
        net.cell.at("soma").na.g_max.mantissa, expected[np.isin(there, net.cell.sites_of("soma"))]
    )
    with pytest.raises(ValueError, match="cell.syn does not stand at cell 0, branch 0, soma"):
        net.cell.at("soma").syn.tau = 2 * u.ms
    with pytest.raises(bs.UnitError, match="cell.na.g_max"):
        net.cell.at("soma").na.g_max = 3 * u.nS
    with pytest.raises(bs.UnknownNameError, match="a view of cell.na: there is no 'gmax'. Did you mean 'g_max'"):
        net.cell.at("soma").na.gmax = 3 * S
    with pytest.raises(bs.UnknownNameError, match="a view of cell: there is no 'nb'.*na"):
        _ = net.cell.at("soma").nb
    with pytest.raises(TypeError, match="expected a population or a view of one"):
        net.connect(net.cell.at("soma").na, net.cell, bs.AllToAll(), receptor="syn", weight=1 * u.pA)


def test_a_function_takes_values_by_place():
    S = u.mS / u.cm2
    net = bs.Network()
    net.cell = cells.MultiCompartment(1, CUT, g_L=0.1 * S)
    run = bs.function(net, 1 * u.ms, dt=0.1 * u.ms)
    values = cells.by_region({"soma": 0.3 * S, "dend": 0.2 * S})
    wanted = run({"cell.g_L": values.on(CUT)}, run.state)[0]["cell.V"]
    np.testing.assert_array_equal(run({"cell.g_L": values}, run.state)[0]["cell.V"], wanted)
    by_soma = lambda g: run({"cell.g_L": cells.by_region({"soma": g * S}, default=0.2 * S)}, run.state)[0]["cell.V"][0]
    np.testing.assert_array_equal(jax.jit(by_soma)(0.3), wanted[0])
    with pytest.raises(bs.UnitError, match=r"parameters\['cell.g_L'\]: expected mS / cm\^2"):
        run({"cell.g_L": cells.by_region({"soma": 1 * u.nS}, default=1 * u.nS)}, run.state)
    with pytest.raises(TypeError, match="steps.*expected numbers|expected numbers|given what is no number"):
        run({}, {"steps": values})


def test_what_does_not_fit_is_refused():
    ghost = dict(t=channels.CaT_HM1992(E=None).on("soma"))
    pool = lambda: dict(Ca=channels.Calcium().on("dend"))
    net = bs.Network()
    net.E = bs.sources.PoissonGroup(2, rate=1 * u.Hz)
    net.cell = hh_cell(2)
    net.cell.add_receptors(
        syn=bs.receptors.Exponential(tau=1 * u.ms).on("dend"), gap=bs.receptors.GapJunction().on("dend")
    )
    dend = net.cell.at("dend")

    def connect(post, pre=net.E, receptor="syn", signal=None):
        weight = 1 * net.cell.receptors[receptor].weight_unit(u.mV if signal else u.UNITLESS)
        net.connect(pre, post, bs.AllToAll(), receptor=receptor, signal=signal, weight=weight)

    for expected, wrong in [
        (r"together, by 'staggered_backward_euler'.*'rk4'", lambda: hh_cell(method="rk4")),
        (r"spike_times='exact'", lambda: hh_cell(spike_times="exact", refractory=2 * u.ms)),
        (r"one morphology for all cells, or 3, given 2", lambda: hh_cell(3, [CUT, CUT])),
        (r"must be a Morphology or Compartments, given 'cell.swc'", lambda: cells.MultiCompartment(1, ["cell.swc"])),
        (r"given 'cell.swc'; bs.cells.read_swc\('cell.swc'\) reads one", lambda: cells.MultiCompartment(1, "cell.swc")),
        (r"compartments are a rule .*given 2.5", lambda: cells.MultiCompartment(1, cells.ball_and_stick(), compartments=2.5)),
        (r"compartments are a rule .*given 'd_lambda'",
         lambda: cells.MultiCompartment(1, cells.ball_and_stick(), compartments="d_lambda")),
        (r"size must be a positive integer.*given -1", lambda: cells.MultiCompartment(-1, CUT)),
        (r"'na' must be a mechanism, given the class Na_HH1952",
         lambda: cells.MultiCompartment(1, CUT, channels=dict(na=channels.Na_HH1952))),
        (r"channels are given by name, channels=dict.*given list",
         lambda: cells.MultiCompartment(1, CUT, channels=[channels.Na_HH1952()])),
        (r"above -273.15 °C, given -300", lambda: cells.MultiCompartment(1, CUT, celsius=-300.0)),
        (r"are cut already", lambda: hh_cell(compartments=3)),
        (r"spikes_at must be a place of each cell, .*of which cell 1 has none", lambda: hh_cell(2, [CUT, CUT], spikes_at=cells.cells(0))),
        (r"'axon': there is no such type.*soma, dend", lambda: hh_cell(spikes_at="axon")),
        (r"t depends on 'Ca', of which there is no pool on soma", lambda: cells.MultiCompartment(1, CUT, channels=ghost, pools=pool())),
        (r"cell.syn stands at 44 places of 2 cells.*cell.at\('dend'\)", lambda: connect(net.cell)),
        (r"cell.syn does not stand at all.*soma", lambda: connect(net.cell.at("soma"))),
        (r"not one 'V' for each of the 2 units of cell; connect from cell.at", lambda: connect(dend, net.cell, "gap", "V")),
        (r"not one 'spikes' for each of the 66 sites", lambda: connect(dend, dend)),
        (r"E: a PoissonGroup has no places", lambda: net.E.at("soma")),
        (r"a view of cell: there is no 'W'", lambda: net.cell.at("soma").W),
    ]:  # fmt: skip
        with pytest.raises((ValueError, TypeError, AttributeError), match=expected):
            wrong()


def test_what_flows_along_cells_has_one_derivative_forwards_and_backwards():
    branches = [cells.Branch(np.array([[0, 0, 0], [20, 0, 0.0]]), np.array([10.0, 10]), "soma")]
    ends = ([220, 0, 0.0], [20, 220, 0.0])
    branches += [cells.Branch(np.array([[20, 0, 0], end]), np.array([1.0, 1]), "dend", 0) for end in ends]
    cell = cells.MultiCompartment(1, cells.discretise(cells.Morphology(branches), [1, 3, 4]))
    rng = np.random.default_rng(0)
    x, w = jnp.asarray(rng.normal(size=(2, cell.sites)))
    flows, V = cell.between_sites.rate, jnp.linspace(-70.0, -60.0, cell.sites)
    expected = w @ (cell.between_sites.matrix() @ np.asarray(x))
    np.testing.assert_allclose(w @ jax.jvp(flows, (V,), (x,))[1], expected, rtol=1e-12)
    np.testing.assert_allclose(x @ jax.vjp(flows, V)[1](w)[0], expected, rtol=1e-12)
