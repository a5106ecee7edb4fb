"""Populations, views, and what is attached to them."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def test_a_shape_is_arranged_in_space_and_flat_in_memory():
    population = bs.neurons.LIF((3, 4))
    assert (len(population), population.V.shape) == (12, (12,))
    np.testing.assert_array_equal(population[1].ids, [4, 5, 6, 7])
    np.testing.assert_array_equal(population[:, 2].ids, [2, 6, 10])


@pytest.mark.parametrize("size", [0, -1, 2.5, True, (3, 0), "4"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="LIF: size must be a positive integer or a tuple of them"):
        bs.neurons.LIF(size)


def test_views_of_views_and_empty_ones():
    population = bs.neurons.LIF(10)
    np.testing.assert_array_equal(population[2:8][::2].ids, [2, 4, 6])
    np.testing.assert_array_equal(population[np.arange(10) > 7].ids, [8, 9])
    assert len(population[3]) == 1
    with pytest.raises(ValueError, match="the view is empty; the population has 10 units"):
        population[10:]


def test_a_view_is_stimulated_alone():
    """R I = 5 mV for the first two neurons: V = E_L + 5 (1 - exp(-t / tau)); the others rest."""
    net = bs.Network()
    net.E = bs.neurons.LIF(4, R=100 * u.Mohm, tau=20 * u.ms)
    net.E[:2].add_stimuli(drive=bs.stimuli.Constant(50 * u.pA))
    bs.simulate(net, 20 * u.ms)
    np.testing.assert_allclose(net.E.plain("V"), [-60 + 5 * (1 - np.exp(-1))] * 2 + [-60] * 2, rtol=1e-9)


def test_two_stimuli_add():
    net = bs.Network()
    net.E = bs.neurons.LIF(1, R=100 * u.Mohm, tau=20 * u.ms)
    net.E.add_stimuli(a=bs.stimuli.Constant(30 * u.pA), b=bs.stimuli.Constant(20 * u.pA))
    bs.simulate(net, 20 * u.ms)
    np.testing.assert_allclose(net.E.plain("V"), -60 + 5 * (1 - np.exp(-1)), rtol=1e-9)


@pytest.mark.parametrize("joined", [True, False])
def test_values_of_parts_are_drawn_by_seed_and_path(joined):
    """Whether a stimulus comes before or after the population has joined its network."""

    def drawn(seed, name):
        net, population = bs.Network(seed=seed), bs.neurons.LIF(200)
        if joined:
            setattr(net, name, population)
        population.add_stimuli(drive=bs.stimuli.Constant(bs.Normal(200 * u.pA, 20 * u.pA)))
        if not joined:
            setattr(net, name, population)
        return np.asarray(population.drive.plain("amplitude"))

    first = drawn(0, "E")
    assert abs(first.mean() - 200) < 4 * 20 / np.sqrt(200)
    np.testing.assert_array_equal(first, drawn(0, "E"))
    assert not np.any(first == drawn(1, "E")) and not np.any(first == drawn(0, "I"))


def test_attaching_is_all_or_nothing():
    population = bs.neurons.LIF(3)
    good, shared = bs.receptors.Exponential(), bs.receptors.Exponential()
    with pytest.raises(TypeError, match="'bad' must be a receptor, given Constant"):
        population.add_receptors(good=good, bad=bs.stimuli.Constant(1 * u.pA))
    assert not population.receptors and not good.bound
    population.add_receptors(good=good, shared=shared)
    with pytest.raises(ValueError, match="the receptor given as 'again' already belongs to LIF.shared"):
        bs.neurons.LIF(3).add_receptors(again=shared)
    with pytest.raises(ValueError, match="the name 'good' is taken"):
        population.add_receptors(good=bs.receptors.Exponential())
    with pytest.raises(ValueError, match="the name 'tau' is taken"):
        population.add_receptors(tau=bs.receptors.Exponential())


def test_a_stimulus_of_the_wrong_unit_is_refused_and_can_be_attached_elsewhere():
    population, drive = bs.neurons.LIF(3), bs.stimuli.Constant(5 * u.Hz)
    with pytest.raises(bs.UnitError, match=r"drive\.amplitude: expected pA, given Hz"):
        population.add_stimuli(drive=drive)
    assert "drive" not in vars(population)
    bs.sources.PoissonGroup(3).add_stimuli(drive=drive)


def test_given_spikes_are_silent_without_an_input():
    net = bs.Network()
    net.S = bs.sources.SpikeInput(2)
    given = np.ones((10, 2))
    assert len(bs.simulate(net, 1 * u.ms, inputs={"S.input": given}, record="S.spikes").spikes["S"]) == 20
    assert len(bs.simulate(net, 1 * u.ms, record="S.spikes").spikes["S"]) == 0
