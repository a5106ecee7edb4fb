"""The compiled chunk: what it holds on to, and what it gives back."""

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from brainsim._core import split, step_length
from brainsim.simulation import engine
from brainsim.simulation.plan import Times, parse
from brainsim.simulation.report import Report


def chunk(net, labels, rows, capacity, n_steps, inputs):
    net.prepare(0.1)
    structure, parameters, fixed, state = split(net)
    plan = engine.Plan(parse(net, labels, Times(0.1, 0, 1000, 1, None), parameters | state, None), rows, capacity)
    told, state, *recorded = engine.run_chunk(
        plan, structure, parameters, fixed, state, step_length(0.1), inputs, n_steps
    )
    return Report(told, state), state, *recorded


def test_it_stops_where_the_next_step_might_not_fit():
    """Ten units that all fire, room for 35 spikes: after three steps there are 30, and a fourth might be too many."""
    net = bs.Network()
    net.S = bs.sources.SpikeInput(10)
    inputs = {"S.input": jnp.ones((8, 10))}
    report, state, (index, step), _ = chunk(net, ["S.spikes"], 8, 35, 8, inputs)
    assert report.done == 3 and report.counts == [30] and int(state["steps"]) == 3
    np.testing.assert_array_equal(index[:30], np.tile(np.arange(10), 3))
    np.testing.assert_array_equal(step[:30], np.repeat([1, 2, 3], 10))


def test_it_runs_no_more_steps_than_asked_for():
    net = bs.Network()
    net.E = bs.neurons.LIF(2, V=-55 * u.mV, tau=20 * u.ms)
    report, _, _, samples = chunk(net, ["E.V"], 8, 100, 5, {})
    assert report.done == 5 and report.broken is None and not report.met
    np.testing.assert_allclose(samples["E.V"][:5, 0], -60 + 5 * np.exp(-0.1 * np.arange(1, 6) / 20), rtol=1e-12)
