"""Potentials outside of cells and what they do to them: against NEURON and LFPy, and against analysis.

NEURON's numbers: 9.0.2 with ``usetable_hh = 0``, dt = 0.025 ms, ``CVode.use_fast_imem`` for the currents, and
``extracellular`` with ``xraxial = xg = 1e9``, ``xc = 0`` for fields. LFPy's: lfpykit of LFPy 2.3.7 on the same segments.
"""

import json

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import brainsim as bs
from brainsim import cells, channels

SHAPE = [  # from, to, radii, parent, where on it, compartments
    ((0, 0, 0), (20, 0, 0), (10, 10), -1, 0, 3),
    ((20, 0, 0), (120, 30, 10), (1.5, 1), 0, 1, 7),
    ((120, 30, 10), (200, 130, -40), (0.75, 0.5), 1, 1, 9),
    ((120, 30, 10), (150, -90, 20), (1, 0.5), 1, 1, 7),
    ((10, 10, 0), (10, 90, 60), (0.5, 0.5), 0, 0.5, 5),
]
BRANCHES = [
    cells.Branch(np.array([a, b], float), np.array(r, float), "dend" if k else "soma", p, float(at))
    for k, (a, b, r, p, at, _) in enumerate(SHAPE)
]
COUNTS = np.array([n for *_, n in SHAPE])
CUT = cells.discretise(cells.Morphology(BRANCHES), COUNTS)
ROWS = [0, 1, 9, 18, 25, 30]
AT = np.array([[10, 15, 0], [10, 0, 0], [50, 9.5, 3.3], [-3000, 2000, 1000]])
S_M, V_M = u.siemens / u.meter, u.mV / u.mm
DIPOLE = np.zeros(len(CUT))
DIPOLE[[1, 14]] = -1, 1


def hh_cell(count=1, **values):
    """Hodgkin-Huxley in the soma, passive dendrites."""
    squid = dict(
        na=channels.Na_HH1952().on("soma"),
        k=channels.K_HH1952().on("soma"),
        l=channels.Leak(g_max=0.3 * u.mS / u.cm2, E=-54.3 * u.mV).on("soma"),
        p=channels.Leak(g_max=0.1 * u.mS / u.cm2, E=-65 * u.mV).on("dend"),
    )
    given = dict(R_a=100 * u.ohm * u.cm, g_L=0 * u.mS / u.cm2, V=-65 * u.mV) | values
    return cells.MultiCompartment(count, CUT, channels=squid, **given)


@pytest.fixture(scope="module")
def runs():
    """A cell that is driven, two in a field, and one of two near an electrode, in one run."""
    net = bs.Network()
    net.driven = hh_cell()
    net.driven.add_stimuli(step=bs.stimuli.Constant(0.5 * u.nA, start=1 * u.ms))
    net.field = hh_cell(2)
    wave = bs.stimuli.Sine(100 * V_M, 100 * u.Hz, start=1 * u.ms)
    net.field.add_stimuli(e=cells.ExtracellularField(wave, direction=[1, 2, -1]))
    net.near = hh_cell(2, positions=np.array([[500, 0, 0], [0, 0, 0.0]]) * u.um)
    pulse = bs.stimuli.Constant(-10 * u.uA, start=1 * u.ms, stop=1.2 * u.ms)
    net.near[1:].add_stimuli(e=cells.PointElectrode(pulse, [60, 60, 0] * u.um))
    record = ["driven.V", "field.V", "near.V", "field.e.current"]
    return net, bs.simulate(net, 8 * u.ms, dt=0.025 * u.ms, record=record)


def test_currents_through_the_membrane_are_those_of_neuron(runs):
    net, rec = runs
    injected = np.zeros((320, len(CUT)))
    injected[40:, 1] = 0.5
    I = cells.transmembrane_currents(net.driven, rec["driven.V"], injected=injected * u.nA).mantissa
    expected = [
        [0.0672095066177491, 0.067200035432137, 0.01280966468798676, 0.00491555890933101, 0.0068732083353567, 0.0095363650652323],
        [-0.3945046767184108, -0.39561515622679627, 0.0755294783473027, 0.048549339227615, 0.06298426969701988, 0.06405792360618012],
    ]  # fmt: skip
    np.testing.assert_allclose(I[[60, 113]][:, ROWS], expected, rtol=1e-9)
    np.testing.assert_allclose(I.sum(1), injected.sum(1), atol=1e-12)


def test_fields_move_the_potential_as_in_neuron(runs):
    _, rec = runs
    V = rec["field.V"].mantissa.reshape(320, len(CUT), 2)
    expected = [
        [-67.25601491409913, -67.03334904337882, -61.98889211354822, -50.747030403306766, -68.63348830198522, -63.37904470269934],
        [-60.389623366616, -60.649791137190675, -66.4865344612706, -79.07780940436521, -58.906413889550436, -65.00602500349211],
    ]  # fmt: skip
    for cell in range(2):
        np.testing.assert_allclose(V[[139, 319]][:, ROWS, cell], expected, atol=1e-8)
    current = rec["field.e.current"].mantissa.reshape(320, len(CUT), 2)
    assert np.abs(current).max() > 0.1
    np.testing.assert_allclose(current.sum(1), 0, atol=1e-11)


def test_a_point_electrode_does_as_in_neuron_to_the_cells_that_it_is_given_to(runs):
    _, rec = runs
    V = rec["near.V"].mantissa.reshape(320, len(CUT), 2)
    expected = [
        [-70.26286112468428, -68.44064700058853, -57.365986698569884, -77.12162401428985, -80.17439366569538, -69.21631792426214],
        [-64.91338574455926, -64.91339711609969, -64.94316463668035, -64.99517881108646, -64.96265520721303, -64.89019400946306],
    ]  # fmt: skip
    np.testing.assert_allclose(V[[47, 99]][:, ROWS, 1], expected, atol=1e-8)
    assert np.abs(V[..., 0] + 65).max() < 0.1  # no field there: only what rest is not quite at -65 mV


def test_resistances_are_those_of_lfpy():
    columns = [0, 9, 25]  # one of the soma, which LFPy's root_as_point takes as a point too
    point = [
        [1.6159736113041532e-02, 2.5487788133673572e-03, 1.5664522756281588e-03],
        [2.6525823848649224e-02, 2.479824851901416e-03, 1.6448358369407167e-03],
        [5.5565413821809751e-03, 4.0339859501877422e-03, 1.9716724574758652e-03],
        [7.0842634330848248e-05, 6.9514776427563382e-05, 6.8030253777540280e-05],
    ]
    line = [
        [1.6102994599258579e-02, 2.5530115700674212e-03, 1.5669647378271847e-03],
        [2.2039913264587905e-02, 2.4838864774553329e-03, 1.6452397529921133e-03],
        [5.5649915550709831e-03, 4.0512097513024084e-03, 1.9732575303728658e-03],
        [7.0842643034113679e-05, 6.9514780842413635e-05, 6.8030279141239689e-05],
    ]
    both = [[p[0], *l[1:]] for p, l in zip(point, line)]
    for source, expected in {"point": point, "line": line, "soma_as_point": both}.items():
        found = cells.Electrodes(AT * u.um, source=source).matrix(CUT).to_decimal(u.Mohm)
        np.testing.assert_allclose(found[:, columns], expected, rtol=1e-10, err_msg=source)
    above = cells.discretise(cells.Morphology(BRANCHES).translate([0, 0, 150] * u.um), COUNTS)
    glass = cells.Electrodes([[10, 15, 0], [300, 20, 0]] * u.um, source="line", plane=0 * u.um)
    expected = [  # of RecMEAElectrode with sigma_G = 0
        [0.00351550363529601, 0.00279163870360157, 0.00222287292426759],
        [0.00159302048279338, 0.00215773414738668, 0.00212868461453362],
    ]
    np.testing.assert_allclose(glass.matrix(above).to_decimal(u.Mohm)[:, columns], expected, rtol=1e-10)


def test_lines_are_integrals_and_discs_means():
    from brainsim.cells.fields.line_sources import of_lines

    rng = np.random.default_rng(0)
    for size in (1.0, 10.0, 1e4):
        start, end, at = rng.normal(size=3), rng.normal(size=3), size * rng.normal(size=3)
        inverse = lambda x, a=start, b=end, at=at: 1 / np.linalg.norm(a + x * (b - a) - at)
        expected = quad(inverse, 0, 1, epsabs=0, epsrel=1e-12)[0]
        found = of_lines(at, np.array([[start, end]]), np.array([1e-9]))[0]
        np.testing.assert_allclose(found, expected, rtol=1e-11)
    np.testing.assert_allclose(of_lines(np.ones(3), np.zeros((1, 2, 3)), np.ones(1)), 1 / np.sqrt(3))

    ball = cells.discretise(cells.cylinder(2 * u.um, 2 * u.um, type="soma"), 1)
    above = ball.xyz + [[0, 30, 0]]
    disc = (
        cells.Electrodes(above * u.um, radius=20 * u.um, normal=[0, 1, 0], points=2000).matrix(ball).to_decimal(u.Mohm)
    )
    expected = 2 * (np.hypot(30, 20) - 30) / 20**2 / (4 * np.pi * 0.3)  # of 1 / r over a disc, on its axis
    np.testing.assert_allclose(disc, expected, rtol=1e-5)


def test_far_away_a_cell_is_a_dipole():
    far = np.array([[3e4, -2e4, 5e4], [-1e4, 6e4, 2e4]])
    phi = cells.Electrodes(far * u.um, sigma=0.2 * S_M).potentials(CUT, DIPOLE * u.nA).to_decimal(u.mV)
    p, r = DIPOLE @ CUT.xyz, far - CUT.xyz[[1, 14]].mean(0)
    np.testing.assert_allclose(phi, r @ p / (4 * np.pi * 0.2 * np.linalg.norm(r, axis=1) ** 3), rtol=1e-5)


def test_cells_stand_where_they_are_and_as_they_are_turned():
    a = 0.7
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    places = np.array([[100, 0, 0], [0, -50, 20.0]])
    own = np.stack([np.eye(3), turn])
    at = AT + 1.0
    for shapes in (CUT, [CUT, CUT]):
        both = cells.MultiCompartment(2, shapes, positions=places * u.um)
        found = cells.Electrodes(at * u.um).matrix(both, rotation=own).mantissa
        found = found.reshape(len(at), -1, 2) if shapes is CUT else found.reshape(len(at), 2, -1).swapaxes(1, 2)
        for k in range(2):
            seen = (at - places[k]) @ own[k]  # from the cell
            np.testing.assert_allclose(found[..., k], cells.Electrodes(seen * u.um).matrix(CUT).mantissa, rtol=1e-9)
    net = bs.Network()
    net.cell = cells.MultiCompartment(1, CUT)
    # A field along z turned by minus the rotation
    tilt = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])
    net.cell.add_stimuli(
        one=cells.ExtracellularField(1 * V_M, [0, 0, 1], rotation=tilt),
        other=cells.ExtracellularField(1 * V_M, [0, 1, 0]),
    )
    np.testing.assert_allclose(net.cell.one.plain("phi"), net.cell.other.plain("phi"), atol=1e-15)


def test_currents_and_potentials_have_derivatives():
    electrodes, rng = cells.Electrodes(AT * u.um), np.random.default_rng(1)
    V = rng.normal(-60, 5, (4, len(CUT)))

    def total(V, R_a):
        I = cells.transmembrane_currents(CUT, V * u.mV, R_a=R_a * u.ohm * u.cm)
        return (electrodes.potentials(CUT, I).to_decimal(u.uvolt) ** 2).sum()

    value, slope = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(jnp.asarray(V), 100.0)
    np.testing.assert_allclose(value, total(V, 100.0), rtol=1e-12)
    step = rng.normal(size=V.shape)
    difference = (total(V + 1e-4 * step, 100.0) - total(V - 1e-4 * step, 100.0)) / 2e-4
    np.testing.assert_allclose((slope[0] * step).sum(), difference, rtol=1e-7)
    np.testing.assert_allclose(slope[1], -2 * total(V, 100.0) / 100, rtol=1e-10)  # currents go as 1 / R_a


def test_a_field_follows_the_axial_resistivity_where_it_is_swept_or_trained():
    net = bs.Network()
    net.cell = cells.MultiCompartment(1, CUT)
    net.cell.add_stimuli(e=cells.ExtracellularField(1 * V_M, [1, 0, 0]))
    swept = bs.sweep(
        net, {"cell.R_a": [50, 200] * u.ohm * u.cm}, 1 * u.ms, dt=0.1 * u.ms, record=["cell.V", "cell.e.current"]
    )
    at_50, at_200 = (swept[k]["cell.e.current"].mantissa[0] for k in range(2))
    np.testing.assert_allclose(at_50, 4 * at_200, rtol=1e-10)
    run = bs.function(net, 1 * u.ms, dt=0.1 * u.ms)
    V = lambda R_a: run(run.parameters | {"cell.R_a": R_a}, run.state)[0]["cell.V"][18]
    np.testing.assert_allclose(V(jnp.asarray(50.0)), swept[0]["cell.V"].mantissa[-1, 18], rtol=1e-10)
    difference = (V(jnp.asarray(100.01)) - V(jnp.asarray(99.99))) / 0.02
    np.testing.assert_allclose(jax.grad(V)(jnp.asarray(100.0)), difference, rtol=1e-5)


def test_what_is_measured_on_the_way_is_what_the_recorded_potentials_make():
    net = bs.Network(seed=3)
    net.cell = cells.MultiCompartment(2, CUT, positions=bs.connectivity.UniformBox([100, 100, 100] * u.um))
    net.other = cells.MultiCompartment(1, [CUT])
    net.cell.add_stimuli(step=bs.stimuli.Constant(1 * u.nA))
    net.other.add_stimuli(e=cells.ExtracellularField(1000 * V_M, [1, 0, 0]))
    probe = cells.Electrodes(AT * u.um)
    net.lfp = bs.ElectrodeRecording(probe, net.cell, net.other)
    net.slow = bs.ElectrodeRecording(probe, net.cell, every=0.5 * u.ms)
    built = bs.Network.from_description(json.loads(json.dumps(net.describe())))
    for k in range(2):
        np.testing.assert_array_equal(built.lfp.plain(f"matrix{k}"), net.lfp.plain(f"matrix{k}"))
    record = ["cell.V", "other.V", "other.e.current", "lfp.potential", "slow.potential"]
    swept = bs.sweep(net, {"cell.R_a": [50, 200] * u.ohm * u.cm}, 1 * u.ms, dt=0.1 * u.ms, record=record)
    for k, R_a in enumerate((50, 200)):
        rec = swept[k]
        own = cells.transmembrane_currents(net.cell, rec["cell.V"], R_a=R_a * u.ohm * u.cm)
        first = probe.potentials(net.cell, own).to_decimal(u.uvolt)
        other = cells.transmembrane_currents(net.other, rec["other.V"], injected=rec["other.e.current"])
        second = probe.potentials(net.other, other).to_decimal(u.uvolt)
        assert min(np.abs(first).max(), np.abs(second).max()) > 1
        np.testing.assert_allclose(rec["lfp.potential"].to_decimal(u.uvolt), first + second, rtol=1e-8, atol=1e-9)
        slow = rec["slow.potential"].to_decimal(u.uvolt)
        np.testing.assert_allclose(
            slow[[3, 4, 8, 9]], [0 * first[0], first[4], first[4], first[9]], rtol=1e-8, atol=1e-9
        )
    with pytest.raises(ValueError, match="assign the cells to the network first"):
        bs.ElectrodeRecording(probe, cells.MultiCompartment(1, CUT))
    with pytest.raises(TypeError, match="cells with a shape, given an LIF"):
        bs.ElectrodeRecording(probe, bs.neurons.LIF(1))


def test_what_does_not_fit_is_refused():
    electrodes = cells.Electrodes(AT * u.um)
    field = lambda **values: cells.ExtracellularField(1 * V_M, **values)
    point = lambda: cells.PointElectrode(1 * u.uA, CUT.xyz[0] * u.um)
    drawn = cells.MultiCompartment(2, CUT, positions=bs.connectivity.UniformBox([1, 1, 1] * u.mm))
    alone, two = cells.MultiCompartment(1, CUT), cells.MultiCompartment(2, CUT)
    for expected, wrong in [
        (r"shape \(k, 3\), given shape \(3,\)", lambda: cells.Electrodes([1, 2, 3] * u.um)),
        (r"no source 'lines'.*'line'", lambda: cells.Electrodes(AT * u.um, source="lines")),
        (r"sigma must be positive", lambda: cells.Electrodes(AT * u.um, sigma=0 * S_M)),
        (r"all are above the plane z = 5", lambda: cells.Electrodes(AT * u.um, plane=5 * u.um)),
        (r"cells are above the plane", lambda: cells.Electrodes(AT[3:] * u.um, plane=0 * u.um).matrix(CUT)),
        (r"one value for each of 31 sites last, given shape \(31, 4\)", lambda: electrodes.potentials(CUT, np.zeros((31, 4)) * u.nA)),
        (r"one value for each of 31 sites last, given shape \(30,\)", lambda: cells.transmembrane_currents(alone, np.zeros(30) * u.mV)),
        (r"give R_a", lambda: cells.transmembrane_currents(CUT, np.zeros(31) * u.mV)),
        (r"positions of the cells in three dimensions", lambda: electrodes.matrix(two)),
        (r"expected a rotation", lambda: electrodes.matrix(alone, rotation=np.ones((3, 3)))),
        (r"direction is a vector", lambda: field(direction=[0, 0, 0])),
        (r"acts on whole cells", lambda: field().on("dend")),
        (r"a Izhikevich has points|an? \w+ has points", lambda: bs.neurons.LIF(2).add_stimuli(e=field())),
        (r"not finite at all 31 compartments", lambda: alone.add_stimuli(e=point())),
        (r"drawn when they join a network", lambda: drawn.add_stimuli(e=point())),
    ]:  # fmt: skip
        with pytest.raises((ValueError, TypeError, AttributeError), match=expected):
            wrong()
