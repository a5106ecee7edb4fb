"""Names are closed: what is assigned is assigned, or refused with the nearest name."""

import inspect

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
import brainsim.train
from brainsim._errors import UnknownNameError, a_or_an, names_arguments


@pytest.fixture(scope="module")
def net():
    net = bs.Network()
    net.E = bs.neurons.LIF(6, R=100 * u.Mohm, refractory=2 * u.ms)
    net.grid = bs.neurons.LIF((2, 3))
    net.E.add_receptors(ampa=bs.receptors.Exponential(), gaba=bs.receptors.Exponential(reversal=-80 * u.mV))
    net.E.add_stimuli(drive=bs.stimuli.Constant(1 * u.nA))
    net.connect(net.E, net.E, bs.AllToAll(), receptor="ampa", weight=np.ones((6, 6)) * u.pA)
    return net


@pytest.mark.parametrize("value", [5.0, 5.0 * u.ms, None, "5", np.ones(3)])
def test_a_mistyped_name_is_refused_whatever_the_value(net, value):
    for thing in (net.E, net.E.gaba, bs.neurons.LIF(3), net["E->E"]):
        with pytest.raises(bs.UnknownNameError, match="has no 'taau'"):
            thing.taau = value
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'tau'"):
        net.E.taau = value


@pytest.mark.parametrize(
    "read, message",
    [
        (lambda net: net.E.taau, "E has no 'taau'. Did you mean 'tau'"),
        (lambda net: net.e, "Network has no 'e'. Did you mean 'E'"),
        (lambda net: net.E.t_ref, "Did you mean 'refractory'"),
        (lambda net: net.E[:2].v, "a view of E: there is no 'v'. Did you mean 'V'"),
        (lambda net: net.E.v_reset, "Did you mean 'V_reset'"),
        (lambda net: bs.neurons.LIF(3, t_ref=1 * u.ms), "Did you mean 'refractory'"),
    ],
)
def test_reading_a_mistyped_name_suggests_one(net, read, message):
    with pytest.raises(bs.UnknownNameError, match=message):
        read(net)
    assert not hasattr(net.E, "shape")


@pytest.mark.parametrize("name", ["count", "size", "method", "surrogate", "path", "positions"])
def test_what_is_fixed_at_construction_says_so(net, name):
    with pytest.raises(bs.UnknownNameError, match="is fixed at construction"):
        setattr(net.E, name, 3)


@pytest.mark.parametrize(
    "base, name",
    [(bs.neurons.LIF, n) for n in ("count", "size", "method", "path", "surrogate", "update", "fires", "positions")]
    + [(bs.stimuli.Stimulus, "into"), (bs.receptors.Exponential, "count"), (bs.terminals.Terminal, "n_pre")],
)
def test_reserved_names_are_refused_where_the_class_is_defined(base, name):
    with pytest.raises(TypeError, match=f"the name '{name}' is reserved"):
        type("Own", (base,), {name: bs.Parameter(1.0)})


def test_a_declaration_may_be_declared_again():
    Slow = type("Slow", (bs.neurons.LIF,), {"tau": bs.Parameter(200.0 * u.ms, "slow")})
    assert Slow(1).tau == 200 * u.ms


def test_items_and_views_read_and_write(net):
    net.E.V = -60 * u.mV
    net.E.V[0] = -0.05 * u.volt
    net.E[1:3].V = -51 * u.mV
    net.E[1:3].V[1] = -52 * u.mV
    assert np.allclose(net.E.V.to_decimal(u.mV), [-50, -51, -52, -60, -60, -60])
    assert np.allclose(net.E[1:3].V.to_decimal(u.mV), [-51, -52])
    for bad, error, message in (
        (lambda: net.E.V.__setitem__(6, -50 * u.mV), IndexError, r"E\.V: the index 6 does not fit"),
        (lambda: net.E.V.__setitem__(0, -50 * u.nS), bs.UnitError, r"E\.V: expected mV"),
        (lambda: net.E.V.__setitem__(0, np.nan * u.mV), ValueError, "finite"),
        (lambda: setattr(net.E[:2], "V", np.zeros(3) * u.mV), ValueError, r"expected shape \(\) or \(2,\)"),
    ):
        with pytest.raises(error, match=message):
            bad()
    assert np.allclose(net.E.V.to_decimal(u.mV), [-50, -51, -52, -60, -60, -60])


def test_a_slice_stands_for_its_elements(net):
    """As in NumPy: assigning to an item of a slice assigns to the whole; other items are copies."""
    net.E.V = -60 * u.mV
    net.E.V[1:4][1:][0] = -50 * u.mV
    net.E[2:].V[:2][-1] = -51 * u.mV
    net.E.V[[4, 5]][0] = 0 * u.mV
    assert np.allclose(net.E.V.to_decimal(u.mV), [-60, -60, -50, -51, -60, -60])
    assert type(net.E.V[:2] + 1 * u.mV) is u.Quantity
    for index in (6, -7, [0, 9], "a"):
        with pytest.raises(IndexError, match=r"E\.V: the index .* does not fit"):
            net.E.V[index]
        with pytest.raises(IndexError, match=r"E: the index .* does not fit"):
            net.E[index]
    with pytest.raises(ValueError, match="names a unit twice"):
        net.E[[0, 0]]
    with pytest.raises(AttributeError, match="has no 'mantissa' that could be set"):
        net.E.V.mantissa = np.zeros(6)


def test_items_of_one_value_for_all_make_one_for_each(net):
    net.E.tau[4:] = 5 * u.ms
    assert np.allclose(net.E.tau.to_decimal(u.ms), [20, 20, 20, 20, 5, 5])
    net.E.tau = 20 * u.ms


def test_some_units_may_have_another_parameter(net):
    net.E[:2].tau = 5 * u.ms
    assert np.allclose(net.E.tau.to_decimal(u.ms), [5, 5, 20, 20, 20, 20])
    net.E.tau = 20 * u.ms


def test_weights_of_a_matrix_are_assigned_by_pair(net):
    net["E->E"].weight[3, 1] = 5 * u.pA
    assert net["E->E"].weight[3, 1] == 5 * u.pA
    assert float(jnp.sum(net["E->E"].plain("weight"))) == 36 - 1 + 5


def test_values_come_in_the_shape_of_the_units(net):
    net.grid.V = np.arange(6.0).reshape(2, 3) * u.mV
    assert np.array_equal(net.grid.plain("V"), np.arange(6))
    assert 3 * u.mV == net.grid[1, 0].V
    assert np.array_equal(bs.neurons.LIF((2, 3), V=np.ones((2, 3)) * u.mV).plain("V"), np.ones(6))
    with pytest.raises(ValueError, match=r"expected shape \(\) or \(6,\) or \(2, 3\), given \(3, 2\)"):
        net.grid.V = np.zeros((3, 2)) * u.mV


def test_an_optional_parameter_comes_and_goes(net):
    net.E.refractory = None
    assert net.E.refractory is None
    net.E.refractory = 3 * u.ms
    assert net.E.refractory == 3 * u.ms
    with pytest.raises(ValueError, match="must not be negative"):
        net.E.refractory = -1 * u.ms
    with pytest.raises(ValueError, match=r"E\.tau may not be None"):
        net.E.tau = None


def test_the_kind_of_a_receptor_is_fixed(net):
    with pytest.raises(ValueError, match=r"E\.ampa\.reversal: the receptor is a current"):
        net.E.ampa.reversal = 0 * u.mV
    with pytest.raises(ValueError, match=r"E\.gaba\.reversal: the receptor is a conductance"):
        net.E.gaba.reversal = None
    net.E.gaba.reversal = -75 * u.mV


def test_a_network_takes_populations_one_by_one():
    net = bs.Network()
    with pytest.raises(TypeError, match="a name holds one population"):
        net.layers = [bs.neurons.LIF(2), bs.neurons.LIF(2)]
    with pytest.raises(bs.UnknownNameError, match="Only populations, modulators"):
        net.tau = 5 * u.ms
    net.E, net.F = bs.neurons.LIF(2), bs.neurons.LIF(2)
    net.E.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    with pytest.raises(ValueError, match="E->E refers to it"):
        del net.E
    with pytest.raises(ValueError, match="belongs to it"):
        del net.E.V
    bs.simulate(net, 1 * u.ms)
    del net.F
    net.reset()
    bs.simulate(net, 1 * u.ms)
    assert list(net.populations) == ["E"]


class Playback(bs.stimuli.Stimulus):
    """A current from a table, by an index."""

    levels = bs.Fixed(np.arange(4.0) * u.nA, "currents", unit=u.pA)
    order = bs.Fixed(None, "which one in which step")

    def value(self, clock):
        return self.plain("levels")[self.plain("order")[clock.step % 2]]


def test_tables_are_fixed_values():
    net = bs.Network()
    net.E = bs.neurons.LIF(1, R=1 * u.Mohm, tau=10 * u.ms, E_L=0 * u.mV, V=0 * u.mV, V_th=1 * u.volt)
    net.E.add_stimuli(played=Playback(order=[0, 3]))
    assert net.E.played.order.dtype == jnp.int32 and net.E.played.levels[3] == 3 * u.nA
    V = bs.simulate(net, 0.2 * u.ms, record="E.V")["E.V"].to_decimal(u.mV).ravel()
    assert np.allclose(V, [0, 3 * (1 - np.exp(-0.01))], rtol=1e-5)
    net.E.played.levels = np.zeros(4) * u.pA
    V = bs.simulate(net, 0.2 * u.ms, record="E.V")["E.V"].to_decimal(u.mV).ravel()
    assert np.allclose(V, 3 * (1 - np.exp(-0.01)) * np.exp([-0.01, -0.02]), rtol=1e-5)
    with pytest.raises(bs.UnitError, match=r"E\.played\.levels: expected pA"):
        net.E.played.levels = np.zeros(4) * u.mV


@pytest.mark.parametrize(
    "value", [np.zeros(3), [1.0, 2.0], {"a": 1}, 3 * u.mV], ids=["array", "list", "dict", "quantity"]
)
def test_arrays_that_are_not_declared_are_refused(value):
    class Own(bs.neurons.LIF):
        def __init__(self, size):
            super().__init__(size)
            self.table = value

    with pytest.raises(TypeError, match=r"Own\.table: numbers and arrays are declared on the class, table = Parameter"):
        Own(3)


def test_no_part_shares_the_random_numbers_of_another():
    net = bs.Network()
    net.plumless = bs.neurons.LIF(1)
    with pytest.raises(ValueError, match="'buckeroo' would draw the same random numbers as 'plumless'"):
        net.buckeroo = bs.neurons.LIF(1)


def test_negative_time_constants_are_not_drawn():
    with pytest.raises(ValueError, match=r"LIF\.tau: values must be positive, given -.*\([0-9]+ of 200 values\)"):
        bs.neurons.LIF(200, tau=bs.Normal(10 * u.ms, 8 * u.ms))


def test_units_and_sites_are_one_for_point_neurons():
    cell = bs.neurons.LIF(3)
    cell.add_receptors(syn=bs.receptors.Exponential())
    assert cell.units == cell.sites == cell.count == cell.syn.count == 3


def test_a_class_that_forgets_its_base_says_so():
    class Own(bs.neurons.LIF):
        def __init__(self, size):
            pass

    with pytest.raises(TypeError, match="does not call super"):
        Own(3)


def test_a_part_needs_a_name(net):
    for add in (net.E.add_stimuli, net.E[:2].add_stimuli):
        with pytest.raises(TypeError, match=r"a stimulus needs a name, for example x=Constant"):
            add(bs.stimuli.Constant(1 * u.pA))
    with pytest.raises(TypeError, match="a receptor needs a name"):
        net.E.add_receptors(bs.receptors.AMPA())


def test_a_state_of_the_class_stays_one():
    with pytest.raises(TypeError, match="'spikes' is a State of Population"):
        type("Own", (bs.neurons.LIF,), {"spikes": bs.Parameter(1.0)})


@pytest.mark.parametrize("value", [np.ones(2), (1, np.ones(2)), [1, 2], ((1.0, 2 * u.ms),)])
def test_numbers_and_what_changes_in_place_are_declared(value):
    class Own(bs.neurons.LIF):
        def __init__(self, size):
            super().__init__(size)
            self.table = value

    with pytest.raises(TypeError, match=r"Own\.table: numbers and arrays are declared"):
        Own(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda net: net.connect(net.E, net.E, bs.AllToAll(), receptor=None, wieght=1),
            "connect: .*'wieght'.*'weight'",
        ),
        (lambda net: bs.simulate(net, 1 * u.ms, recrod="E.V"), "simulate: .*'recrod'.*'record'"),
        (lambda net: bs.sweep(net, 1 * u.ms, seed=3), "sweep: .*'seed'.*'seeds'"),
        (lambda net: bs.function(net, 1 * u.ms, recrod="E.V"), "function: .*'recrod'.*'record'"),
        (lambda net: bs.train.fit(net, None, 1 * u.ms, epoch=3), "fit: .*'epoch'.*'epochs'"),
        (lambda net: bs.FixedProbability(0.1, self_conections=False), "FixedProbability: .*'self_connections'"),
        (lambda net: bs.Normal(mena=0, std=1), "Normal: .*'mena'.*'mean'"),
        (lambda net: bs.stimuli.Constant(1 * u.pA, wher=3), "Constant.*'wher'"),
    ],
)
def test_a_mistyped_argument_is_answered_with_the_nearest(net, call, message):
    with pytest.raises((TypeError, UnknownNameError), match=message):
        call(net)


def test_an_argument_that_something_inside_does_not_have_is_not_taken_for_the_users():
    """What a function calls by a wrong name is a fault of the function, and the message stays what it was."""

    @names_arguments
    def outer(value=1):
        return inner(value=value)

    def inner(values=1):
        return values

    with pytest.raises(TypeError, match=r"inner\(\) got an unexpected keyword argument 'value'"):
        outer(value=2)
    with pytest.raises(TypeError, match="outer: there is no argument 'valeu'. Did you mean 'value'"):
        outer(valeu=2)


def test_an_argument_that_is_missing_inside_is_not_taken_for_the_users():
    @names_arguments
    def outer():
        return inner()

    def inner(value):
        return value

    with pytest.raises(TypeError, match=r"inner\(\) missing 1 required positional argument: 'value'"):
        outer()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: bs.neurons.LIF(), "LIF: the argument 'size' is missing."),
        (
            lambda net: bs.stimuli.OrnsteinUhlenbeck(mean=1 * u.pA, std=2 * u.pA, tau=5 * u.ms),
            "OrnsteinUhlenbeck: the argument 'sigma' is missing; given were mean, std, tau.",
        ),
        (
            lambda net: bs.stimuli.OrnsteinUhlenbeck(mean=1 * u.pA, sigma=2 * u.pA, taux=5 * u.ms),
            "OrnsteinUhlenbeck: the argument 'tau' is missing; given were mean, sigma, taux. Did you mean 'tau' by 'taux'?",
        ),
        (lambda net: bs.FixedProbability(), "FixedProbability: the argument 'p' is missing."),
        (lambda net: net.connect(net.E, net.E), "connect: the argument 'rule' is missing."),
        (lambda net: bs.sweep(net), "sweep: the arguments 'values', 'duration' are missing."),
    ],
)
def test_a_missing_argument_is_told_by_the_name_that_was_called(net, call, message):
    """Python would tell of the base class that takes it, which may be private."""
    with pytest.raises(TypeError) as caught:
        call(net)
    assert str(caught.value) == message


def test_signatures_are_those_of_the_definition():
    assert list(inspect.signature(bs.FixedProbability).parameters) == ["p", "self_connections"]
    assert list(inspect.signature(bs.simulate).parameters)[:3] == ["net", "duration", "dt"]


def test_arguments_of_a_class_are_among_what_is_accepted():
    with pytest.raises(UnknownNameError, match="Did you mean 'method'"):
        bs.neurons.LIF(1, metod="euler")


def test_spikes_cannot_be_set_between_steps(net):
    for write in (lambda: setattr(net.E, "spikes", True), lambda: setattr(net.E[:2], "spikes", True)):
        with pytest.raises(ValueError, match=r"E\.spikes is what was fired.*SpikeTimes"):
            write()


@pytest.mark.parametrize(
    "said",
    ["an Exponential", "a Normal", "an AdEx", "an LIF", "a CSR", "an STDP", "a Uniform", "a HodgkinHuxley", "an IF"],
)
def test_names_have_their_article(said):
    assert a_or_an(said.split()[1]) == said
