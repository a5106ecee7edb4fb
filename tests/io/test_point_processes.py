"""Point processes in NMODL as receptors and stimuli: small ones with each construct, against NEURON 9.0.2."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.io import NMODLError, mod_source, read_mod
from tests.io import points

AREA = np.pi * 20 * 20 * u.um2
SPIKES = ([1, 3, 3.5, 12], [2, 3.1, 12.25])
# V of one compartment of 20 x 20 um, 1 uF/cm2, 0.1 mS/cm2 at -65 mV, after 60, 130, 200, 500 and 800 steps of 0.025 ms
TRACES = {
    "release": [-59.65909398219854, -42.58908307755761, -23.60101010585214, -29.74426904150456, -38.49101768067222],
    "pulses": [-63.56573824957013, -47.55903225444015, -30.99248214616153, -22.187113319198296, -20.89408997702828],
    "pulse": [-65.0, -58.214625984682165, -48.20569617672688, -33.360921003933235, -50.04076291801879],
    "nmda_ca": [-64.90316972970513, -63.185649288713094, -56.58683956300743, 5.889167029717893, 7.249482945634332],
}
# NEURON has the slope of a current over 0.001 mV, which is off where the current bends, as that of NMDA does
TOLERANCE = {"release": 1e-9, "pulses": 1e-9, "pulse": 1e-9, "nmda_ca": 3e-4}
WEIGHTS = {"release": [0.008, 0.004], "pulses": [0.002, 0.001], "nmda_ca": [0.004, 0.002]}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mod")
    found = {}
    for name in TRACES:
        (folder / f"{name}.mod").write_text(getattr(points, name.upper()))
        found[name] = read_mod(folder / f"{name}.mod")
    return found


def network(kind, weights=None, rule=None, **options):
    """A passive cell with the point process, and two sources onto it."""
    net = bs.Network()
    net.E = bs.neurons.ConductanceBased(
        1, E_L=-65 * u.mV, V=-65 * u.mV, area=AREA, V_th=1e3 * u.mV, method="staggered_backward_euler"
    )
    if issubclass(kind, bs.stimuli.Stimulus):
        net.E.add_stimuli(syn=kind(**options))
        return net
    net.E.add_receptors(syn=kind(**options))
    times = np.concatenate(SPIKES) * u.ms
    net.S = bs.sources.SpikeTimes(2, times, np.repeat([0, 1], list(map(len, SPIKES))))
    net.connect(net.S, net.E, rule or bs.AllToAll(), receptor="syn", weight=np.array(weights)[:, None] * u.uS)
    return net


def potential(net, ms=20, **options):
    return bs.simulate(net, ms * u.ms, dt=0.025 * u.ms, record="E.V", **options)["E.V"].to_decimal(u.mV)[:, 0]


# -- against NEURON ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRACES)
def test_a_cell_does_as_in_neuron(kinds, name):
    """NMDA with calcium; variables of each synapse; events that a synapse sends itself, and a state that tires; a pulse."""
    with jax.enable_x64(True):
        V = np.asarray(potential(network(kinds[name], WEIGHTS.get(name))))
    found = V[np.array([60, 130, 200, 500, 800]) - 1]
    np.testing.assert_allclose(found, TRACES[name], rtol=0, atol=TOLERANCE[name])


@pytest.mark.parametrize(("name", "atol"), [("release", 2e-4), ("pulses", 2e-4)])
def test_single_precision(kinds, name, atol):
    with jax.enable_x64(False):
        V = np.asarray(potential(network(kinds[name], WEIGHTS[name])))
    np.testing.assert_allclose(V[np.array([60, 130, 200, 500, 800]) - 1], TRACES[name], rtol=0, atol=atol)


# -- what it means -----------------------------------------------------------------------------------------------------


def test_what_a_spike_does_is_told_from_the_file(kinds):
    assert kinds["nmda_ca"].linear and not kinds["nmda_ca"].synapse
    assert kinds["release"].additive and kinds["release"].synapse_units == {"last": u.ms}
    assert not kinds["pulses"].additive and kinds["pulses"].waiting == 8
    assert kinds["release"].weight_in == u.uS
    assert "share" in kinds["nmda_ca"]._declared and "total" not in kinds["nmda_ca"]._declared


def test_sources_are_kept(kinds, tmp_path):
    (tmp_path / "r.mod").write_text(points.RELEASE)
    namespace = {"__name__": "kept"}
    exec(mod_source(tmp_path / "r.mod"), namespace)
    assert namespace["Release"].synapse == kinds["release"].synapse
    assert max(map(len, mod_source(tmp_path / "r.mod").splitlines())) <= 120


def test_delays_are_those_of_single_synapses(kinds):
    """Spikes that arrive at the same times by other ways do the same; synapses have their own resources."""
    direct = np.asarray(potential(network(kinds["release"], WEIGHTS["release"])))
    net = network(kinds["release"], [0.0, 0.0])
    early = [np.array(times) - d for times, d in zip(SPIKES, (0.5, 1.0))]
    net.L = bs.sources.SpikeTimes(2, np.concatenate(early) * u.ms, np.repeat([0, 1], list(map(len, SPIKES))))
    weight = np.array(WEIGHTS["release"])[:, None] * u.uS
    p = net.connect(net.L, net.E, bs.AllToAll(), receptor="syn", weight=weight, delay=[[0.5], [1.0]] * u.ms)
    np.testing.assert_allclose(np.asarray(potential(net)), direct, atol=1e-4 if direct.dtype == np.float32 else 1e-10)
    assert np.ptp(np.asarray(p.contacts.R)) > 0.01


def test_going_on_and_starting_again(kinds):
    net = network(kinds["pulses"], WEIGHTS["pulses"])
    whole = np.asarray(potential(net))
    net.reset()
    parts = np.concatenate([potential(net, 3), potential(net, 17)])
    np.testing.assert_array_equal(parts, whole)
    net.reset()
    np.testing.assert_array_equal(potential(net), whole)


def test_variables_of_synapses_are_given_and_looked_at(kinds):
    net = network(kinds["release"], WEIGHTS["release"])
    contacts = net["S->E"].contacts
    contacts.R = [0.5, 0.25]
    bs.simulate(net, 0.5 * u.ms, dt=0.025 * u.ms)
    np.testing.assert_allclose(contacts.R, [0.5, 0.25])
    bs.simulate(net, 1.0 * u.ms, dt=0.025 * u.ms)
    R = 1 - 0.5 * np.exp(-1.0 / 60)
    np.testing.assert_allclose(contacts.R[0], R - 0.3 * R, rtol=1e-5)


def test_calcium_goes_into_the_pool_of_a_place(kinds):
    """The charge that enters, over 2 F and the volume; current of the place, whatever its area."""
    with jax.enable_x64(True):
        pool = bs.channels.Calcium(depth=0.5 * u.um, tau=1e9 * u.ms, rest=1e-4 * u.mM)
        net = bs.Network()
        net.C = bs.cells.MultiCompartment(1, bs.cells.ball_and_stick(), compartments=5, pools=dict(Ca=pool))
        net.C.add_receptors(syn=kinds["nmda_ca"]().on(bs.cells.at("dend", 0.5)))
        assert net.C.syn.eca is None
        net.S = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0])
        net.connect(net.S, net.C, bs.AllToAll(), receptor="syn", weight=1e-3 * u.uS)
        rec = bs.simulate(net, 10 * u.ms, dt=0.025 * u.ms, record=["C.V", "C.syn.A", "C.syn.B", "C.Ca.concentration"])
        Ca = rec["C.Ca.concentration"].to_decimal(u.mM)
        site = int(np.argmax(Ca[-1]))
        V, A, B = rec["C.V"].to_decimal(u.mV)[:, site], *(rec[f"C.syn.{x}"].to_decimal(u.uS)[:, 0] for x in "AB")
        g = (B - A) / (1 + np.exp(-0.062 * V) / 3.57)
        E = 8.314462618 * 309.15 / (2 * 96485.332) * 1e3 * np.log(2.0 / Ca[:, site])
        charge = np.sum(0.1 * g * (E - V)) * 0.025e-12  # nA ms
        area = float(net.C.area[site].to_decimal(u.um2))
        expected = 1e-4 + charge / (2 * 96485.332 * area * 0.5e-15) * 1e3
        np.testing.assert_allclose(Ca[-1, site], expected, rtol=2e-3)
        assert np.all(Ca[-1, np.arange(Ca.shape[1]) != site] < 1.0001e-4)


def test_derivatives_are_differences(kinds):
    """By the weights of single synapses, and by how much they release."""
    with jax.enable_x64(True):
        net = network(kinds["release"], WEIGHTS["release"])
        run = bs.function(net, 8 * u.ms, dt=0.025 * u.ms, record="E.V")
        parameters = {name: run.parameters[name] for name in ("S->E.weight", "E.syn.U", "E.syn.rec")}

        @jax.jit
        def final(values):
            return jnp.sum(u.get_mantissa(run({**run.parameters, **values}, run.state)[1]["E.V"][-1]))

        slopes = jax.grad(final)(parameters)
        for name, x in parameters.items():
            flat = np.asarray(x, float).ravel()
            for k in range(flat.size):
                h = 1e-5 * max(abs(flat[k]), 1e-3)
                ends = []
                for sign in (-1, 1):
                    moved = flat.copy()
                    moved[k] += sign * h
                    ends.append(float(final({**parameters, name: jnp.asarray(moved.reshape(np.shape(x)))})))
                np.testing.assert_allclose(np.ravel(slopes[name])[k], (ends[1] - ends[0]) / (2 * h), rtol=2e-5)


# -- what is refused ---------------------------------------------------------------------------------------------------

HEAD = "NEURON { POINT_PROCESS X NONSPECIFIC_CURRENT i }\nASSIGNED { v (mV) i (nA) y }\nSTATE { g }\n"
BREAK = "BREAKPOINT { SOLVE s METHOD cnexp i = g*v }\nDERIVATIVE s { g' = -g }\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("NEURON { POINTER p }", r"line 6: POINTER is not read"),
        ("NEURON { ARTIFICIAL_CELL p }", r"line 6: ARTIFICIAL_CELL is not read \(a population"),
        ("NEURON { RANDOM r }", r"line 6: RANDOM is not read"),
        ("NET_RECEIVE(w) {\nWATCH (v > 1) 2 }", r"line 7: WATCH is not read"),
        ("NET_RECEIVE(w) { net_event(t) }", r"line 6: net_event is not read"),
        ("INITIAL { net_send(1, 1) }", r"line 6: net_send is read in NET_RECEIVE"),
        ("NET_RECEIVE(w) { w = w + 1 g = g + w }", r"line 6: w is changed: plasticity"),
        ("NET_RECEIVE(w) { INITIAL { } INITIAL { } g = w }", r"line 6: INITIAL stands outside"),
        ("NET_RECEIVE(w, z) { g = g + w*z }\nFUNCTION f() { f = 1 }\nPROCEDURE q() { y = z }", None),
        ("NET_RECEIVE(w) { y = w }", r"line 6: NET_RECEIVE changes nothing"),
        ("NET_RECEIVE(w) { g = g + w }\nNEURON { USEION ca WRITE cai }", r"WRITE cai|writes a concentration"),
    ],
)
def test_what_is_not_read_is_refused_with_its_line(tmp_path, body, message):
    path = tmp_path / "x.mod"
    path.write_text(HEAD + BREAK + body)
    if message is None:
        read_mod(path)
        return
    with pytest.raises(NMODLError, match=message):
        read_mod(path)


def test_states_whose_names_are_taken_move_too(tmp_path):
    """``p`` is what parameters are called in the methods."""
    path = tmp_path / "x.mod"
    path.write_text(
        (HEAD + BREAK)
        .replace("g'", "p'")
        .replace("STATE { g }", "STATE { p }")
        .replace("-g", "-p")
        .replace("g*v", "p*v")
    )
    kind = read_mod(path)
    assert kind.gates == ("p_",) and "found" in mod_source(path)
    net = network(kind)
    net.E.syn.p_ = 1e-6
    bs.simulate(net, 1 * u.ms, dt=0.025 * u.ms)
    np.testing.assert_allclose(net.E.syn.p_, 1e-6 * np.exp(-1.0), rtol=1e-5)


def test_where_it_cannot_stand(kinds):
    cell = bs.neurons.ConductanceBased(1)
    with pytest.raises(ValueError, match="give the population an area"):
        cell.add_receptors(syn=kinds["release"]())
    exact = bs.neurons.LIF(1, spike_times="exact", refractory=1 * u.ms)
    with pytest.raises(ValueError, match="exact"):
        exact.add_receptors(syn=kinds["release"]())
    with pytest.raises(bs.UnknownNameError, match="'Ca'"):
        bs.neurons.LIF(1).add_receptors(syn=kinds["nmda_ca"](eca=None))


def test_what_it_takes(kinds):
    net = bs.Network()
    net.S, net.E = bs.sources.PoissonGroup(2), bs.neurons.LIF(2)
    net.E.add_receptors(syn=kinds["release"](), sum=kinds["nmda_ca"]())
    connect = lambda **options: net.connect(net.S, net.E, bs.AllToAll(), weight=1 * u.nS, **options)
    with pytest.raises(ValueError, match="TsodyksMarkram"):
        connect(receptor="syn", terminal=bs.terminals.TsodyksMarkram())
    with pytest.raises(ValueError, match="delay that changes"):
        connect(receptor="syn", delay=1 * u.ms, max_delay=2 * u.ms)
    with pytest.raises(ValueError, match="connect a PoissonGroup"):
        net.E.add_stimuli(noise=bs.stimuli.PoissonInput("syn", rate=1 * u.Hz, weight=1 * u.nS))
    with pytest.raises(ValueError, match="negative"):
        net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=-1 * u.nS)
    with pytest.raises(bs.UnitError):
        net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    assert not net.projections
    connect(receptor="sum", terminal=bs.terminals.TsodyksMarkram(), delay=1 * u.ms, max_delay=2 * u.ms)


def test_more_events_than_may_wait_stop_the_run(kinds):
    net = network(kinds["pulses"], WEIGHTS["pulses"], Cdur=100 * u.ms)
    net.N = bs.sources.SpikeTimes(1, np.arange(1.0, 12.0) * u.ms, np.zeros(11, int))
    net.connect(net.N, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.nS)
    with pytest.raises(FloatingPointError, match=r"E.syn"):
        bs.simulate(net, 20 * u.ms, dt=0.025 * u.ms)
