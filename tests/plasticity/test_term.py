"""Arithmetic at the synapses against the same arithmetic on matrices, and what it refuses."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.plasticity import Plasticity, Term, Trace

M, N = 3, 4
RNG = np.random.default_rng(0)
A, B, W = RNG.normal(size=M), RNG.normal(size=N), RNG.normal(size=(M, N))
CONNECTIVITY = {
    "Dense": bs.events.Dense(M, N),
    "CSR": bs.events.CSR(np.array([0, 2, 2, 5]), np.array([1, 3, 0, 1, 2]), N),
    "FixedFanOut": bs.events.FixedFanOut(np.array([[0, 2], [1, 3], [3, 0]]), N),
}
EXPRESSIONS = {
    "product": lambda a, b, w, c: c * a * b,
    "sum of sides": lambda a, b, w, c: a + 2.0 * b - c,
    "factors": lambda a, b, w, c: b * (c - a) * a / 2.0,
    "with weights": lambda a, b, w, c: a * b * (1.0 - w) + c * w,
    "powers": lambda a, b, w, c: a**2 * b**3 - (b / c) ** 2,
    "comparison": lambda a, b, w, c: (a > c) * b + (w < b) * 1.0,
    "numbers first": lambda a, b, w, c: 1.0 - 3.0 * a + 2.0 / (2.0 + b**2) - c,
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
@pytest.mark.parametrize("conn", CONNECTIVITY.values(), ids=CONNECTIVITY)
def test_terms_are_matrices_that_are_not_written_out(conn, expression):
    pre, post = (np.asarray(side) for side in conn.coo())
    at = lambda matrix: matrix[pre, post].reshape(conn.weight_shape)
    a, b, w = Term(conn, pre=jnp.asarray(A)), Term(conn, post=jnp.asarray(B)), Term(conn, each=jnp.asarray(at(W)))
    c = Term(conn, one=jnp.asarray(0.3))
    plain = expression(A[:, None], B[None, :], W, 0.3)
    found = expression(a, b, w, c)
    np.testing.assert_allclose(
        np.broadcast_to(found.per_synapse(), conn.weight_shape), at(np.broadcast_to(plain, (M, N))), rtol=1e-12
    )


def test_products_of_sides_stay_factors():
    conn = CONNECTIVITY["CSR"]
    a, b = Term(conn, pre=jnp.asarray(A)), Term(conn, post=jnp.asarray(B))
    assert (2.0 * a * b * a).sides == {"pre", "post"}
    assert (a - 1.0).sides == {"pre"} and (b * b > 0.5).sides == {"post"} and (a + b).sides == {"each"}


def test_units_are_carried_and_checked():
    conn = CONNECTIVITY["Dense"]
    V, tau = Term(conn, u.mV, post=jnp.asarray(B)), Term(conn, u.ms, one=20.0)
    assert (V / tau).unit.has_same_dim(u.volt / u.second)
    np.testing.assert_allclose((V + 0.001 * u.volt).at("post"), B + 1.0)
    with pytest.raises(bs.UnitError, match="sum in a plasticity rule: expected mV, given ms"):
        V + tau
    with pytest.raises(TypeError, match=r"array of shape \(4,\), whose side is not known"):
        V * jnp.ones(4)


def rule_that(update):
    return type("Rule", (Plasticity,), {"A": bs.Parameter(1.0 * u.mV, "something"), "update": update})()


AT = r"pre->post\.plasticity"
MISTAKES = {
    "a unit": (lambda self, s: s.on_pre(s.A), bs.UnitError, AT + ": change of the weight: expected pA, given mV"),
    "a name": (lambda self, s: s.on_pre(s.AA * s.w), bs.UnknownNameError, AT + r" has no 'AA'\. Did you mean 'A'"),
    "a variable": (
        lambda self, s: s.on_pre(s.post.v * s.w),
        bs.UnknownNameError,
        "post has no 'v', which a plasticity rule reads",
    ),
    "a question": (
        lambda self, s: s.on_pre(s.w) if s.w > 1 * u.pA else None,
        TypeError,
        "cannot ask with if, and, or, not",
    ),
    "an answer": (lambda self, s: s.A, TypeError, AT + ": Rule.update says what changes by s.on_pre.* given Term"),
    "a way": (lambda self, s: s.on_pree(s.w), bs.UnknownNameError, AT + " has no 'on_pree'. Did you mean 'on_pre'"),
    "nothing": (None, NotImplementedError, "Rule does not change weights: define update"),
}


@pytest.mark.parametrize("update, error, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_a_rule_are_named(clamp, update, error, message):
    rule = rule_that(update) if update else type("Rule", (Plasticity,), {})()
    net = clamp(rule, 2, 2)
    with pytest.raises(error, match=message):
        bs.simulate(net, 1 * u.ms, progress=False)


def test_single_numbers_are_terms_too(clamp):
    class Sum(Plasticity):
        half = bs.Parameter(0.5 * u.pA, "something")

        def update(self, s):
            s.every_step(self.half * (1.0 + s.w / s.half))
            s.every_step(0.25 * u.pA)

    net = clamp(Sum(), 2, 2)
    w = np.asarray(net["pre->post"].weight.mantissa)
    bs.simulate(net, 0.1 * u.ms)
    np.testing.assert_allclose(net["pre->post"].weight.mantissa, 2 * w + 0.75)


def test_wrong_arguments_are_refused(clamp):
    with pytest.raises(ValueError, match="Trace: side must be 'pre' or 'post', given 'left'"):
        Trace("tau", "", side="left")
    pair = dict(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.pA)
    with pytest.raises(
        ValueError,
        match="pairing must be one of 'all', 'nearest', 'nearest_pre_centred', 'nearest_restricted', given 'some'",
    ):
        bs.plasticity.PairSTDP(**pair, pairing="some")
    with pytest.raises(ValueError, match="pre->post.plasticity: w_min=2. pA is above w_max=1. pA"):
        clamp(bs.plasticity.PairSTDP(**pair, w_min=2 * u.pA), 1, 1)
    with pytest.raises(ValueError, match="post_delay: one positive time, given 0"):
        bs.plasticity.PairSTDP(**pair, post_delay=0 * u.ms)
    with pytest.raises(TypeError, match="rule_2 must be a plasticity rule, given int"):
        bs.plasticity.Combined(bs.plasticity.PairSTDP(**pair), 3)
    net = clamp(bs.plasticity.PairSTDP(**pair), 1, 1)
    with pytest.raises(ValueError, match="the rule inside must be a free plasticity rule"):
        bs.plasticity.RewardModulated(net["pre->post"].plasticity, net.dopamine)


@pytest.mark.parametrize("side, sign", [("pre", -1), ("post", 1)])
def test_a_delayed_side_is_one_whose_spikes_come_later(clamp, learn, side, sign):
    rng = np.random.default_rng(1)
    pre, post = ((rng.random((400, 2)) < 0.05).astype(float) for _ in range(2))
    pre[350:], post[350:] = 0, 0
    pair = dict(A_plus=0.1 * u.pA, A_minus=0.09 * u.pA, w_max=1 * u.pA, mu_plus=0.4, mu_minus=0.3)
    delayed = learn(clamp(bs.plasticity.PairSTDP(**pair, **{f"{side}_delay": 0.7 * u.ms}), 2, 2), pre, post)
    shifted = {"pre": pre, "post": post} | {side: np.roll({"pre": pre, "post": post}[side], 7, axis=0)}
    np.testing.assert_array_equal(delayed, learn(clamp(bs.plasticity.PairSTDP(**pair), 2, 2), **shifted))


def test_dt_cannot_change_while_spikes_are_under_way_to_a_rule(clamp, learn):
    net = clamp(bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.pA, post_delay=5 * u.ms), 1, 1)
    learn(net, np.zeros((4, 1)), np.ones((4, 1)))
    with pytest.raises(ValueError, match="while spikes are under way in delays"):
        bs.simulate(net, 1 * u.ms, dt=0.2 * u.ms, progress=False)
    net.reset()
    bs.simulate(net, 1 * u.ms, dt=0.2 * u.ms, progress=False)
