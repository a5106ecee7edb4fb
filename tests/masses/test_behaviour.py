"""What the papers show: closed forms, bifurcation points, frequencies and transitions."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import solve_continuous_lyapunov

import brainsim as bs
from brainsim import masses, receptors, stimuli


def traces(net, ms, *names, dt=0.1, every=None):
    options = {} if every is None else {"sample_every": every * u.ms}
    rec = bs.simulate(net, ms * u.ms, dt=dt * u.ms, record=[f"m.{name}" for name in names], progress=False, **options)
    return np.asarray(rec.times / u.ms), *(np.asarray(u.get_mantissa(rec[f"m.{name}"])) for name in names)


def network(mass, **drives):
    net = bs.Network()
    net.m = mass
    net.m.add_stimuli(**drives)
    return net


def upward(t, x, level=0.0):
    """Times at which x crosses a level upwards, interpolated."""
    k = np.nonzero((x[:-1] <= level) & (x[1:] > level))[0]
    return t[k] + (level - x[k]) / (x[k + 1] - x[k]) * (t[1] - t[0])


def frequency(x, step_ms):
    """Dominant frequency in Hz."""
    power = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)), 8 * len(x)))
    return np.fft.rfftfreq(8 * len(x), 1e-3 * step_ms)[power.argmax()]


# -- rate units ------------------------------------------------------------------------------------------------------


def test_a_threshold_linear_unit_relaxes_to_its_response():
    net = network(masses.ThresholdLinear(3, gain=2.0, theta=0.5), drive=stimuli.Constant([0.0, 0.7, 3.0]))
    t, r = traces(net, 30, "r")
    np.testing.assert_allclose(r, np.array([0.0, 0.4, 5.0]) * (1 - np.exp(-t / 10))[:, None], atol=1e-9)


def test_coupled_linear_units_have_the_covariance_of_the_lyapunov_equation():
    pairs = 4000
    W = np.array([[0.0, 0.8], [-0.4, 0.0]])  # target, source
    tau, sigma = 5.0, 0.3
    first, second = np.arange(0, 2 * pairs, 2), np.arange(1, 2 * pairs, 2)
    net = network(masses.Linear(2 * pairs, tau=tau * u.ms), noise=stimuli.WhiteNoise(sigma * u.ms**0.5))
    net.m.add_receptors(coupling=receptors.Graded())
    for source, target, weight in ((second, first, W[0, 1]), (first, second, W[1, 0])):
        net.connect(net.m, net.m, bs.FromArrays(source, target), receptor="coupling", signal="x", weight=weight)
    bs.simulate(net, 50 * u.ms, dt=0.05 * u.ms)
    x = np.asarray(net.m.x).reshape(pairs, 2)
    expected = solve_continuous_lyapunov((W - np.eye(2)) / tau, -np.eye(2) * (sigma / tau) ** 2)
    np.testing.assert_allclose(np.cov(x.T), expected, atol=4 * expected.max() * np.sqrt(2 / pairs))


def test_wilson_cowan_oscillates_on_the_limit_cycle_of_figure_11_and_rests_without_drive(flow):
    driven, rest = masses.WilsonCowan(1), masses.WilsonCowan(1, P=0.0)
    assert flow(driven).fixed_point([0.2, 0.107])[1] > 0
    assert flow(rest).fixed_point([1e-4, 1e-4])[1] < 0
    t, E = traces(network(masses.WilsonCowan(2, P=[1.25, 0.0])), 600, "E")
    late = t > 300
    assert np.ptp(E[late, 0]) > 0.15
    assert np.ptp(E[late, 1]) < 1e-6
    periods = np.diff(upward(t[late], E[late, 0], E[late, 0].mean()))
    assert np.ptp(periods) < 0.01
    assert periods.mean() == pytest.approx(wilson_cowan_period(), rel=1e-4)


def wilson_cowan_period():
    """Period in ms of the paper's equations, typed on their own and solved by scipy."""

    def S(x, a, th):
        return 1 / (1 + np.exp(-a * (x - th))) - 1 / (1 + np.exp(a * th))

    def f(t, y):
        E, I = y
        return [
            (-E + (1 - 1 / (1 + np.exp(1.3 * 4)) - E) * S(16 * E - 12 * I + 1.25, 1.3, 4)) / 10,
            (-I + (1 - 1 / (1 + np.exp(2 * 3.7)) - I) * S(15 * E - 3 * I, 2, 3.7)) / 10,
        ]

    t = np.arange(300, 600, 0.1)
    E = solve_ivp(f, (0, 600), [0.1, 0.05], t_eval=t, rtol=1e-10, atol=1e-12).y[0]
    return np.diff(upward(t, E, E.mean())).mean()


# -- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "sign"), [(89.7, -1), (89.9, 1), (315.6, 1), (315.8, -1)])
def test_jansen_rit_has_the_published_hopf_points(flow, p, sign):
    """Grimbert and Faugeras: p = 89.83 and 315.70 / s."""
    column = flow(masses.JansenRit(1, p=p * u.Hz))
    guess = [0.098, 20.2, 13.4, 0, 0, 0] if p < 200 else [0.124, 27.8, 19.7, 0, 0, 0]
    assert np.sign(column.fixed_point(guess)[1]) == sign


def test_jansen_rit_makes_alpha_with_noise():
    net = bs.Network(seed=3)
    net.m = masses.JansenRit(8, p=220 * u.Hz)
    net.m.add_stimuli(noise=stimuli.WhiteNoise(2 * u.Hz * u.second**0.5))
    t, psp = traces(net, 4000, "psp", dt=0.5)
    found = [frequency(x[t > 1000], 0.5) for x in psp.T]
    assert 8 < np.median(found) < 13
    assert np.all(np.asarray(found) > 7)


def test_wendling_goes_from_background_to_discharges_to_fast_activity():
    """The types of figure 2, by the gains (A, B, G) in mV."""
    gains = np.array([[5, 50, 15], [5, 25, 15], [5, 5, 25]], float)
    net = bs.Network(seed=1)
    net.m = masses.Wendling(3, A=gains[:, 0] * u.mV, B=gains[:, 1] * u.mV, G=gains[:, 2] * u.mV)
    net.m.add_stimuli(noise=stimuli.WhiteNoise(30 * u.Hz * u.ms**0.5))
    t, psp = traces(net, 6000, "psp", dt=0.5)
    late = psp[t > 2000]
    background, discharges, fast = late.T
    assert discharges.std() > 5 * background.std()
    assert 2 < frequency(discharges, 0.5) < 8
    assert frequency(fast, 0.5) > 13
    assert fast.std() < discharges.std()


# -- decisions -------------------------------------------------------------------------------------------------------


def test_wong_wang_is_undecided_without_a_stimulus_and_has_to_decide_with_one(flow):
    """Figure 4 and 5 of the paper: three attractors at rest; the symmetric state is a saddle at 30 Hz of zero
    coherence.
    """
    rest = flow(masses.WongWang(1))
    stimulus = flow(masses.WongWang(1), I_1=0.52e-3 * 30, I_2=0.52e-3 * 30)
    assert rest.fixed_point([0.1, 0.1])[1] < 0
    assert rest.fixed_point([0.6, 0.05])[1] < 0
    assert stimulus.fixed_point([0.4, 0.4])[1] > 0
    assert stimulus.fixed_point([0.7, 0.05])[1] < 0


def test_reduced_wong_wang_solves_its_own_balance(flow):
    (S,), slope = flow(masses.ReducedWongWang(1)).fixed_point([0.03])
    assert slope < 0
    excess = 270 * (0.9 * 0.2609 * S + 0.3) - 108
    rate = excess / (1 - np.exp(-0.154 * excess))
    assert rate == pytest.approx(S / (0.1 * 0.641 * (1 - S)), rel=1e-9)
    assert abs(S - 0.034) < 5e-4


# -- oscillators -----------------------------------------------------------------------------------------------------


def test_stuart_landau_and_hopf_run_on_their_circles():
    t, x, y = traces(network(masses.StuartLandau(2, a=[0.25, -0.25], omega=1.5, c=2.0)), 200, "x", "y", dt=0.02)
    radius = np.hypot(x, y)[-1]
    np.testing.assert_allclose(radius, [0.5, 0.0], atol=1e-6)
    turned = np.unwrap(np.arctan2(y[:, 0], x[:, 0]))
    late = t > 100
    assert np.polyfit(t[late], turned[late], 1)[0] == pytest.approx(1.5 - 2.0 * 0.25, rel=1e-6)
    hopf = masses.Hopf(1, a=20 * u.Hz, beta=5 * u.Hz, omega=2 * np.pi * 10 * u.Hz)
    t, x, y = traces(network(hopf), 1000, "x", "y")
    assert np.hypot(x, y)[-1, 0] == pytest.approx(2.0, rel=1e-6)
    assert np.diff(upward(t, x[:, 0])).mean() == pytest.approx(100.0, rel=1e-5)


def test_van_der_pol_has_the_tabulated_period():
    t, x = traces(network(masses.VanDerPol(2, mu=[1.0, 0.01])), 120, "x", dt=0.01)
    late = t > 50
    assert np.diff(upward(t[late], x[late, 0])).mean() == pytest.approx(6.66328686, rel=1e-5)
    assert x[late, 1].max() == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("side", [-1, 1])
def test_fitzhugh_nagumo_oscillates_between_its_hopf_points(flow, side):
    """v = -/+ sqrt(1 - epsilon b), with the current that puts the fixed point there."""
    unit = masses.FitzHughNagumoField(1)
    v = side * np.sqrt(1 - 0.08 * 0.8)
    for shift, sign in ((0.01, -1), (-0.01, 1)):
        at = v + side * shift
        current = -(at - at**3 / 3) + (at + 0.7) / 0.8
        assert np.sign(flow(unit, I=current).fixed_point([at, (at + 0.7) / 0.8])[1]) == sign


def test_a_pulse_travels_along_a_ring_of_excitable_units():
    n = 60
    net = network(masses.FitzHughNagumoField(n))
    net.m[:3].add_stimuli(kick=stimuli.Constant(1.0, stop=8 * u.ms))
    net.m.add_receptors(neighbours=receptors.Diffusive())
    here = np.arange(n - 1)
    for source, target in ((here, here + 1), (here + 1, here)):
        net.connect(net.m, net.m, bs.FromArrays(source, target), receptor="neighbours", weight=1.0)
    t, v = traces(net, 120, "v")
    arrival = np.array([upward(t, v[:, k])[0] for k in range(10, 50)])
    speed = 1 / np.diff(arrival)
    assert np.ptp(speed[5:]) < 0.02 * speed[5:].mean()
    assert np.all(np.diff(arrival) > 0)


@pytest.mark.parametrize(("ratio", "expected"), [(0.6, 0.0), (1.5, np.sqrt(1 - 1 / 1.5)), (3.0, np.sqrt(1 - 1 / 3.0))])
def test_kuramoto_synchronises_above_the_critical_coupling(ratio, expected):
    """Lorentzian frequencies of half width gamma: K_c = 2 gamma, r = sqrt(1 - K_c / K)."""
    n, gamma = 800, 0.05
    quantiles = (np.arange(n) + 0.5) / n
    omega = gamma * np.tan(np.pi * (quantiles - 0.5))
    net = network(masses.Kuramoto(n, omega=omega / u.ms, theta=bs.Uniform(0.0, 2 * np.pi)))
    net.m.add_receptors(coupling=receptors.Sinusoidal())
    net.connect(net.m, net.m, bs.AllToAll(), receptor="coupling", weight=ratio * 2 * gamma / n / u.ms)
    _, theta = traces(net, 400, "theta", dt=0.2, every=1.0)
    r = np.abs(np.exp(1j * theta[250:]).mean(1)).mean()
    assert r == pytest.approx(expected, abs=0.06)


# -- mean fields and epilepsy ----------------------------------------------------------------------------------------


def test_the_qif_mean_field_is_bistable_at_the_roots_of_its_polynomial(flow):
    """x = pi tau r solves v = -Delta / (2 x) and v^2 + eta - x^2 + J x / pi = 0."""
    roots = np.roots([-1, 15 / np.pi, -5.0, 0, 0.25])
    x = np.sort(roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].real)
    assert len(x) == 3
    stable = []
    for root in x:
        y, slope = flow(masses.QIFMeanField(1)).fixed_point([root / np.pi * 100, -0.5 / root])
        stable.append(slope < 0)
    assert stable == [True, False, True]
    net = network(masses.QIFMeanField(2, r=[0.0, 100.0] * u.Hz, v=[-2.0, 0.0]))
    _, r = traces(net, 400, "r")
    np.testing.assert_allclose(r[-1] * 1e-3 * 10 * np.pi, x[[0, 2]], rtol=1e-5)


@pytest.mark.slow
def test_the_qif_mean_field_is_that_of_the_neurons():
    """10,000 neurons with the same equations, from the mean field's distribution of V in the high state: their rate
    stays there within 3 %.
    """
    n, dt, peak = 10_000, 0.002, 200.0
    roots = np.roots([-1, 15 / np.pi, -5.0, 0, 0.25])
    # Pi times the rate: half the width of the Lorentzian; its centre is -1 / (2 x)
    x = roots[np.abs(roots.imag) < 1e-9].real.max()
    eta = -5 + np.tan(np.pi / 2 * (2 * np.arange(1, n + 1) - n - 1) / (n + 1))
    V = -0.5 / x + x * np.tan(np.pi * (np.random.default_rng(0).permutation(n) + 0.5 - n / 2) / n)
    V, held, rate, counts = np.clip(V, -peak, peak), np.zeros(n), x / np.pi, []
    for _ in range(20_000):
        free = held <= 0
        V = np.where(free, V + dt * (V**2 + eta + 15 * rate), V)
        fired = free & (peak < V)
        held = np.where(fired, 2 / peak, held - dt)
        V = np.where(fired, -peak, V)
        counts.append(fired.sum())
        rate = np.mean(counts[-25:]) / n / dt
    assert np.mean(counts[-10_000:]) / n / dt == pytest.approx(x / np.pi, rel=0.03)


def test_larter_breakspear_rests_oscillates_and_is_chaotic():
    delta_V, delta_Z = np.array([0.5, 0.55, 0.6]).repeat(2), np.array([0.7, 0.7, 0.65]).repeat(2)
    net = network(masses.LarterBreakspear(6, delta_V=delta_V, delta_Z=delta_Z, V=np.tile([-0.2, -0.2 + 1e-7], 3)))
    _, V = traces(net, 3000, "V", every=0.5)
    late = V[-2000:]
    apart = np.abs(late[:, ::2] - late[:, 1::2]).max(0)
    assert late[:, 0].std() < 1e-9
    assert late[:, 2].std() > 0.05
    assert apart[1] < 1e-3
    assert apart[2] > 0.1


def test_the_epileptor_has_seizures_above_its_critical_excitability():
    net = network(masses.Epileptor(2, x_0=[-1.6, -2.2]))
    _, lfp, z = traces(net, 12_000, "lfp", "z", dt=0.05, every=1.0)
    assert lfp[2000:, 1].std() < 0.01
    assert lfp[2000:, 0].std() > 0.3
    assert np.ptp(z[2000:, 0]) > 0.8  # the slow variable rises in a seizure and falls after it


def test_bold_has_its_steady_state_and_its_lag():
    activity = 0.3
    net = network(masses.BalloonWindkessel(1), drive=stimuli.Constant(activity * u.Hz))
    _, bold = traces(net, 60_000, "bold", dt=5.0, every=500.0)
    f = 1 + activity / 0.41
    v = f**0.32
    q = v * (1 - (1 - 0.34) ** (1 / f)) / 0.34
    expected = 0.02 * (2.38 * (1 - q) + 2.0 * (1 - q / v) + 0.48 * (1 - v))
    assert bold[-1, 0] == pytest.approx(expected, rel=1e-4)
    pulse = network(masses.BalloonWindkessel(1), drive=stimuli.Constant(1.0 * u.Hz, stop=500 * u.ms))
    t, bold = traces(pulse, 30_000, "bold", dt=5.0, every=50.0)
    assert 3000 < t[bold[:, 0].argmax()] < 6000
    assert bold[t > 8000, 0].min() < -0.1 * bold.max()  # the undershoot


# -- a whole brain ---------------------------------------------------------------------------------------------------


def test_regions_are_coupled_over_a_connectome_with_delays_and_observed():
    rng = np.random.default_rng(0)
    n = 12
    lengths = rng.uniform(10, 150, (n, n))
    strengths = rng.lognormal(-2.0, 1.0, (n, n)) * (1 - np.eye(n))
    source, target = np.nonzero(strengths)
    net = network(masses.WilsonCowan(n, P=0.8), noise=stimuli.WhiteNoise(0.3 * u.ms**0.5, into="I_E"))
    net.m.add_receptors(coupling=receptors.Graded(into="I_E"))
    net.connect(
        net.m,
        net.m,
        bs.FromArrays(source, target),
        receptor="coupling",
        signal="E",
        weight=2.0 * strengths[source, target],
        delay=lengths[source, target] / 5.0 * u.ms,
    )
    net.bold = masses.BalloonWindkessel(n)
    net.bold.add_receptors(activity=receptors.Graded())
    net.connect(net.m, net.bold, bs.OneToOne(), receptor="activity", signal="E", weight=1 * u.Hz)
    rec = bs.simulate(net, 300 * u.ms, dt=0.2 * u.ms, record=["m.E", "bold.bold"])
    E = np.asarray(rec["m.E"])
    assert np.all((E > -0.2) & (E < 0.6))
    assert np.all(np.asarray(rec["bold.bold"])[-1] != 0)
    # without coupling a region does something else
    alone = network(masses.WilsonCowan(n, P=0.8), noise=stimuli.WhiteNoise(0.3 * u.ms**0.5, into="I_E"))
    other = np.asarray(bs.simulate(alone, 300 * u.ms, dt=0.2 * u.ms, record="m.E")["m.E"])
    assert not np.allclose(E, other)
    assert jnp.isfinite(net.m.plain("E")).all()
