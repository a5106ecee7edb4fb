"""Pair STDP against NEST's `stdp_synapse`, additive (mu = 0).

Conventions: NEST's delay is dendritic, so a post spike counts when it has come back to the synapse; the protocol fires
NEST's post spikes that much earlier, and both then pair the same times. Both pair all spikes, and neither those at the
same time. NEST writes a weight on pre spikes only, so the protocol ends with one.
"""

import brainunit as u
import numpy as np

import brainsim as bs


def test_the_weight_is_that_of_nest(protocol, references):
    p, (pre, post) = protocol.STDP, protocol.stdp_trains()
    net = bs.Network()
    net.pre = bs.sources.SpikeTimes(1, pre * u.ms, np.zeros(len(pre), int))
    net.force = bs.sources.SpikeTimes(1, (post - protocol.STEP) * u.ms, np.zeros(len(post), int))
    net.post = bs.neurons.LIF(1)
    net.post.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential())
    net.connect(net.force, net.post, bs.AllToAll(), receptor="kick", weight=1000 * u.mV)
    rule = bs.plasticity.PairSTDP(
        A_plus=p["A_plus"] * u.pA, A_minus=p["A_minus"] * u.pA, w_max=p["w_max"] * u.pA,
        tau_plus=p["tau_plus"] * u.ms, tau_minus=p["tau_minus"] * u.ms,
    )  # fmt: skip
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=p["w"] * u.pA, plasticity=rule)
    rec = bs.simulate(net, p["duration"] * u.ms, dt=protocol.STEP * u.ms, record=["post.spikes"])
    np.testing.assert_allclose(rec.spikes["post"].times / u.ms, post)
    weight = float(net["pre->post"].plain("weight").ravel()[0])
    assert abs(weight - p["w"]) > 0.01
    np.testing.assert_allclose(weight, references["stdp_weight"], atol=2e-6, rtol=0)  # the reference has six decimals
