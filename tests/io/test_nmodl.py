"""NMODL files as classes: small ones with each construct, against NEURON 9.0.2, closed forms and finite differences."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels
from brainsim.cli import main
from brainsim.io import NMODLError, mod_source, read_mod
from tests.io import mechanisms

DENSITY = u.mS / u.cm2
FACTOR = 1e5 / (np.pi * 20 * 20)  # nA through a sphere of 20 um, in uA/cm2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mod")
    for name in ("GATES", "SCHEME", "GHK", "IMPLICIT", "SHELLS", "INFLUX"):
        (folder / f"{name.lower()}.mod").write_text(getattr(mechanisms, name))
    return folder


@pytest.fixture(scope="module")
def gates(folder):
    return read_mod(folder / "gates.mod")


def network(cell):
    net = bs.Network()
    net.E = cell
    return net


def written(folder, text):
    path = folder / "other.mod"
    path.write_text(text)
    return path


# -- against NEURON ----------------------------------------------------------------------------------------------------

# V of one compartment of 20 x 20 um, 1 uF/cm2, from -65 mV, after 40, 100, 200, 400 and 800 steps of 0.025 ms
TRACES = {
    "gates": [-57.60904564923073, -35.38491218746425, -67.8505927238756, -69.86287182881075, -64.59945240041291],
    "scheme": [-42.62957564639444, 17.399776272508575, 33.29914503546683, 26.270369057686327, 16.468041833367124],
    "ghk": [-51.29386037566544, -37.06844857816424, -23.17331022916741, 10.410187211736918, 27.188942623297898],
}


@pytest.mark.parametrize("name", TRACES)
def test_a_cell_fires_as_in_neuron(folder, name):
    """Singular points, two ions and temperature; a scheme at its steady state; a GHK current and a rule of a step."""
    with jax.enable_x64(True):
        cls = read_mod(folder / f"{name}.mod")
        own = {"gates": dict(celsius=16.0), "scheme": dict(gbar=1.0 * DENSITY), "ghk": dict(celsius=36.0)}[name]
        nA = {"gates": 0.1, "scheme": 0.3, "ghk": 0.2}[name]
        g_L = 0.0 if name == "gates" else 0.3
        cell = bs.neurons.ConductanceBased(
            1,
            channels={"x": cls(**own)},
            g_L=g_L * DENSITY,
            E_L=-65.0 * u.mV,
            V=-65.0 * u.mV,
            method="staggered_backward_euler",
        )
        cell.add_stimuli(drive=bs.stimuli.Constant(nA * FACTOR * u.uA / u.cm2))
        net = network(cell)
        rec = bs.simulate(net, 20 * u.ms, dt=0.025 * u.ms, record=["E.V"])
        V = np.asarray(rec["E.V"].to_decimal(u.mV))[:, 0]
    found = V[np.array([40, 100, 200, 400, 800]) - 1]
    np.testing.assert_allclose(found, TRACES[name], rtol=0, atol=1e-5)


#: Calcium of the outermost and of the innermost shell, and what is bound, in mM, of eight segments after 400 steps of 0.025 ms
SHELLS = {
    0.0: [
        [1.0433063228133163e-2, 1.26786158665150640e-4, 5.0384276397471504e-5, 5.0001448453493915e-5, 5.000000438089926e-5],
        [1.0145237589467235e-2, 1.26715434910411840e-4, 5.0384259481512140e-5, 5.0001448449500310e-5, 5.0000004380898316e-5],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    0.003: [
        [8.3583536917573690e-3, 9.3750120644980010e-5, 5.0179336792748750e-5, 5.0000594002768640e-5, 5.0000001642254254e-5],
        [8.0689912743628300e-3, 9.3679454505316230e-5, 5.0179319996372040e-5, 5.0000593998828507e-5, 5.0000001642253330e-5],
        [2.1784893178240085e-3, 9.1133469099752260e-5, 7.3230311748171480e-5, 7.3170895896984320e-5, 7.3170732094336200e-5],
    ],
}  # fmt: skip


@pytest.mark.parametrize("total", SHELLS)
def test_shells_that_diffuse_along_two_branches(folder, total):
    """Arrays of states, COMPARTMENT, LONGITUDINAL_DIFFUSION. The buffer makes the scheme one that is not linear: NEURON
    iterates each step, which is linearised here.
    """
    with jax.enable_x64(True):
        Ca, leak = (read_mod(folder / f"{name}.mod") for name in ("shells", "influx"))
        builder = bs.cells.Builder()
        first = builder.add(100 * u.um, 2 * u.um, type="dend")
        builder.add(50 * u.um, 2 * u.um, type="dend", parent=first)
        cell = bs.cells.MultiCompartment(
            1,
            bs.cells.discretise(builder.build(), [5, 3]),
            channels=dict(leak=leak(i0=-0.01 * u.mA / u.cm2).on(bs.cells.at("dend[0]", 0.1))),
            pools=dict(Ca=Ca(total=total * u.mM, diam=bs.cells.of_diameter(lambda d: d))),
        )
        bs.simulate(network(cell), 10 * u.ms, dt=0.025 * u.ms)
        found = [np.asarray(getattr(cell.Ca, x).to_decimal(u.mM)) for x in ("concentration", "ca_2", "bound_0")]
    np.testing.assert_allclose(np.array(found)[:, :5], SHELLS[total], rtol=1e-9 if total == 0 else 2e-5, atol=1e-18)


def test_what_diffuses_stands_everywhere_and_a_point_has_no_way_along(folder):
    Ca = read_mod(folder / "shells.mod")
    with pytest.raises(ValueError, match="Ca: concentration diffuses along the cell, and stands everywhere"):
        bs.cells.MultiCompartment(
            1, bs.cells.ball_and_stick(10 * u.um, length=100 * u.um, diameter=1 * u.um), pools=dict(Ca=Ca().on("soma"))
        )
    net = network(bs.neurons.ConductanceBased(1, pools=dict(Ca=Ca(diam=2 * u.um, concentration=1 * u.uM))))
    assert list(net.E.Ca.along()) == ["concentration", "ca_1", "ca_2"]
    inside = lambda: sum(
        np.pi * (a**2 - (a - 1) ** 2) * float(getattr(net.E.Ca, name)[0].to_decimal(u.mM))
        for a, name in zip((3, 2, 1), ("concentration", "ca_1", "ca_2"))
    )
    before = inside()
    bs.simulate(net, 20 * u.ms, dt=0.1 * u.ms)  # what is in the shells mixes
    np.testing.assert_allclose(inside(), before, rtol=1e-5)
    np.testing.assert_allclose(net.E.Ca.ca_2.to_decimal(u.mM), net.E.Ca.concentration.to_decimal(u.mM), rtol=1e-4)


# -- what it means -----------------------------------------------------------------------------------------------------


def test_gates_start_at_their_steady_state(gates):
    """Hodgkin and Huxley's, of 1952."""
    squid, channel = channels.Na_HH1952(), gates()
    V = np.array([-70.0, -40.0, -39.99, 0.0]) * u.mV
    started, steady = channel.steady_state(V), squid.steady_state(V)
    for gate in ("m", "h"):
        np.testing.assert_allclose(started[gate], steady[gate], rtol=2e-5)
    np.testing.assert_allclose(started["n"], channels.K_HH1952().steady_state(V)["n"], rtol=2e-5)


def test_currents_are_those_of_their_ions_and_inward(gates):
    """The unit of each parameter is that of the file: 360 pS/um2 are 36 mS/cm2."""
    state = dict(m=0.5, h=0.4, n=0.3)
    found = gates(ek=-80 * u.mV).currents(-30.0 * u.mV, **state)
    expected = {"Na": 120 * 0.5**3 * 0.4 * 80, "K": 36 * 0.3**4 * -50, None: 0.3 * -24.3}
    assert found.keys() == expected.keys()
    for ion, value in expected.items():
        np.testing.assert_allclose(found[ion].to_decimal(u.uA / u.cm2), value, rtol=1e-6)


def test_a_pool_gives_its_potential_unless_one_is_given(folder):
    ghk = read_mod(folder / "ghk.mod")
    cell = bs.neurons.ConductanceBased(2, channels={"ca": ghk()}, pools={"Ca": channels.Calcium()})
    assert cell.ca.cai is None and cell.ca.cao is None
    assert bs.neurons.ConductanceBased(2, channels={"ca": ghk()}).ca.cao == 2.0 * u.mM
    fixed = bs.neurons.ConductanceBased(2, channels={"ca": ghk(cao=3 * u.mM)}, pools={"Ca": channels.Calcium()})
    assert fixed.ca.cao == 3.0 * u.mM
    with pytest.raises(bs.UnknownNameError, match="'Ca'"):
        bs.neurons.ConductanceBased(2, channels={"ca": ghk(cao=None)})
    Ca = dict(Ca=1e-3 * u.mM, Ca_out=2.0 * u.mM)
    found = cell.ca.currents(0.0 * u.mV, m=0.5, **Ca)["Ca"]  # at 0 mV the flux is P F z times the difference
    expected = 1e-4 * 0.25 * 2 * 96485.332 * (2.0 - 1e-3)
    np.testing.assert_allclose(found.to_decimal(u.uA / u.cm2), expected, rtol=1e-6)


def test_a_scheme_starts_where_it_ends_and_keeps_what_it_conserves(folder):
    scheme = read_mod(folder / "scheme.mod")
    V = np.array([-80.0, -40.0, 20.0]) * u.mV
    channel = scheme()
    started = channel.steady_state(V)
    np.testing.assert_allclose(sum(started.values()), 1.0, rtol=1e-6)
    for slope in channel.slopes(V, **started).values():
        np.testing.assert_allclose(slope / u.kHz, 0.0, atol=2e-5)
    assert channel.together == (("c1", "c2", "o", "i"),)
    a = 2 * np.exp((V / u.mV + 40) / 12)
    b = 1.5 * np.exp(-(V / u.mV + 40) / 18)
    weights = np.array([np.ones(3), 2 * a / b, (a / b) ** 2, (a / b) ** 2 * 0.3 / (0.01 * b)])
    np.testing.assert_allclose(np.stack(list(started.values())), weights / weights.sum(0), rtol=2e-4)
    cell = bs.neurons.ConductanceBased(1, channels={"na": scheme(gbar=5.0 * DENSITY)}, V=-20.0 * u.mV)
    bs.simulate(network(cell), 5 * u.ms, dt=0.1 * u.ms)
    total = sum(np.asarray(getattr(cell.na, name)) for name in scheme.gates)
    np.testing.assert_allclose(total, 1.0, atol=3e-6)


def test_states_that_are_solved_at_once_and_one_that_remembers(folder):
    pair = read_mod(folder / "implicit.mod")
    assert pair.together == (("r", "s"), ("z",))
    started = pair(a=0.5).steady_state(-30.0 * u.mV)
    np.testing.assert_allclose([started[x] for x in ("r", "s", "z", "began")], [0.5, 0.5, 0.1, -30.0], rtol=1e-6)
    slopes = pair().slopes(10.0 * u.mV, r=0.2, s=0.4, z=0.1, began=-30.0)
    expected = [-0.2 + 1.2 * np.exp(0.2), 0.04 - 0.4, (-0.3 - 0.1) / 7, 0.0]
    np.testing.assert_allclose([slopes[x] / u.kHz for x in ("r", "s", "z", "began")], expected, rtol=1e-6)


@pytest.mark.parametrize(("name", "v"), [("gates", -40.0), ("gates", -55.0), ("ghk", 0.0)])
def test_singular_points_have_derivatives(folder, name, v):
    """Forward, reverse and twice, at the points that the file makes a case of."""
    with jax.enable_x64(True):
        channel = read_mod(folder / f"{name}.mod")()
        states = dict.fromkeys(channel.gates, 0.3)

        def total(v):
            slopes = [u.get_mantissa(x) for x in channel.slopes(v * u.mV, **states).values()]
            return sum(slopes) + sum(u.get_mantissa(x) for x in channel.currents(v * u.mV, **states).values())

        slope = jax.jit(jax.grad(total))
        near = [float(slope(v + d)) for d in (-1e-2, 0.0, 1e-2)]
        np.testing.assert_allclose(near[1], (near[0] + near[2]) / 2, rtol=1e-4)
        value, forward = jax.jit(lambda v: jax.jvp(total, (v,), (1.0,)))(v)
        np.testing.assert_allclose(forward, near[1], rtol=1e-11)
        assert np.isfinite(jax.jit(jax.grad(jax.grad(total)))(v))


def test_what_writes_a_concentration_is_a_pool(tmp_path):
    """Of one state, to which the concentration is set; the current that enters counts as outward and negative there."""
    shell = read_mod(written(tmp_path, mechanisms.SHELL))
    pool = bs.neurons.ConductanceBased(2, pools={"Ca": shell(depth=0.1 * u.um, celsius=36.0)}).Ca
    assert pool.implicit
    inflow = np.array([3.0, -3.0]) * u.uA / u.cm2
    found = pool.slopes(inflow, concentration=np.full(2, 3e-4) * u.mM)["concentration"] / (u.mM / u.ms)
    np.testing.assert_allclose(found, [1e4 * 3e-3 / (2 * 96485.33 * 0.1) - 4e-6, -4e-6], rtol=1e-5)
    np.testing.assert_allclose(pool.reversal(2e-4 * u.mM) / u.mV, 13.32 * np.log(1e4), rtol=1e-3)
    cell = bs.neurons.ConductanceBased(2, pools={"Ca": shell()})
    assert cell.together == (("Ca.concentration",),)
    np.testing.assert_allclose(cell.Ca.concentration / u.mM, 2e-4, rtol=1e-6)
    bs.simulate(network(cell), 5 * u.ms, dt=1 * u.ms)
    np.testing.assert_allclose(cell.Ca.concentration / u.mM, 1e-4 * (1 + (1 + 1 / 50) ** -5), rtol=1e-5)


def test_select_takes_value_and_derivative_of_the_case_that_holds():
    x = jnp.array([-1.0, 0.0, 2.0])
    f = lambda x: channels.select(x == 0, lambda x: 1 - x / 2, lambda x: x / jnp.expm1(x), x)
    np.testing.assert_allclose(f(x), [1 / (1 - np.exp(-1)), 1, 2 / np.expm1(2)], rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: f(x).sum())(x)[1], -0.5, rtol=1e-6)
    pair = channels.select(x > 0, lambda x: (x, x), lambda x: (-x, 0 * x), x)
    np.testing.assert_allclose(pair, [[1, 0, 2], [0, 0, 2]])


def test_parameters_are_trained_and_vary_from_cell_to_cell(gates):
    channel = gates(gnabar=np.array([120.0, 60.0]) * DENSITY, celsius=np.array([6.3, 16.3]))
    cell = bs.neurons.ConductanceBased(2, channels={"x": channel})
    slopes = cell.x.slopes(np.full(2, -30.0) * u.mV, m=jnp.full(2, 0.2), h=jnp.full(2, 0.2), n=jnp.full(2, 0.2))
    np.testing.assert_allclose(slopes["n"][1] / slopes["n"][0], 3.0, rtol=1e-5)


# -- the source --------------------------------------------------------------------------------------------------------


def test_the_source_is_what_runs_and_says_what_was_left_out(folder, gates, capsys, tmp_path):
    source = mod_source(folder / "gates.mod")
    namespace = {"__name__": "kept"}
    exec(source, namespace)
    V = np.array([-60.0, 0.0]) * u.mV
    np.testing.assert_allclose(namespace["gates"]().steady_state(V)["m"], gates().steady_state(V)["m"])
    assert "Two ions, gates with and without a singular point" in gates.__doc__
    assert re.search(r"Without effect:.*THREADSAFE \(line \d+\).*TABLE", gates.__doc__, re.DOTALL)
    assert "ena = 61 in the file is not used" in gates.__doc__
    assert "vmin is used by nothing" in gates.__doc__
    assert max(map(len, source.splitlines())) <= 120
    assert main(["nmodl", str(folder / "gates.mod")]) == 0
    assert capsys.readouterr().out == source
    assert main(["nmodl", str(folder / "gates.mod"), "--out", str(tmp_path / "gates.py")]) == 0
    assert (tmp_path / "gates.py").read_text() == source
    assert main(["nmodl", str(folder / "none.mod")]) == 2


HEAD = "NEURON { SUFFIX x NONSPECIFIC_CURRENT i }\nASSIGNED { v (mV) i (mA/cm2) y }\nSTATE { m }\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("BREAKPOINT { i = v*q }", r"line 4: BREAKPOINT reads 'q', which is not declared"),
        ("BREAKPOINT { i = v* }", r"line 4: expected an expression, found '}'"),
        ("BREAKPOINT { i = t }", r"line 4: BREAKPOINT depends on the time t"),
        ("BREAKPOINT { i = v\nVERBATIM\nx = 3;\nENDVERBATIM\n}", r"line 5: VERBATIM holds C"),
        ("BREAKPOINT { while (v > 1) { i = v } }", r"line 4: a while loop is not read"),
        ("BREKPOINT { i = v }", r"line 4: 'BREKPOINT' begins no block. Did you mean 'BREAKPOINT'"),
        ("BREAKPOINT { i = y*v  y = v }", r"line 4: BREAKPOINT reads y as it was left in the step before"),
        ("BREAKPOINT { SOLVE st METHOD cnexp i = v }", r"line 4: there is no block 'st' to solve"),
        (
            "BREAKPOINT { SOLVE st METHOD cnxp i = v }",
            r"line 4: there is no method 'cnxp'. Did you mean 'cnexp'.*[^.]\.$",
        ),
        ("BREAKPOINT { y = 1 }", r"line 4: BREAKPOINT gives i no value"),
        ("FUNCTION f(x) { f = f(x - 1) }\nBREAKPOINT { i = f(v) }", r"line 4: f calls itself"),
        ("FUNCTION f(x) { f = x }\nBREAKPOINT { i = f(v, 1) }", r"line 5: f takes 1 arguments, given 2"),
        ("BREAKPOINT { SOLVE p i = v }\nPROCEDURE p() { m = v }", r"does not take m a step of dt further"),
        ("BREAKPOINT { i = v }\nNET_RECEIVE(w) { y = w }", r"line 5: NET_RECEIVE stands in a POINT_PROCESS"),
        ("INITIAL { y = 1 }\nBREAKPOINT { i = v*q(v)  y = v }\nFUNCTION q(v) { q = y }", r"reads y as it was left"),
        ("NONLINEAR z { }", r"line 4: NONLINEAR is not read"),
        ("BREAKPOINT { i = v", r"line 4: the block does not end"),
        ("COMMENT\nBREAKPOINT { i = v }", r"line 4: COMMENT without ENDCOMMENT"),
        ("BREAKPOINT { i = y[1] }", r"line 4: y is no array"),
    ],
)
def test_what_is_not_read_is_refused_with_its_line(tmp_path, body, message):
    with pytest.raises(NMODLError, match=message):
        read_mod(written(tmp_path, HEAD + body))
