"""Unknown numbers stand where they are said to, within bounds, as probable as scipy says."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import brainsim as bs
from brainsim import cells, channels
from brainsim.connectivity import log_density
from brainsim.train import Unknown, Unknowns

G = u.mS / u.cm2


def cell():
    cut = cells.discretise(
        cells.rall_tree(2, diameter=4 * u.um, length=80 * u.um, soma=20 * u.um), cells.MaxLength(40 * u.um)
    )
    net = bs.Network()
    net.cell = cells.MultiCompartment(
        2,
        cut,
        channels=dict(
            na=channels.Na_HH1952(g_max=120 * G),
            k=channels.K_HH1952(g_max=cells.by_region({"soma": 36 * G, "dend": 10 * G})),
            h=channels.Ih_HM1992(g_max=0.1 * G).on("dend"),
        ),
    )
    net.cell.add_stimuli(step=bs.stimuli.Constant(0.3 * u.nA))
    return net


@pytest.fixture(scope="module")
def net():
    return cell()


def test_parameters_are_made_by_place(net):
    cut = net.cell.compartments
    unknowns = Unknowns(
        net,
        na=Unknown("cell.na.g_max", "soma", between=(1 * G, 1000 * G), log=True),
        dend=Unknown("cell.na.g_max", "dend", each="branch", between=(1 * G, 1000 * G)),
        k=Unknown("cell.k.g_max", each=["soma", "dend"], between=(1 * G, 100 * G)),
        h=Unknown("cell.h.g_max", times=cells.of_distance(lambda d: 1 + d / (100 * u.um)), between=(0.01 * G, 1 * G)),
        axial=Unknown("cell.R_a", between=(50 * u.ohm * u.cm, 300 * u.ohm * u.cm)),
        leak=Unknown("cell.g_L", "soma", each="unit", between=(0.01 * G, 1 * G)),
        amplitude=Unknown("cell.step.amplitude", between=(0 * u.nA, 1 * u.nA)),
    )
    assert unknowns.labels == (
        "na", "dend[dend[0]]", "dend[dend[1]]", "dend[dend[2]]", "k[soma]", "k[dend]", "h", "axial",
        "leak[0]", "leak[1]", "amplitude",
    )  # fmt: skip
    assert len(unknowns) == 11
    values = dict(
        na=200 * G, dend=[10, 20, 30] * G, k=[50, 5] * G, h=0.2 * G, axial=2 * u.ohm * u.meter, leak=[0.2, 0.3] * G,
        amplitude=500 * u.pA,
    )  # fmt: skip
    free = unknowns.free(values)
    made = unknowns.parameters(free)
    soma, branch = cut.type == "soma", cut.branch
    by_cell = lambda each: np.repeat(each, 2)
    np.testing.assert_allclose(made["cell.na.g_max"], by_cell(np.where(soma, 200, branch * 10)), rtol=1e-12)
    np.testing.assert_allclose(made["cell.k.g_max"], by_cell(np.where(soma, 50, 5)), rtol=1e-12)
    np.testing.assert_allclose(made["cell.h.g_max"], by_cell(0.2 * (1 + cut.distance[~soma] / 100)), rtol=1e-12)
    np.testing.assert_allclose(made["cell.g_L"].reshape(-1, 2)[0], [0.2, 0.3])
    np.testing.assert_allclose(made["cell.g_L"].reshape(-1, 2)[1:], 0.1)
    assert made["cell.R_a"] == pytest.approx(200) and made["cell.step.amplitude"] == pytest.approx(500)  # pA
    back = unknowns.values(free)
    for name, value in values.items():
        np.testing.assert_allclose(back[name].to_decimal(value.unit), value.mantissa, rtol=1e-12)
    np.testing.assert_allclose(unknowns.vector(unknowns.of_vector(unknowns.vector(free))), unknowns.vector(free))
    assert "11 numbers" in repr(unknowns)


def test_the_first_are_those_of_the_network(net):
    """So a run with them is the run without."""
    unknowns = Unknowns(net, na=Unknown("cell.na.g_max", each="compartment"), k=Unknown("cell.k.g_max", each="type"))
    run = bs.function(net, 2 * u.ms, dt=0.05 * u.ms, record="cell.V")
    with_them = run(unknowns.parameters(unknowns.first), {})[1]["cell.V"]
    np.testing.assert_allclose(with_them, run({}, {})[1]["cell.V"], rtol=1e-12)
    other = cell()
    Unknowns(other, E=Unknown(["cell.na.E", "cell.E_L"], log=False)).write({"E": jnp.array(1.0)})
    np.testing.assert_allclose([x.to_decimal(u.mV) for x in (other.cell.na.E, other.cell.E_L)], 50)


def test_priors(net):
    low, high = 1.0, 400.0
    unknowns = Unknowns(
        net,
        a=Unknown("cell.na.g_max", prior=bs.LogNormal(0.1 * u.siemens / u.cm2, 0.05 * u.siemens / u.cm2)),
        b=Unknown("cell.k.g_max", between=(low * G, high * G), prior=bs.Normal(50 * G, 30 * G)),
        c=Unknown("cell.h.g_max", between=(0.01 * G, 1 * G), log=True),
    )
    s = np.sqrt(np.log(1.25))
    expected = (
        stats.lognorm(s, scale=100 * np.exp(-(s**2) / 2)).logpdf(90)
        + stats.truncnorm((low - 50) / 30, (high - 50) / 30, 50, 30).logpdf(40)
        + stats.loguniform(0.01, 1).logpdf(0.2)
    )
    found = unknowns.log_prior(unknowns.free(dict(a=90, b=40, c=0.2)))
    assert float(found) == pytest.approx(expected, rel=1e-10)
    drawn = jax.vmap(unknowns.plain)(unknowns.sample(jax.random.PRNGKey(0), 4000))
    assert drawn["a"].mean() == pytest.approx(100, rel=0.03) and drawn["a"].std() == pytest.approx(50, rel=0.1)
    assert stats.kstest(drawn["c"], stats.loguniform(0.01, 1).cdf).pvalue > 1e-3
    assert stats.kstest(drawn["b"], stats.truncnorm((low - 50) / 30, (high - 50) / 30, 50, 30).cdf).pvalue > 1e-3


def test_densities_are_those_of_scipy():
    x = np.array([0.25, 0.5, 2.0, 2.9])
    s = np.sqrt(np.log(1.25))
    pairs = [
        (bs.Normal(1.0, 2.0), stats.norm(1, 2)),
        (bs.LogNormal(2.0, 1.0), stats.lognorm(s, scale=2 * np.exp(-(s**2) / 2))),
        (bs.Uniform(0.2, 3.0), stats.uniform(0.2, 2.8)),
        (bs.LogUniform(0.2, 3.0), stats.loguniform(0.2, 3)),
        (bs.Normal(-9.0, 2.0).truncate(0.2, 3.0), stats.truncnorm(4.6, 6, -9, 2)),
        (bs.LogUniform(0.1, 9.0).truncate(0.2, 3.0), stats.loguniform(0.2, 3)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(log_density(ours, x), theirs.logpdf(x), rtol=1e-9, err_msg=ours.name)
        assert float(log_density(ours, -1.0)) == pytest.approx(theirs.logpdf(-1.0))
    assert float(jax.grad(lambda x: log_density(bs.LogNormal(2.0, 1.0), x))(-1.0)) == 0
    volts = log_density(bs.Normal(1 * u.volt, 2 * u.volt), 500 * u.mV, u.mV)
    assert float(volts) == pytest.approx(stats.norm(1000, 2000).logpdf(500))
    with pytest.raises(TypeError, match="Clipped has no density"):
        log_density(bs.Normal(1.0, 2.0).clip(0.0), x)
    with pytest.raises(ValueError, match="larger than 0"):
        bs.LogUniform(0.0, 1.0)


def test_what_is_held_stays(net):
    unknowns = Unknowns(
        net,
        soma=Unknown("cell.na.g_max", "soma", between=(1 * G, 1000 * G)),
        dend=Unknown("cell.na.g_max", "dend", between=(1 * G, 1000 * G)),
    )
    free = unknowns.free(dict(soma=300, dend=30))
    later = unknowns.holding(free, "soma")
    assert later.names == ("dend",) and later.labels == ("dend",) and len(later) == 1
    made = later.parameters(later.free(dict(dend=60)))["cell.na.g_max"]
    np.testing.assert_allclose(np.unique(made), [60, 300])
    with pytest.raises(ValueError, match="nothing is left"):
        later.holding(free, "dend")


def test_groups_of_neurons():
    net = bs.Network()
    net.cells = bs.neurons.LIF(4, tau=[10.0, 10, 20, 20] * u.ms)
    unknowns = Unknowns(net, tau=Unknown("cells.tau", each=[0, 0, 1, 1], between=(5 * u.ms, 50 * u.ms)))
    made = unknowns.parameters(unknowns.free(dict(tau=[12, 30] * u.ms)))["cells.tau"]
    np.testing.assert_allclose(made, [12, 12, 30, 30])
    one = Unknowns(net, E=Unknown("cells.E_L", each="unit"))
    assert len(one) == 4 and one.parameters(one.first)["cells.E_L"].shape == (4,)


@pytest.mark.parametrize(
    "given, error, message",
    [
        (dict(a=Unknown("cell.na.g_mx")), bs.UnknownNameError, "Did you mean 'cell.na.g_max'"),
        (dict(a=Unknown("cell.na.g_max", "som")), bs.UnknownNameError, "Did you mean 'soma'"),
        (dict(a=Unknown("cell.na.g_max"), b=Unknown("cell.na.g_max", "soma")), ValueError, r"a and b both .*soma\[0\]"),
        (dict(a=Unknown("cell.na.g_max", each="brunch")), bs.UnknownNameError, "Did you mean 'branch'"),
        (dict(a=Unknown("cell.g_L", between=(1 * G, 2 * G))), ValueError, "between 1 and 2, given 0.1"),
        (dict(a=Unknown("cell.g_L", between=(1 * u.mV, 2 * u.mV))), bs.UnitError, "a: prior: expected"),
        (dict(a=Unknown("cell.h.g_max", "soma")), ValueError, "does not stand at soma"),
        (dict(a=Unknown(["cell.h.g_max", "cell.na.E"])), ValueError, "tied, they are the same"),
        (dict(a=Unknown("cell.na.g_max", each=["soma"])), ValueError, "in none or in several of the regions"),
        (dict(a=Unknown("cell.na.g_max", each=[0, 2] * 9)), ValueError, "without gaps"),
        (dict(a=3.0), TypeError, "must be an Unknown"),
        (dict(), ValueError, "name what is looked for"),
    ],
)
def test_bad_unknowns_are_refused(net, given, error, message):
    with pytest.raises(error, match=message):
        Unknowns(net, **given)


def test_bad_values_are_refused(net):
    unknowns = Unknowns(net, na=Unknown("cell.na.g_max", between=(1 * G, 200 * G)), k=Unknown("cell.k.E"))
    with pytest.raises(ValueError, match="free has no k"):
        unknowns.parameters({"na": 0.0})
    with pytest.raises(bs.UnknownNameError, match="'n'"):
        unknowns.parameters({"na": 0.0, "k": 0.0, "n": 1.0})
    with pytest.raises(ValueError, match="between 1 and 200"):
        unknowns.free(dict(na=300, k=-77))
    with pytest.raises(ValueError, match="k has neither a prior nor bounds"):
        unknowns.sample(jax.random.PRNGKey(0), 3)
    with pytest.raises(TypeError, match="prior must be a distribution"):
        Unknown("cell.k.E", prior=3.0)
    with pytest.raises(ValueError, match="not both"):
        Unknown("cell.k.E", between=(1 * G, 2 * G), within=bs.train.transforms.Positive())
