"""Networks that are edited: as if they had been built so."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.simulation import engine


def network(drive=400 * u.pA, kind=bs.neurons.LIF, ampa=bs.receptors.Exponential, wire=True):
    net = bs.Network(seed=0)
    net.E = kind(8)
    net.I = bs.neurons.LIF(4)
    for population in (net.E, net.I):
        population.add_receptors(ampa=ampa(reversal=0 * u.mV), gaba=bs.receptors.Exponential(reversal=-80 * u.mV))
    net.E[:5].add_stimuli(drive=bs.stimuli.Constant(drive))
    if wire:
        net.connect(net.E, [net.E, net.I], bs.FixedProbability(0.5), receptor="ampa", weight=3 * u.nS, delay=1 * u.ms)
    return net


def voltages(net, duration=3 * u.ms):
    rec = bs.simulate(net, duration, record=["E.V", "I.V"])
    return np.concatenate([rec["E.V"].mantissa, rec["I.V"].mantissa], 1)


def test_a_copy_goes_on_alike_and_apart():
    net = network()
    bs.simulate(net, 5 * u.ms)
    other = net.copy()
    before = engine.run_chunk.compiled
    first = voltages(other)
    compiled = engine.run_chunk.compiled - before
    np.testing.assert_array_equal(voltages(net), first)
    assert engine.run_chunk.compiled - before == compiled == 1  # one program for both
    other.E.tau = 5 * u.ms
    other.E.V[0] = -70 * u.mV
    assert net.E.tau == 20 * u.ms and net.E.V[0] != -70 * u.mV and net.t == other.t


def test_what_is_taken_out_is_as_if_it_had_never_been():
    net = network()
    bs.simulate(net, 1 * u.ms)
    with pytest.raises(ValueError, match="'E.ampa' cannot be taken out: there is still E->E"):
        del net["E.ampa"]
    with pytest.raises(ValueError, match="'I' cannot be taken out: E->I refers to it; take that out first"):
        del net.I
    with pytest.raises(ValueError, match=r"'E->E' cannot be taken out: give its path, del net\['E->E'\]"):
        delattr(net, "E->E")
    del net["E->E"], net["E->I"], net["E.ampa"]
    net.reset()
    bare = network(wire=False)
    np.testing.assert_array_equal(voltages(net), voltages(bare))
    assert list(net.projections) == [] and list(net.E.receptors) == ["gaba"]
    del net["E.drive"]
    net.E[:5].add_stimuli(drive=bs.stimuli.Constant(400 * u.pA))
    net.reset(), bare.reset()
    np.testing.assert_array_equal(voltages(net), voltages(bare))
    del net["I"]
    assert list(net.populations) == ["E"]


def test_what_is_replaced_is_as_if_it_had_been_built_so():
    net = network(drive=100 * u.pA)
    bs.simulate(net, 1 * u.ms)
    net.replace("E.drive", bs.stimuli.Constant(400 * u.pA))
    net.reset()
    np.testing.assert_array_equal(voltages(net), voltages(network()))
    for name in ("E", "I"):
        net.replace(f"{name}.ampa", bs.receptors.Alpha(reversal=0 * u.mV))
    net.replace("E", bs.neurons.AdEx(8))
    net.reset()
    np.testing.assert_array_equal(voltages(net), voltages(network(kind=bs.neurons.AdEx, ampa=bs.receptors.Alpha)))
    assert type(net.E) is bs.neurons.AdEx and net.E.path == "E"


def test_a_population_whose_spikes_pass_a_terminal_is_replaced():
    net = network()
    release = bs.terminals.TsodyksMarkram()
    net.connect(net.E, net.I, bs.AllToAll(), receptor="ampa", weight=1 * u.nS, terminal=release, name="released")
    bs.simulate(net, 1 * u.ms)
    net.replace("E", bs.neurons.AdEx(8))
    bs.simulate(net, 1 * u.ms)
    assert type(net.E) is bs.neurons.AdEx


def test_what_does_not_fit_is_refused_and_changes_nothing():
    net = network()
    net.E.add_receptors(a=bs.receptors.Exponential())
    before = repr(net), net["E.ampa"], net["E.drive"], net.E
    for path, part, kind, message in (
        ("E", bs.neurons.LIF(7), ValueError, "has 8 units, and what is given for it 7"),
        ("E", bs.stimuli.Constant(1 * u.pA), TypeError, "replaced by a population, given Constant"),
        ("E.ampa", bs.receptors.Exponential(), ValueError, "E->E has weights in nS, and an Exponential in pA"),
        ("E.drive", bs.stimuli.Constant(1 * u.mV), bs.UnitError, "expected pA"),
        ("E", net.I, ValueError, "belongs to I"),
        ("E", bs.neurons.AdEx(8), ValueError, "'E' has a receptor 'a', and AdEx a parameter of that name"),
        ("E->I", bs.neurons.LIF(7), ValueError, "is a Projection; populations, receptors and stimuli are replaced"),
        ("E.amp", bs.neurons.LIF(7), bs.UnknownNameError, "ampa"),
        ("E", bs.masses.WilsonCowan(8), bs.UnknownNameError, "not an input"),
    ):
        with pytest.raises(kind, match=message):
            net.replace(path, part)
    assert (repr(net), net["E.ampa"], net["E.drive"], net.E) == before
    np.testing.assert_array_equal(voltages(net), voltages(network()))


def test_the_summary_of_a_notebook():
    net = network()
    text = net._repr_html_()
    for cell in ("<td>E</td><td>LIF</td><td>8</td>", "ampa: Exponential, gaba: Exponential", "tau = 20 ms", "3 nS", "1 ms",
                 "FixedProbability(p=0.5)", f"<td>{net['E->I'].n_synapses}</td>"):  # fmt: skip
        assert cell in text, cell
    assert text.count("<table>") == text.count("</table>") == 2
    net.P = bs.sources.PoissonGroup(3)
    assert "PoissonGroup" in net._repr_html_()


# -- spikes that are given ---------------------------------------------------------------------------------------------


def test_new_spike_times_compile_nothing():
    net = bs.Network(seed=0)
    net.S = bs.sources.SpikeTimes(3, [1, 2, 2.5] * u.ms, [0, 1, 2])
    first = bs.simulate(net, 3 * u.ms, record="S.spikes").spikes["S"]
    np.testing.assert_array_equal(first.steps, [10, 20, 25])
    before = engine.run_chunk.compiled
    net.S.set_spikes([4, 4.5, 3.1, 5.2] * u.ms, [2, 1, 0, 0])
    second = bs.simulate(net, 3 * u.ms, record="S.spikes").spikes["S"]
    np.testing.assert_array_equal(second.steps, [31, 40, 45, 52])
    np.testing.assert_array_equal(second.indices, [0, 2, 1, 0])
    assert engine.run_chunk.compiled == before
    with pytest.raises(ValueError, match="indices must be integers in"):
        net.S.set_spikes([1] * u.ms, [3])
    with pytest.raises(ValueError, match="two spikes in the step"):
        net.S.set_spikes([7, 7.01] * u.ms, [1, 1])
    third = bs.simulate(net, 1 * u.ms, record="S.spikes").spikes["S"]
    assert len(third) == 0


def test_times_that_come_again_and_a_train_that_is_played_back():
    net = bs.Network(seed=0)
    net.S = bs.sources.SpikeTimes(2, [0.3, 1] * u.ms, [0, 1], period=1 * u.ms)
    train = bs.simulate(net, 3 * u.ms, record="S.spikes").spikes["S"]
    np.testing.assert_array_equal(train.steps, [3, 10, 13, 20, 23, 30])
    np.testing.assert_array_equal(train.indices, [0, 1] * 3)
    again = bs.Network(seed=0)
    again.S = bs.sources.SpikeTimes.of(train, start=1 * u.ms)
    played = bs.simulate(again, 3 * u.ms, record="S.spikes").spikes["S"]
    np.testing.assert_array_equal(played.steps, [3, 10, 13, 20])
    with pytest.raises(ValueError, match="times must be up to the period, 1.0 ms, given 2.0"):
        bs.sources.SpikeTimes(2, [2] * u.ms, [0], period=1 * u.ms)
    net.T = bs.sources.SpikeTimes(2, [0.2] * u.ms, [0], period=0.25 * u.ms)
    with pytest.raises(ValueError, match="T.period: 0.25 ms is not a multiple of dt = 0.1 ms"):
        bs.simulate(net, 1 * u.ms)
