"""Each rule against its paper's equation, solved another way, or against its known fixed point."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs


def spikes(rng, steps, n, p=0.01):
    fired = rng.random((steps, n)) < p
    fired[:2] = False
    return fired.astype(float)


def test_voltage_follows_the_equation(clamp, learn):
    """A loop over steps; some are spikes with a peak of their own."""
    rng, steps, dt, T = np.random.default_rng(0), 2000, 0.1, dict(x=15.0, plus=7.0, minus=10.0, mean=200.0)
    pre, post = spikes(rng, steps, 3), spikes(rng, steps, 2)
    V = -70 + 30 * rng.random((steps, 2))
    V_peak, E_L, u_ref = 20.0, -72.0, 8.0
    rule = bs.plasticity.VoltageSTDP(
        A_LTP=1e-3 * u.pA / u.mV**2, A_LTD=2e-3 * u.pA / u.mV, w_max=100 * u.pA, V_peak=V_peak * u.mV, E_L=E_L * u.mV,
        u_ref=u_ref * u.mV, tau_mean=T["mean"] * u.ms,
    )  # fmt: skip
    found = learn(clamp(rule, 3, 2), pre, post, V)
    decay = {k: np.exp(-dt / tau) for k, tau in T.items()}
    w, x = np.full((3, 2), 0.5), np.zeros(3)
    minus = plus = mean = np.full(2, -70.6)
    positive = lambda z: np.maximum(z, 0)
    for k in range(steps):
        x = x * decay["x"]
        volt = np.where(post[k] > 0, V_peak, V[k])
        minus = volt + (minus - volt) * decay["minus"]
        plus = volt + (plus - volt) * decay["plus"]
        mean = minus + (mean - minus) * decay["mean"]
        w = w + dt * 1e-3 * np.outer(x / T["x"], positive(volt + 45.3) * positive(plus + 70.6))
        ltd = 2e-3 * positive(minus + 70.6) * ((mean - E_L) / u_ref) ** 2
        w = np.clip(w - np.outer(pre[k], ltd), 0, 100)
        x = x + pre[k]
    assert np.ptp(w) > 0.1
    np.testing.assert_allclose(found, w, rtol=1e-11)


def test_calcium_solves_the_paper_s_equation(clamp, learn):
    """scipy solves it from one crossing of a threshold to the next; the rule takes steps of 0.1 ms."""
    p = dict(C_pre=0.9, C_post=1.1, theta_p=1.3, theta_d=1.0, gamma_p=725.085, gamma_d=331.909, rho_star=0.5)
    tau, tau_Ca, D, dt, steps = 20.0, 22.0, 4.6, 0.1, 6000
    rng = np.random.default_rng(1)
    at = [np.sort(rng.choice(np.arange(100, steps - 300), 12, replace=False)) for _ in range(2)]
    raster = [np.bincount(k, minlength=steps)[:, None].astype(float) for k in at]
    rule = bs.plasticity.CalciumPlasticity(
        tau=tau * u.second, tau_Ca=tau_Ca * u.ms, w_min=1 * u.pA, w_max=3 * u.pA, pre_delay=D * u.ms, **p
    )
    found = learn(clamp(rule, 1, 1, w=1.8), *raster)
    arrivals = [((k + 1) * dt + delay, jump) for k, delay, jump in zip(at, (D, 0.0), (p["C_pre"], p["C_post"]))]
    events = sorted((t, jump) for times, jump in arrivals for t in times)
    t, c, rho = 0.0, 0.0, 0.4
    for until, jump in [*events, (steps * dt, 0.0)]:
        crossings = [t + tau_Ca * np.log(c / th) for th in (p["theta_p"], p["theta_d"]) if c > th]
        for stop in sorted([*(k for k in crossings if k < until), until]):
            middle = c * np.exp(-((stop - t) / 2) / tau_Ca)
            high, low = middle > p["theta_p"], middle > p["theta_d"]
            slope = lambda _, r, high=high, low=low: (
                (-r * (1 - r) * (p["rho_star"] - r) + p["gamma_p"] * (1 - r) * high - p["gamma_d"] * r * low)
                / (1e3 * tau)
            )
            rho = solve_ivp(slope, (t, stop), [rho], rtol=1e-11, atol=1e-13).y[0, -1] if stop > t else rho
            c, t = c * np.exp(-(stop - t) / tau_Ca), stop
        c += jump
    assert abs(rho - 0.4) > 0.05
    np.testing.assert_allclose(found, 1 + 2 * rho, rtol=1e-7)


def test_calcium_noise_has_the_paper_s_variance(clamp, learn):
    """Above both thresholds for the whole run: the variance of many synapses after a time much shorter than the
    drift's.
    """
    rule = bs.plasticity.CalciumPlasticity(
        tau=10 * u.second,
        sigma=0.5,
        gamma_p=0.0,
        gamma_d=0.0,
        w_min=0 * u.pA,
        w_max=1 * u.pA,
        x=100.0,
        tau_Ca=1e5 * u.ms,
        theta_p=1.0,
    )
    weights = learn(clamp(rule, 60, 60), np.zeros((100, 60)), np.zeros((100, 60)))
    assert np.std(weights) == pytest.approx(0.5 * np.sqrt(2 * 10.0 / 1e4), rel=0.05)
    assert np.mean(weights) == pytest.approx(0.5, abs=3e-3)


def linear(clamp, rule, n, w):
    """Scan of a linear neuron y = w x over presented patterns x; the weights on the way."""
    net = clamp(rule, n, 1, w=w)
    run = bs.function(net, 1 * u.ms, dt=1 * u.ms, remat=False)

    def present(state, x):
        y = state["pre->post.weight"].T @ x
        state, _ = run({}, state, inputs={"pre.given": x[None], "post.given": y[None]})
        return state, state["pre->post.weight"][:, 0]

    return jax.jit(lambda patterns: jax.lax.scan(present, run.state, patterns)[1])


def variables(**values):
    return dict(pre_variable="given", post_variable="given", **values)


def test_oja_finds_the_first_principal_component(clamp):
    rng, C = np.random.default_rng(2), np.array([[2.0, 0.8, 0.3], [0.8, 1.0, 0.1], [0.3, 0.1, 0.5]])
    patterns = jnp.asarray(rng.multivariate_normal(np.zeros(3), C, 6000))
    rule = bs.plasticity.Oja(eta=2 * u.Hz, w_1=1 * u.pA, **variables())
    w = np.asarray(linear(clamp, rule, 3, bs.Uniform(0.2 * u.pA, 0.4 * u.pA))(patterns))[-3000:].mean(0)
    first = np.linalg.eigh(np.cov(patterns.T))[1][:, -1]
    assert np.linalg.norm(w) == pytest.approx(1.0, abs=0.01)
    assert abs(w @ first) == pytest.approx(1.0, abs=0.01)


def test_bcm_becomes_selective_for_one_of_two_patterns(clamp):
    """With two patterns as often as each other the stable states are y = 2 y_0 for one and 0 for the other."""
    pair = np.array([[1.0, 0.2], [0.2, 1.0]])
    patterns = jnp.asarray(pair[np.random.default_rng(3).integers(0, 2, 20000)])
    rule = bs.plasticity.BCM(eta=4 * u.pA / u.second, y_0=0.5, tau_theta=50 * u.ms, **variables())
    w = np.asarray(linear(clamp, rule, 2, bs.Uniform(0.3 * u.pA, 0.5 * u.pA))(patterns))[-5000:].mean(0)
    np.testing.assert_allclose(np.sort(pair @ w), [0.0, 1.0], atol=0.05)


def test_hebb_rests_at_the_covariance_over_the_decay(clamp, learn):
    rule = bs.plasticity.Hebb(eta=3 * u.pA / u.second, x_0=0.2, y_0=0.5, decay=20 * u.Hz, **variables())
    given = lambda values, steps: np.broadcast_to(np.array(values), (steps, len(values)))
    x, y = np.array([0.7, 0.1]), np.array([1.0, 0.3, 0.9])
    found = learn(clamp(rule, 2, 3), given(x, 10000), given(y, 10000))
    np.testing.assert_allclose(found, 3 * np.outer(x - 0.2, y - 0.5) / 20 * (1 - 20e-4), rtol=1e-6)


def test_rates_are_those_of_regular_spikes(clamp, learn):
    """A regular train of rate r, seen through a long window, has activity r on average."""
    steps, window = 20000, 2000
    train = np.zeros((steps, 1))
    train[49::100] = 1.0  # 100 Hz
    rule = bs.plasticity.Hebb(eta=1e-6 * u.pA / u.second, tau_x=200 * u.ms, tau_y=200 * u.ms)
    _, rec = learn(clamp(rule, 1, 1), train, train, record=["pre->post.plasticity.x", "pre->post.weight"])
    x = np.asarray(rec["pre->post.plasticity.x"])[-window:, 0] / 0.2
    assert x.mean() == pytest.approx(100.0, rel=1e-3)
    w = np.asarray(u.get_mantissa(rec["pre->post.weight"])).ravel()
    assert (w[-1] - w[-window]) / (1e-6 * window * 1e-4) == pytest.approx(1e4, rel=3e-3)


def test_scaling_grows_in_silence_and_keeps_ratios(clamp, learn):
    rule = bs.plasticity.HomeostaticScaling(target_rate=5 * u.Hz, beta=0.1)
    net = clamp(rule, 4, 2, w=bs.Uniform(0.2 * u.pA, 0.6 * u.pA))
    before = np.asarray(net["pre->post"].plain("weight"))
    silent = np.zeros((3000, 4)), np.zeros((3000, 2))
    np.testing.assert_allclose(learn(net, *silent), before * (1 + 0.1 * 5e-3 * 0.1) ** 3000, rtol=1e-10)
    net.reset()
    busy = np.zeros((3000, 2))
    busy[::20, 1] = 1.0  # 500 Hz
    ratio = learn(net, silent[0], busy) / before
    assert np.ptp(ratio, axis=0).max() < 1e-12 and ratio[0, 0] > 1 > ratio[0, 1]


def test_inhibition_leads_to_the_target_rate():
    net = bs.Network(seed=2)
    net.inh = bs.sources.PoissonGroup(400, rate=20 * u.Hz)
    net.cell = bs.neurons.LIF(20, R=100 * u.Mohm)
    net.cell.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    net.cell.add_receptors(gaba=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV))
    rule = bs.plasticity.InhibitorySTDP(eta=0.001 * u.nS, target_rate=8 * u.Hz, w_max=10 * u.nS)
    net.connect(net.inh, net.cell, bs.AllToAll(), receptor="gaba", weight=0.005 * u.nS, plasticity=rule)
    rec = bs.simulate(net, 12 * u.second, dt=0.2 * u.ms, record=["cell.spikes"], progress=False)
    rate = lambda **when: float(rec.spikes["cell"].rate(**when) / u.Hz)
    assert rate(stop=0.2 * u.second) > 20
    # A pre spike keeps post spikes off for a while: a little above
    assert rate(start=6 * u.second) == pytest.approx(8.0, rel=0.1)


def test_reward_after_a_pair_is_the_closed_integral(clamp, learn):
    """One pair at 10 and 15 ms, a reward at once at 40 ms."""
    tau_c, tau_d, dt, steps = 200.0, 50.0, 0.1, 2000
    pre, post, release = np.zeros((steps, 1)), np.zeros((steps, 1)), np.zeros(steps)
    pre[99], post[149], release[400] = 1.0, 1.0, 0.8 * 1e3 / dt
    rule = lambda net: bs.plasticity.RewardModulated(
        bs.plasticity.PairSTDP(A_plus=0.3 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA),
        net.dopamine,
        tau_c=tau_c * u.ms,
        gain=1 / u.ms,
    )
    found = learn(clamp(rule, 1, 1), pre, post, release=release)
    tau = 1 / (1 / tau_c + 1 / tau_d)
    # The reward is spread over a step of 0.1 ms from 40 ms on
    c = 0.3 * np.exp(-5 / 20) * np.exp(-(40.05 - 15) / tau_c)
    expected = 0.5 + c * 0.8 * tau * (1 - np.exp(-(steps * dt - 40.05) / tau))
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_a_mean_reward_that_is_expected_teaches_nothing(clamp, learn):
    """A constant level of dopamine, once it has become the mean."""
    tau_d = 50.0
    rule = lambda net: bs.plasticity.RewardModulated(
        bs.plasticity.PairSTDP(A_plus=0.3 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA), net.dopamine, tau_mean=20 * u.ms, gain=1 / u.ms,
        expected=1.0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    net = clamp(rule, 2, 2, dopamine={"level": 1.0})
    found = learn(net, spikes(rng, 500, 2), spikes(rng, 500, 2), release=np.full(500, 1e3 / tau_d))
    np.testing.assert_allclose(found, 0.5, atol=1e-12)


def test_policy_gradient_is_spikes_minus_expectation(clamp, learn):
    rng, steps, dt = np.random.default_rng(4), 500, 0.1
    pre, post, V = spikes(rng, steps, 2, 0.05), spikes(rng, steps, 3, 0.05), -52 + 3 * rng.random((steps, 3))
    rule = bs.plasticity.PolicyGradient(A=0.01 * u.pA, rho_0=60 * u.Hz, theta=-50 * u.mV, Delta=2 * u.mV)
    found = learn(clamp(rule, 2, 3), pre, post, V)
    x, w = np.zeros(2), np.full((2, 3), 0.5)
    for k in range(steps):
        x = x * np.exp(-dt / 20)
        w = w + 0.01 * np.outer(x, post[k] - 0.06 * dt * np.exp((V[k] + 50) / 2))
        x = x + pre[k]
    np.testing.assert_allclose(found, w, rtol=1e-12)


def test_rules_combine_in_their_order(clamp, learn):
    """STDP that is cut at its bound, and then scaled beyond it; the other way round it is cut last."""
    pre, post = np.zeros((200, 1)), np.zeros((200, 1))
    pre[50], post[100] = 1.0, 1.0
    stdp = lambda: bs.plasticity.PairSTDP(A_plus=5 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA)
    grow = lambda: bs.plasticity.HomeostaticScaling(target_rate=100 * u.Hz, beta=10.0, tau=1e6 * u.ms)
    first = learn(clamp([stdp(), grow()], 1, 1), pre[:101], post[:101])
    last = learn(clamp([grow(), stdp()], 1, 1), pre[:101], post[:101])
    np.testing.assert_allclose(first, 1 + 10 * 0.1 * 0.1, rtol=1e-9)
    np.testing.assert_allclose(last, 1.0, rtol=1e-12)


@pytest.mark.parametrize("pairing", ["all", "nearest", "nearest_restricted"])
def test_weights_are_differentiable_in_the_spikes(clamp, pairing):
    """Presynaptic spikes that are floats, against differences, also where there is none."""
    rule = bs.plasticity.PairSTDP(
        A_plus=0.1 * u.pA,
        A_minus=0.2 * u.pA,
        w_min=-9 * u.pA,
        w_max=9 * u.pA,
        mu_plus=0.5,
        mu_minus=1.0,
        pairing=pairing,
    )
    run = bs.function(clamp(rule, 3, 2, source=bs.sources.SpikeInput), 40 * u.ms, dt=1 * u.ms, remat=False)
    rng = np.random.default_rng(0)
    given, post = (jnp.asarray((rng.random((40, n)) < 0.2).astype(float)) for n in (3, 2))
    probe = jnp.asarray(rng.normal(size=(3, 2)))
    loss = lambda given: jnp.sum(
        probe * run({}, {}, inputs={"pre.input": given, "post.given": post})[0]["pre->post.weight"]
    )
    slope = jax.jit(jax.grad(loss))(given)
    at = rng.permutation(given.size)[:12]
    h = 1e-6 * jnp.eye(given.size)[at].reshape(-1, *given.shape)
    up, down = np.split(np.asarray(jax.jit(jax.vmap(loss))(given[None] + jnp.concatenate([h, -h]))), 2)
    np.testing.assert_allclose(slope.ravel()[at], (up - down) / 2e-6, rtol=1e-5, atol=1e-9)


def test_a_gradient_passes_from_the_weights_through_postsynaptic_spikes():
    """With a surrogate a weight that was learned tells how the drive of the cell should change."""
    net = bs.Network()
    net.pre = bs.sources.PoissonGroup(4, rate=100 * u.Hz)
    net.post = bs.neurons.LIF(2, surrogate=bs.surrogate.Sigmoid(), R=100 * u.Mohm)
    net.post.add_receptors(syn=bs.receptors.Exponential())
    net.post.add_stimuli(drive=bs.stimuli.Constant(np.array([180.0, 240.0]) * u.pA))
    rule = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.02 * u.pA, w_max=9 * u.pA)
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=0.5 * u.pA, plasticity=rule)
    run = bs.function(net, 60 * u.ms, dt=1 * u.ms)
    weight = lambda drive: run({"post.drive.amplitude": drive}, {})[0]["pre->post.weight"].sum()
    slope = jax.grad(weight)(run.parameters["post.drive.amplitude"])
    assert np.all(slope > 0)  # more drive, more spikes, more potentiation


def test_rate_units_learn_through_graded_synapses():
    """Linear units with weights of Oja's rule from each input: w goes to w_1 x / y."""
    net = bs.Network()
    net.source, net.unit = bs.masses.ThresholdLinear(2, r=np.array([0.5, 1.5])), bs.masses.ThresholdLinear(1, r=0.8)
    net.unit.add_receptors(syn=bs.receptors.Graded())
    rates = dict(pre_variable="r", post_variable="r")
    pinned = dict(tau=1e12 * u.ms)  # rates that stay where they are
    net.source.tau, net.unit.tau = pinned["tau"], pinned["tau"]
    oja = bs.plasticity.Oja(eta=100 * u.Hz, w_1=2.0, **rates)
    net.connect(net.source, net.unit, bs.AllToAll(), receptor="syn", signal="r", weight=0.1, plasticity=oja)
    bs.simulate(net, 0.5 * u.second, dt=1 * u.ms, progress=False)
    np.testing.assert_allclose(
        np.asarray(net["source->unit"].plain("weight")).ravel(), 2.0 * np.array([0.5, 1.5]) / 0.8, rtol=1e-6
    )
    stdp = bs.plasticity.PairSTDP(A_plus=1.0, A_minus=1.0, w_max=1.0)
    with pytest.raises(ValueError, match="plasticity on spikes cannot serve a graded signal"):
        net.connect(net.source, net.unit, bs.AllToAll(), receptor="syn", signal="r", weight=0.1, plasticity=stdp)


class _Bounce(bs.plasticity.Plasticity):
    """Post spikes raise a weight, pre spikes lower it; both count before it is kept within bounds, or one after the
    other.
    """

    up = bs.Parameter(0.0, "raise", unit="weight_unit")
    down = bs.Parameter(0.0, "lowering", unit="weight_unit")
    at_once = True

    def update(self, s):
        if self.at_once:
            s.on_either(post=s.up, pre=-s.down)
        else:
            s.on_post(s.up)
            s.on_pre(-s.down)


@pytest.mark.parametrize(("at_once", "both"), [(True, 0.8), (False, 0.5)])
def test_two_changes_at_once_are_kept_within_bounds_once(clamp, at_once, both):
    """From the highest weight 1: two neurons fire together, +0.3 - 0.5, two alone."""
    rule = _Bounce(up=0.3 * u.pA, down=0.5 * u.pA, w_min=0 * u.pA, w_max=1 * u.pA)
    rule.fix(at_once=at_once)
    net = clamp(rule, 2, 2, w=1.0)
    fired = np.zeros((3, 2))
    fired[1, 0] = 1.0
    bs.simulate(net, 3 * u.ms, dt=1 * u.ms, inputs={"pre.given": fired, "post.given": fired}, progress=False)
    np.testing.assert_allclose(net["pre->post"].plain("weight"), [[both, 0.5], [1.0, 1.0]], rtol=1e-12)


def test_plasticity_sees_the_spikes_that_open_a_gate(clamp):
    """A gate sends a value at every step; spikes change the weights as they do where they are sent themselves."""
    rng = np.random.default_rng(2)
    given = {f"{side}.given": (rng.random((60, 3)) < 0.2).astype(float) for side in ("pre", "post")}
    learned = []
    for gate in (None, bs.terminals.NMDAGating()):
        stdp = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.07 * u.pA, w_max=1 * u.pA)
        net = clamp(bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.pA), 3, 3)
        net.post.add_receptors(gated=bs.receptors.Exponential() if gate is None else bs.receptors.Graded())
        wire = dict(receptor="gated", weight=0.5 * u.pA, terminal=gate, plasticity=stdp, name="learning")
        net.connect(net.pre, net.post, bs.AllToAll(), **wire)
        bs.simulate(net, 60 * u.ms, dt=1 * u.ms, inputs=given, progress=False)
        learned.append(np.asarray(net["learning"].plain("weight")))
    assert np.ptp(learned[0]) > 0.1
    np.testing.assert_allclose(learned[1], learned[0], rtol=1e-12)
    stdp = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.pA)
    with pytest.raises(ValueError, match="other than that of a terminal without a delay"):
        late = dict(weight=0.5 * u.pA, delay=2 * u.ms, terminal=bs.terminals.NMDAGating(), plasticity=stdp)
        net.connect(net.pre, net.post, bs.AllToAll(), receptor="gated", **late)
