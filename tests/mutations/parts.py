"""Receptors and terminals, stimuli, sources, modulators and delays."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mutations.ways import Mutant, exported, files, folder, larger, own

# -- receptors and terminals: what they give, and what they keep -----------------------------------------------------


def receptors() -> Iterator[Mutant]:
    for name, kind in exported("receptors", "Receptor").items():
        tests = folder("receptors", "receptors/test_advance.py")
        yield Mutant(f"receptors: {name} gives more", larger(kind, "advance"), tests, name)
        if states_of(kind):
            yield Mutant(f"receptors: {name} keeps more", functools.partial(keep_more, kind, "advance"), tests, name)


def terminals() -> Iterator[Mutant]:
    for name, kind in exported("terminals", "Terminal").items():
        tests = (*folder("terminals", "terminals/test_gates.py"), "tests/references/test_synapses.py")
        yield Mutant(f"terminals: {name} sends more", larger(kind, "update", 1.05), tests, name)
        yield Mutant(f"terminals: {name} keeps more", functools.partial(keep_more, kind, "update"), tests, name)


def states_of(kind: type) -> list[str]:
    from brainsim._core import State

    return [name for name, declared in kind._declared.items() if isinstance(declared, State)]


def keep_more(kind: type, method: str) -> None:
    import jax.numpy as jnp

    right, states = getattr(kind, method), states_of(kind)

    def wrong(self, *arguments):
        given = right(self, *arguments)
        for name in states:
            if name in vars(self) and jnp.issubdtype(self.plain(name).dtype, jnp.floating):
                self.put(name, 1.01 * self.plain(name) + 1e-3)
        return given

    setattr(kind, method, wrong)


# -- stimuli, sources, modulators ------------------------------------------------------------------------------------


def inputs() -> Iterator[Mutant]:
    from brainsim.stimuli import Stimulus

    tests = folder("stimuli")
    for name, kind in exported("stimuli", "Stimulus").items():
        if own(kind, Stimulus, "value"):
            factor = 1.2 if name in ("WhiteNoise", "OrnsteinUhlenbeck") else 1.01  # of those, a sample is looked at
            yield Mutant(f"stimuli: {name} is stronger", larger(kind, "value", factor), tests, name)
        if own(kind, Stimulus, "rate_now") if hasattr(Stimulus, "rate_now") else hasattr(kind, "rate_now"):
            yield Mutant(f"stimuli: {name} fires more", larger(kind, "rate_now", 1.1), tests, name)
    yield Mutant("stimuli: windows are open", lambda: setattr(Stimulus, "present", nowhere), tests, "Constant")
    from brainsim import Population

    for name, kind in exported("sources", Population).items():
        change = functools.partial(change_spikes, kind)
        yield Mutant(f"sources: {name} fires otherwise", change, folder("sources"), name)
    for name, kind in exported("modulators", "Modulator").items():
        for level in ("level", "mean"):
            change = functools.partial(raise_level, kind, level)
            yield Mutant(f"modulators: {name}, {level} is larger", change, folder("modulators"), name)


def nowhere(self, clock):
    return None


def change_spikes(kind: type) -> None:
    """One step late; of those by chance, a tenth of the spikes is missing."""
    import jax
    import jax.numpy as jnp

    right = kind.update

    def update(self, clock):
        before = self.plain("spikes")
        right(self, clock)
        if kind.__name__ == "PoissonGroup":
            kept = jax.random.uniform(jax.random.fold_in(clock.key, clock.step), before.shape) > 0.1
            self.put("spikes", self.plain("spikes") * kept.astype(before.dtype))
        else:
            self.put("spikes", jnp.roll(self.plain("spikes"), 1) if len(before) > 1 else before)

    kind.update = update


def raise_level(kind: type, level: str) -> None:
    right = kind.update

    def update(self, clock, populations):
        right(self, clock, populations)
        self.put(level, 1.01 * self.plain(level))

    kind.update = update


# -- delays: a step too long -----------------------------------------------------------------------------------------


def delays() -> Iterator[Mutant]:
    from brainsim.delays import Delay

    tests = files("test_delays.py", "delays/test_graded.py", "references/test_precise.py", "receptors/test_graded.py")
    for name, kind in exported("delays", Delay, "Changing").items():
        yield Mutant(f"delays: {name} is a step late", functools.partial(late, kind), tests, name)


def late(kind: type) -> None:
    from unittest import mock

    from brainsim.delays import Times

    prepare, send, deliver = kind.prepare, kind.send, kind.deliver
    steps, longest = Times.steps, Times.longest_in_steps

    def later(self, step_ms, conn):
        with (
            mock.patch.object(Times, "steps", lambda *a: steps(*a) + 1),
            mock.patch.object(Times, "longest_in_steps", lambda *a: longest(*a) + 1),
        ):
            prepare(self, step_ms, conn)

    kind.prepare = later
    if kind.changes:
        kind.send = lambda self, clock, sent, delay=None: send(self, clock, sent, delay + 1)
        kind.deliver = lambda self, clock, path, arrived, receptor, delay=None: deliver(
            self, clock, path, arrived, receptor, delay + 1
        )
