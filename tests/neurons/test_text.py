"""Equations as text: against Brian 2 on the same text, against classes written by hand, and what is refused."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.neurons import EquationsError, from_equations, source_of

ADEX = """
dvm/dt = (gL*(EL - vm) + gL*DeltaT*exp((vm - VT)/DeltaT) + J - w)/C : volt
dw/dt = (a*(vm - EL) - w)/tauw : amp
J : amp
"""
ADEX_VALUES = dict(C=281 * u.pF, gL=30 * u.nS, EL=-70.6 * u.mV, VT=-50.4 * u.mV, DeltaT=2 * u.mV, tauw=144 * u.ms)
ADEX_VALUES |= dict(a=4 * u.nS, b=0.0805 * u.nA, Vr=-70.6 * u.mV, Vcut=-40.4 * u.mV, vm=-70.6 * u.mV, J=1 * u.nA)
HH = """
dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa)
         - g_kd*(n*n*n*n)*(v-EK) + J)/Cm : volt
dm/dt = 0.32*(mV**-1)*4*mV/exprel((13.*mV-v+VT)/(4*mV))/ms*(1-m)-0.28*(mV**-1)*5*mV/exprel((v-VT-40.*mV)/(5*mV))/ms*m : 1
dn/dt = 0.032*(mV**-1)*5*mV/exprel((15.*mV-v+VT)/(5.*mV))/ms*(1.-n)-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1
dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1
J : amp
"""
HH_VALUES = dict(
    Cm=200 * u.pF, gl=10 * u.nS, El=-65 * u.mV, EK=-90 * u.mV, ENa=50 * u.mV, g_na=20 * u.uS, g_kd=6 * u.uS
)
HH_VALUES |= dict(VT=-63 * u.mV, v=-65 * u.mV, J=0.3 * u.nA)
IZHIKEVICH = """
dv/dt = (0.04/ms/mV)*v**2 + (5/ms)*v + 140*mV/ms - u + J : volt
du/dt = a*(b*v - u) : volt/second
J : volt/second
"""
IZHIKEVICH_VALUES = dict(a=0.02 / u.ms, b=0.2 / u.ms, c=-65 * u.mV, d=8 * u.mV / u.ms, v=-70 * u.mV)
IZHIKEVICH_VALUES |= dict(u=-14 * u.mV / u.ms, J=10 * u.mV / u.ms)
MOVING = """
dv/dt = (E - v)/tau_m : volt (unless refractory)
dvt/dt = (vt0 - vt)/tau_t : volt  # threshold
E : volt
"""
MOVING_VALUES = dict(tau_m=10 * u.ms, tau_t=50 * u.ms, vt0=10 * u.mV, vt=10 * u.mV, E=25 * u.mV)

#: Brian 2.9.0, method="euler", dt = 0.02 ms, 200 ms: the steps in which one neuron fires. It counts a step by its
#: beginning and brainsim by its end, and so a refractory time of 5 ms lasts a step less there.
BRIAN2 = {
    "adex": (
        dict(equations=ADEX, threshold="vm > Vcut", reset="vm = Vr; w += b", **ADEX_VALUES),
        [587, 1265, 2054, 2981, 4073, 5347, 6797, 8391],
    ),
    "hodgkin_huxley": (
        dict(equations=HH, threshold="v > -40*mV", refractory="v > -40*mV", **HH_VALUES),
        [369, 1329, 2294, 3260, 4225, 5190, 6155, 7121, 8086, 9051],
    ),
    "izhikevich": (
        dict(equations=IZHIKEVICH, threshold="v >= 30*mV", reset="v = c\n u += d", **IZHIKEVICH_VALUES),
        [174, 1036, 3286, 5530, 7774],
    ),
    "moving_threshold": (
        dict(
            equations=MOVING, threshold="v > vt", reset="v = 0*mV; vt += 3*mV", refractory=4.98 * u.ms, **MOVING_VALUES
        ),
        [255, 846, 1511, 2235, 3002, 3798, 4614, 5442, 6277, 7117, 7960, 8804, 9649],
    ),
}


def spikes_of(kind, time=200 * u.ms, dt=0.02 * u.ms, size=1, **values):
    net = bs.Network()
    net.E = kind(size, **values)
    return bs.simulate(net, time, dt=dt, record="E.spikes").spikes["E"]


@pytest.mark.parametrize("name", BRIAN2)
def test_the_same_text_fires_in_the_same_steps_as_in_brian2(name):
    given, steps = BRIAN2[name]
    found = spikes_of(from_equations(**given, method="euler")).times.to_decimal(u.ms) / 0.02
    np.testing.assert_array_equal(np.round(found).astype(int) - 1, steps)


def test_float32_fires_as_often():
    given, steps = BRIAN2["adex"]
    with jax.enable_x64(False):
        found = spikes_of(from_equations(**given, method="euler")).times.to_decimal(u.ms) / 0.02
    np.testing.assert_allclose(found - 1, steps, atol=2)


WRITTEN = '''\
import brainunit as u

from brainsim import Parameter, State
from brainsim.neurons import Neuron


class Adaptive(Neuron):
    r"""Adaptive, made from equations.
    """

    clamped = ("v",)
    set_back = ("v",)
    inputs = {"I": "v"}

    tau = Parameter(20.0 * u.ms, "membrane time constant")
    E = Parameter(-60.0 * u.mV, "E")
    R = Parameter(100.0 * u.Mohm, "R")
    tau_w = Parameter(0.1 * u.second, "tau_w")
    b = Parameter(10.0 * u.pA, "b")
    v = State(-60.0 * u.mV, "v")
    w = State(0.0 * u.pA, "adaptation")
    refractory = Parameter(
        2.0 * u.ms, "time after a spike in which the neuron cannot fire", optional=True, nonnegative=True)

    def derivative(self, t, v, w, I):
        I_tot = I - w
        return (self.E - v + self.R * I_tot) / self.tau, -w / self.tau_w

    def fires(self, before, after):
        return self.spike_where(after["v"], -50 * u.mV, scale=-50 * u.mV - self.E)

    def after_spike(self, y):
        return {"v": self.E, "w": y["w"] + self.b}
'''


def adaptive(**changed):
    given = dict(
        equations="""
        dv/dt = (E - v + R*I_tot)/tau : volt (unless refractory)
        I_tot = I - w : amp
        dw/dt = -w/tau_w : amp  # adaptation
        tau : second (constant)  # membrane time constant
        """,
        threshold="v > -50*mV",
        reset="v = E; w += b",
        refractory=2 * u.ms,
        name="Adaptive",
    )
    values = dict(E=-60 * u.mV, R=100 * u.Mohm, tau=20 * u.ms, tau_w=0.1 * u.second, b=10 * u.pA, v=-60 * u.mV)
    return from_equations(**given | values | changed)


def test_the_source_is_what_one_would_have_written_and_its_class_the_same():
    kind = adaptive()
    doc, code = source_of(kind).split('"""')[1:]
    assert code == WRITTEN.split('"""')[2]
    assert r"\frac{d v}{dt} &= \frac{E - v + R I_{tot}}{\tau}" in doc
    assert adaptive() is kind  # and so it compiles once
    assert source_of(bs.neurons.LIF).startswith("class LIF(Neuron):")
    namespace = {}
    exec(WRITTEN, namespace)
    found = [spikes_of_driven(one) for one in (kind, namespace["Adaptive"])]
    assert len(found[0]) > 3
    np.testing.assert_array_equal(*found)


def spikes_of_driven(kind, **values):
    net = bs.Network()
    net.E = kind(1, **values)
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    return bs.simulate(net, 200 * u.ms, record="E.spikes").spikes["E"].times.to_decimal(u.ms)


def test_it_is_a_class_as_any_other():
    net = bs.Network(seed=3)
    net.E = adaptive()(20, tau=bs.Uniform(10 * u.ms, 30 * u.ms))
    net.E.add_receptors(ampa=bs.receptors.Exponential(reversal=0 * u.mV), more=bs.receptors.Delta(into="w"))
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    swept = bs.sweep(net, {"E.b": [0, 5, 40] * u.pA}, 100 * u.ms, record="E.spikes")
    counts = [len(swept[k].spikes["E"].times) for k in range(3)]
    assert counts[0] > counts[1] > counts[2] > 0
    assert 10 < float(net.E.tau[0].to_decimal(u.ms)) < 30 and net.E.more.variable == "w"


def test_gradients_pass_through_its_spikes():
    net = bs.Network()
    net.E = adaptive()(1, surrogate=bs.surrogate.FastSigmoid())
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    run = bs.function(net, 50 * u.ms, record="E.spikes")
    slope = jax.grad(lambda E: run(run.parameters | {"E.E": E}, run.state)[1]["E.spikes"].sum())(-60.0)
    assert np.isfinite(slope) and slope > 0


def test_noise_has_the_spread_of_an_ornstein_uhlenbeck_process():
    kind = from_equations("dx/dt = -x/tau + sigma*sqrt(2/tau)*xi : volt", tau=5 * u.ms, sigma=3 * u.mV)
    assert "def diffusion(self, t, x):" in source_of(kind)
    net = bs.Network()
    net.E = kind(4000)
    bs.simulate(net, 40 * u.ms)
    found = float(np.std(np.asarray(net.E.x.to_decimal(u.mV))))
    assert found == pytest.approx(3.0, rel=4 / np.sqrt(2 * 4000))


def test_several_noises_of_one_equation_add_up_by_their_squares():
    kind = from_equations("dx/dt = -x/tau + 3*mV*tau**-0.5*xi_a + (4*mV*tau**-0.5)*xi_b : volt", tau=2 * u.ms)
    net = bs.Network()
    net.E = kind(1)
    (amplitude,) = [net.E.diffusion(0 * u.ms, 0 * u.mV)]
    assert float(amplitude.to_decimal(u.mV / u.ms**0.5)) == pytest.approx(5 / np.sqrt(2))


def test_rand_in_a_threshold_is_a_rate():
    kind = from_equations(
        "dx/dt = (x0 - x)/tau : Hz", threshold="rand() < x*dt", tau=1 * u.ms, x0=50 * u.Hz, x=50 * u.Hz
    )
    count = len(spikes_of(kind, 2 * u.second, 0.1 * u.ms, size=50).times)
    assert count == pytest.approx(5000, abs=4 * np.sqrt(5000))


def test_what_a_spike_sets_is_a_state_and_knows_the_time():
    kind = from_equations(
        "dv/dt = 1*volt/second : volt \n last : second \n n : 1 \n limit : volt (shared)",
        threshold="v >= limit and n < 3",
        reset="last = t; n += 1; v -= limit*n",
        limit=5 * u.mV,
    )
    net = bs.Network()
    net.E = kind(1)
    spikes = bs.simulate(net, 40 * u.ms, record="E.spikes", dt=0.5 * u.ms).spikes["E"]
    np.testing.assert_allclose(spikes.times.to_decimal(u.ms), [5, 10, 20])  # a spike takes 5, then 10 mV off
    assert float(net.E.last[0].to_decimal(u.ms)) == 20 and float(net.E.n[0]) == 3
    with pytest.raises(ValueError, match="expected shape"):
        kind(3, limit=[1, 2, 3] * u.mV)


def test_conditions_and_inputs_of_ones_own_units():
    kind = from_equations(
        "dv/dt = (-v + int(v > 1 and v < 3)*2 + J)/tau : 1 \n J : amp/meter**2 (input)".replace("+ J)", "+ J/J0)"),
        tau=10 * u.ms,
        J0=1 * u.amp / u.meter**2,
    )
    field = kind(1).vector_field(inputs={"J": 3 * u.amp / u.meter**2})
    for v, rate in ((0.5, 2.5), (2.0, 3.0), (4.0, -1.0)):
        assert float(field(0 * u.ms, {"v": v})["v"].to_decimal(u.Hz)) == pytest.approx(rate * 100)
    assert kind(1).input_unit.has_same_dim(u.amp / u.meter**2)


def test_without_input_stimuli_are_refused_and_spikes_still_move_variables():
    net = bs.Network()
    net.E = from_equations("dv/dt = -v/tau : volt \n dg/dt = -g/tau : siemens", tau=10 * u.ms)(2)
    with pytest.raises(bs.UnknownNameError, match="takes no input in its equations"):
        net.E.add_stimuli(drive=bs.stimuli.Constant(1 * u.pA))
    net.E.add_receptors(kick=bs.receptors.Delta(into="g"))
    assert not spikes_of(type(net.E)).times.size


def test_many_short_rates_make_a_source_that_can_be_read():
    text = "\n".join(f"dv_{k}/dt = (v_{(k + 1) % 5} - v_{k} + 70*mV)/({k + 1}*ms) : volt" for k in range(5))
    kind = from_equations(text)
    assert max(map(len, source_of(kind).splitlines())) < 120
    rates = kind(1).vector_field()(0.0, [jnp.full(1, 10.0 * k) for k in range(5)])
    np.testing.assert_allclose(np.ravel(rates), [80, 80 / 2, 80 / 3, 80 / 4, 30 / 5])


def test_a_sum_over_synapses_is_a_state():
    net = bs.Network()
    net.E = from_equations("dx/dt = 1/ms : 1")(3)
    net.G = from_equations("dy/dt = s/ms : 1 \n s : 1 (summed)  # what the others are at")(2)
    net.G.add_receptors(sum=bs.receptors.Summed(into="s"))
    net.connect(net.E, net.G, bs.FromArrays([0, 1, 2], [0, 1, 1]), receptor="sum", signal="x", weight=2.0)
    rec = bs.simulate(net, 3 * u.ms, dt=1 * u.ms, record=["G.s", "G.y"])
    np.testing.assert_allclose(rec["G.s"], [[0, 0], [2, 4], [4, 8]])
    np.testing.assert_allclose(rec["G.y"], [[0, 0], [2, 4], [6, 12]])


def test_whole_numbers_conditions_and_what_is_one_for_all():
    """Against Brian 2.9 with the same text (Euler, 0.1 ms)."""
    kind = from_equations(
        """
        dv/dt = (v0 - v)/tau + drift*int(on and not high) : volt (unless refractory)
        dx/dt = n_/second*int(on) - x/(5*ms) : 1
        drift = k*mV/ms*int(t > 10*ms) : volt/second (shared)
        high = v > -55*mV : boolean
        k : 1 (shared)
        n_ : integer (constant)
        on : boolean
        v0 : volt
        """,
        threshold="v > -50*mV and on", reset="v = -60*mV; n_ += 1", refractory=1.9 * u.ms, method="euler", tau=10 * u.ms,
        k=0.5, v=-60 * u.mV,
    )  # fmt: skip
    net = bs.Network()
    net.E = kind(3, on=[True, True, False], n_=[0, 2, 3], v0=[-45, -40, -40] * u.mV)
    rec = bs.simulate(net, 40 * u.ms, record=["E.spikes", "E.v", "E.x"])
    np.testing.assert_allclose(rec.spikes["E"].times.to_decimal(u.ms), [6.9, 11.0, 15.4, 22.7, 23.6, 31.8, 34.4, 40.0])
    np.testing.assert_allclose(rec["E.v"][-1].to_decimal(u.mV), [-54.17525825, -60.0, -40.35901107], rtol=1e-8)
    np.testing.assert_allclose(rec["E.x"][-1], [0.01322101, 0.02882005, 0.0], rtol=1e-6)
    with pytest.raises(ValueError, match="expected shape"):
        kind(3, k=[1, 2, 3])


REFUSED = {
    "shared of each": (
        dict(equations="dv/dt = -v/ms + a : volt\n a = 2*v/ms : volt/second (shared)"),
        "line 2: 'a' is .shared., and every neuron has 'v' of its own",
    ),
    "no unit": (dict(equations="dv/dt = -v/tau"), "equations: a line ends with its unit"),
    "no rate": (dict(equations="v : volt"), r"there is no equation dx/dt"),
    "unknown": (
        dict(equations="dv/dt = 1*mV/ms : volt\n dw/dt = (v_rst - v)/ms : volt\n v_rest : volt"),
        r"equations, line 2: 'v_rst' is not known. Did you mean 'v_rest'\?.*\n    dw/dt = \(v_rst - v\)/ms : volt\n             \^\^\^\^\^$",
    ),
    "units": (
        dict(equations="dv/dt = (El - v + J)/tau : volt\n J : amp", El=1 * u.mV, tau=1 * u.ms),
        r"line 1: mV and A cannot be added\n    dv/dt = \(El - v \+ J\)/tau : volt\n             \^{10}$",
    ),
    "no rate of the unit": (dict(equations="dv/dt = -v : volt"), r"expected Hz \* V, given V"),
    "unit that is none": (dict(equations="dv/dt = -v/ms : vlt"), r"'vlt' is no unit. Did you mean 'volt'\?"),
    "exponent": (dict(equations="dv/dt = v**x/ms : volt", x=2.0), "plain number"),
    "function of units": (dict(equations="dv/dt = exp(v)*mV/ms : volt"), "what exp is taken of must be a number, given V"),
    "unknown function": (dict(equations="dv/dt = I_in(t)/ms : volt"), "'I_in' is no function here: a function of time is a stim"),
    "random": (dict(equations="dv/dt = rand()*mV/ms : volt"), "random numbers in equations are xi"),
    "syntax": (dict(equations="dv/dt = (-v)/ms) : volt"), "this is no expression"),
    "flag": (dict(equations="dv/dt = -v/ms : volt (unless refractori)"), "Did you mean 'unless refractory'"),
    "summed": (dict(equations="dv/dt = -v/ms : volt (summed)"), "summed. is not for a differential.*line of its own"),
    "twice": (dict(equations="dv/dt = -v/ms : volt\n v : volt"), "line 2: 'v' is defined twice"),
    "circle": (dict(equations="dv/dt = a : volt\n a = b : volt/second\n b = a : volt/second"), "'a' depends on itself"),
    "taken": (dict(equations="dcount/dt = -1/ms : 1"), "every neuron has 'count' already"),
    "reserved": (dict(equations="dv/dt = i*mV/ms : volt"), "'i' is the number of a neuron"),
    "shared noise": (
        dict(equations="dv/dt = -v/ms + mV*ms**-0.5*xi : volt\n dw/dt = -w/ms + mV*ms**-0.5*xi : volt"),
        "line 2: xi stands in the equation of v too",
    ),
    "multiplied noise": (dict(equations="dv/dt = -v/ms + v*ms**-0.5*xi : volt"), "needs a method"),
    "noise in a bend": (dict(equations="dv/dt = -v/ms + mV*ms**-0.5*exp(ms**0.5*xi)/ms**0.5 : volt"), "noise must be added"),
    "threshold": (dict(equations="dv/dt = -v/ms : volt", threshold="v"), "threshold: expected a number without unit"),
    "threshold in units": (dict(equations="dv/dt = -v/ms : volt", threshold="v > 1"), "cannot be compared"),
    "no comparison": (dict(equations="dv/dt = -v/ms : 1", threshold="v"), "a threshold is a comparison"),
    "reset of a parameter by a typo": (
        dict(equations="dv/dt = -v/ms : volt", threshold="v > 1*mV", reset="vv = 0*mV"),
        "reset: 'vv' is not what a spike can change; it changes v",
    ),
    "reset that is none": (
        dict(equations="dv/dt = -v/ms : volt", threshold="v > 1*mV", reset="v == 0*mV"),
        "reset: expected 'x = ...'",
    ),
    "refractory": (
        dict(equations="dv/dt = -v/ms : volt", threshold="v > 1*mV", refractory="v > 2*mV"),
        "a text must be the threshold",
    ),
    "reset alone": (dict(equations="dv/dt = -v/ms : volt", reset="v = 0*mV"), "without a threshold"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_shown_in_the_text(what):
    given, message = REFUSED[what]
    with pytest.raises(EquationsError, match=message):
        from_equations(**given)


def test_values_that_do_not_fit_are_refused():
    text = "dv/dt = -v/tau : volt\n tau : second"
    with pytest.raises(bs.UnitError, match="tau: expected s as the equations say, given 5"):
        from_equations(text, tau=5 * u.mV)
    with pytest.raises(bs.UnknownNameError, match="nothing uses 'tauu'. Did you mean 'tau'"):
        from_equations(text, tauu=5 * u.ms)
    with pytest.raises(
        bs.UnknownNameError, match="treshold='v > 1' is no value of a parameter. Did you mean 'threshold'"
    ):
        from_equations(text, treshold="v > 1")
    with pytest.raises(TypeError, match="tau must be one number or quantity"):
        from_equations(text, tau=np.array([1.0, 2.0]) * u.ms)
    with pytest.raises(TypeError, match="equations must be a text, given int"):
        from_equations(3)
    with pytest.raises(ValueError, match="Did you mean 'euler'"):
        from_equations(text, method="eulr")
    with pytest.raises(ValueError, match="that of a class"):
        from_equations(text, name="a b")
    with pytest.raises(bs.UnitError, match="refractory: expected ms"):
        from_equations(text, "v > 1*mV", refractory=3 * u.mV, tau=1 * u.ms)
    with pytest.raises(TypeError, match="source_of takes a class"):
        source_of(3)


def test_reached_fires_at_the_threshold_itself_with_and_without_a_surrogate():
    for surrogate in (None, bs.surrogate.FastSigmoid()):
        cell = bs.neurons.LIF(3, surrogate=surrogate)
        V = jnp.array([-51.0, -50.0, -49.0]) * u.mV
        assert list(np.asarray(cell.spike_where(V, -50 * u.mV)).astype(bool)) == [False, False, True]
        assert list(np.asarray(cell.spike_where(V, -50 * u.mV, reached=True)).astype(bool)) == [False, True, True]
