"""Eligibility traces of a network, step by step."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from brainsim._units import float_dtype
from brainsim.train.online import graph as graphs
from brainsim.train.online.base import Learner
from brainsim.train.online.edge import LayerEdge
from brainsim.train.online.memory import Memory, same_filter
from brainsim.train.online.own import Own
from brainsim.train.online.rule import TraceRule
from brainsim.train.online.signals import Signals
from brainsim.train.online.site import OfLayer, Site

OF_LAYERS = ("ottt", "sltt", "decolle", "pp_prop")  # rules of traces that are products


class Kept(NamedTuple):
    """What traces carry from step to step.

    Parameters
    ----------
    traces : dict
        Of each trained parameter, by path.
    memory : dict
        Of each readout of each trained parameter, by both.
    sent : dict
        What traces of what is sent were in the last steps, by parameter.
    slopes : dict
        Slopes on the ways back in the last steps, by edge.
    feedback : dict
        Weights of feedback, by edge.
    """

    traces: dict
    memory: dict
    sent: dict
    slopes: dict
    feedback: dict


class Traces(Learner):
    """Eligibility traces; made by :func:`brainsim.train.online`."""

    rule: TraceRule

    def _prepare(self, readout, feedback, decay) -> None:
        net, rule, parameters = self.net, self.rule, self.all_parameters
        homes = {path: graphs.home(path, parameters, net, rule.name) for path in self.trained}
        learning = {population for population, _ in homes.values()}
        self.graph = graphs.connect(net, learning, readout, feedback, decay, self.structure, self.fixed)
        edges = self.graph.edges if rule.hops else ()
        clock = self._clock(self.state, self.fixed["key"])
        plain = parameters, self.fixed, self.state, clock
        own = {p: [path for path, (at, projection) in homes.items() if at == p and projection is None]
               for p in self.graph.order}  # fmt: skip
        hidden = [p for p in self.graph.order if p not in self.graph.readouts]
        structures = {p: self.detached if rule.detached and p in hidden else self.structure for p in self.graph.order}
        self.own = {p: Own(structures[p], p, *plain, net[p].count, own[p]) for p in self.graph.order}
        self.sites = {path: graphs.site_of(path, projection, self.own[at], parameters, net, self.structure)
                      for path, (at, projection) in homes.items()}  # fmt: skip
        at_rest = {path: functools.partial(jax.jit(site.own.jacobian), *plain) for path, site in self.sites.items()}
        for path, site in self.sites.items():
            if isinstance(site, OfLayer) and not rule.layers:
                raise ValueError(
                    f"train: {path} belongs to a layer, and rule={rule.name!r} keeps traces of single synapses, which"
                    f" a layer does not have; {', '.join(map(repr, OF_LAYERS))}, 'rtrl' and 'uoro' learn layers, and"
                    " nn.Linear alone between two populations, without a bias, is synapses."
                )
        self.traces = {path: rule.trace(site, at_rest[path]) for path, site in self.sites.items()}
        for edge in edges if rule.memory else ():
            if isinstance(edge, LayerEdge) and edge.post in self.graph.readouts:
                raise ValueError(
                    f"{edge.name}: rule={rule.name!r} filters traces as the readout does, which a layer stands before; connect"
                    " the readout by synapses, nn.Linear without a bias, or take rule='ottt' or rule='sltt'."
                )
        self.signals = Signals(self.graph.order, edges, self.graph.readouts if rule.memory else ())
        self.local = tuple(hidden) if rule.readouts else ()
        shared = {p: same_filter(self.own[p], *plain) for p in self.graph.readouts}
        self.memory = {
            (path, edge.name): Memory(edge, trace, self.own[edge.post], shared[edge.post])
            for path, trace in self.traces.items()
            for edge in self.signals.remembered
            if edge.pre == homes[path][0]
        }
        self.homes = {path: at for path, (at, _) in homes.items()}

    def _begin(self, parameters, state, fixed, key):
        clock, keys = self._clock(state, fixed["key"]), jax.random.split(key, len(self.signals.edges) + 1)
        feedback = {e.name: e.start(k, parameters, state) for k, e in zip(keys, self.signals.edges)}
        for k, p in enumerate(self.local):
            shape = (self.rule.readouts, self.net[p].count)
            feedback[p] = jax.random.normal(jax.random.fold_in(keys[-1], k), shape, float_dtype()) / shape[1] ** 0.5
        traces = {path: trace.start() for path, trace in self.traces.items()}
        traces = self._from_the_beginning(traces, parameters)
        now = jax.eval_shape(lambda: self._now(traces, parameters, fixed, state, state, clock, {})[2])
        memory = {at: memory.start(now[at[0]]) for at, memory in self.memory.items()}
        sent = {path: {leaf: [trace.nothing_sent(leaf)] * depth
                       for leaf, depth in self.signals.depths(self.homes[path]).items()}
                for path, trace in self.traces.items()}  # fmt: skip
        jacobians = jax.eval_shape(lambda: self._jacobians(parameters, fixed, state, clock, {}))
        return Kept(traces, memory, sent, self.signals.start(jacobians, state), feedback)

    def _from_the_beginning(self, traces, parameters):
        """Traces of parameters that initial states follow from."""
        if self._begun or not self.net.follows():
            return traces

        def begun(value, path):
            state = self._started(parameters | {path: value})
            return {leaf: state[leaf] for leaf in traces[path]}

        own = [path for path, site in self.sites.items() if type(site) is Site]
        return traces | {
            path: jax.jvp(functools.partial(begun, path=path), (x,), (jnp.ones_like(x),))[1]
            for path, x in parameters.items()
            if path in own
        }

    def _jacobians(self, parameters, fixed, state, clock, inputs):
        return {p: own.jacobian(parameters, fixed, state, clock, inputs) for p, own in self.own.items()}

    def _now(self, traces, parameters, fixed, state, new, clock, inputs):
        jacobians = self._jacobians(parameters, fixed, state, clock, inputs)
        loops = graphs.autapses(self.graph.loops, parameters, state) if self.rule.autapses else {}
        carried, now = {}, {}
        for path, trace in self._at(parameters, fixed, state).items():
            at = self.homes[path]
            carried[path], now[path] = trace.advance(traces[path], jacobians[at], new, loops.get(at, {}))
        return jacobians, carried, now

    def _at(self, parameters, fixed, state):
        """Traces in a step that begins at ``state``."""
        return {path: trace.at(parameters | fixed | state) for path, trace in self.traces.items()}

    def _learn(self, kept: Kept, parameters, fixed, state, new, clock, inputs, target):
        followed = {e.name: e.follow(kept.feedback[e.name], parameters, state) for e in self.signals.edges}
        feedback = kept.feedback | followed
        jacobians, traces, now = self._now(kept.traces, parameters, fixed, state, new, clock, inputs)
        value, losses = self._loss_and_signals(new, target, feedback)
        passed, slopes = self.signals.back(losses, jacobians, kept.slopes, parameters, state, new, feedback)
        memory, remembered = {}, {}
        for at, readout in self.memory.items():
            memory[at], remembered[at] = readout.advance(kept.memory[at], now[at[0]], jacobians[readout.edge.post], new)

        def gradients():
            found = {}
            for path, trace in self._at(parameters, fixed, state).items():
                at = self.homes[path]
                total = trace.pair(now[path], losses[at])
                for leaf, signals in passed[at].items():
                    for sent, signal in zip(
                        [trace.sent(now[path], leaf), *kept.sent[path][leaf]], signals, strict=True
                    ):
                        total = total + trace.pair_sent(sent, signal)
                for (own, edge), readout in self.memory.items():
                    if own == path:
                        rest = (losses[readout.edge.post], parameters, state, feedback[edge])
                        readout = dataclasses.replace(readout, trace=trace)
                        total = total + readout.pair(remembered[own, edge], now[path], *rest)
                found[path] = self.sites[path].total(total)
            return found

        sent = {path: {leaf: [self.traces[path].sent(now[path], leaf), *past][: len(past)] for leaf, past in of.items()}
                for path, of in kept.sent.items()}  # fmt: skip
        counts = self.rule.counts(fixed["key"], clock.step)
        nothing = {path: jnp.zeros(self.all_parameters[path].shape, float_dtype()) for path in self.trained}
        found = gradients() if counts is None else jax.lax.cond(counts, gradients, lambda: nothing)
        return Kept(traces, memory, sent, slopes, feedback), value, found

    def _loss_and_signals(self, new, target, feedback):
        leaves = {leaf: new[leaf] for own in self.own.values() for leaf in own.leaves}

        def total(h):
            value = self.loss(new | h, target)
            local = (self.rule.local(feedback[p] @ h[f"{p}.spikes"], target) for p in self.local)
            return sum(local, value), value

        found, value = jax.grad(total, has_aux=True)(leaves)
        jaxpr = jax.make_jaxpr(lambda h: total(h)[0])(leaves).jaxpr
        used = dict(zip(sorted(leaves), partial_eval.dce_jaxpr(jaxpr, [True])[1], strict=True))
        found = {leaf: slope for leaf, slope in found.items() if used[leaf]}
        return value, {p: {leaf: found[leaf] for leaf in own.leaves if leaf in found} for p, own in self.own.items()}
