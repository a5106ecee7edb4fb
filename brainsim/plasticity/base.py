"""What every plasticity rule shares: a projection, traces on both sides, delays of what it sees, and a change of
weights.
"""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Dynamics, Parameter, Site, State, StateVariable
from brainsim._core.rounding import SUFFIX
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import UNITLESS, QuantityLike, float_dtype, in_unit
from brainsim.delays.axonal import interpolated
from brainsim.plasticity.later import PAST
from brainsim.plasticity.synapses import Synapses
from brainsim.plasticity.trace import Trace


class Plasticity(Dynamics):
    r"""How the weights of a projection change: a subclass declares parameters and traces and gives ``update``.

    In the step from t to t + dt, after the populations have fired and before the spikes are delivered:

    1. traces of spikes decay over the step, then traces of other signals follow theirs, in the order of declaration;
    2. ``update`` changes weights for the spikes at t + dt, with traces from before them, one statement after the other;
       so a pre and a post spike at the same time do not pair with each other;
    3. the spikes at t + dt enter their traces.

    A pre spike counts when it reaches the synapse, after the projection's delay. Where every synapse has its own delay, it sees
    the traces of its presynaptic neuron as they were that long ago, and 0 for what they were before the first step. Rules with
    more of the presynaptic side than traces of spikes keep all of it for every synapse then, which takes time for each in every
    step: ``cleared`` traces, those of other signals or with a time constant that is modulated, other states, ``pre_delay``; and
    so do all where delays change. A post spike counts when it is fired. ``pre_delay`` and ``post_delay`` make the rule see them
    later: NEST's dendritic delay d is ``post_delay=d`` for spikes that reach the synapse at once.

    Every change is multiplied by ``rate``. Weights that are touched are kept in [``w_min``, ``w_max``]; those that a
    run begins with must lie there.

    Parameters
    ----------
    pre_delay, post_delay : quantity, time, optional
        From when a spike counts to when the rule sees it, rounded to steps.
    **values
        Parameters and initial states by name.
    """

    n_post: int
    single: bool  # whether all that is presynaptic is kept for every synapse
    later: bool = False  # whether synapses see traces of presynaptic spikes as they were a delay ago
    drifts = False  # whether weights change without spikes

    rate = Parameter(1.0, "factor of every change: one, or one per postsynaptic neuron", shape="n_post")
    w_min = Parameter(None, "lowest weight; None for no bound", unit="weight_unit", optional=True)
    w_max = Parameter(None, "highest weight; None for no bound", unit="weight_unit", optional=True)

    def __init__(self, *, pre_delay: QuantityLike | None = None, post_delay: QuantityLike | None = None, **values: Any):
        super().__init__(**values)
        self.modulation: tuple[tuple[str, str], ...] = ()
        delays = {"pre": pre_delay, "post": post_delay}
        self.delay_ms = tuple(
            (side, self._delay(f"{side}_delay", delay)) for side, delay in delays.items() if delay is not None
        )

    def _delay(self, name, delay) -> float:
        ms = in_unit(delay, u.ms, f"{type(self).__name__}.{name}")
        if np.ndim(ms) or not np.isfinite(ms) or ms <= 0:
            raise ValueError(f"{type(self).__name__}.{name}: one positive time, given {delay}; leave it out for none.")
        return float(ms)

    # -- what a rule defines -----------------------------------------------------------------------------------------

    def update(self, s: Synapses) -> None:
        """Change weights, and states of the rule, for the spikes at t + dt."""
        raise NotImplementedError(f"{type(self).__name__} does not change weights: define update(self, s).")

    def bounds(self, s: Synapses) -> tuple:
        """Lowest and highest weight, plain; infinite where there is none."""
        return tuple(
            infinity if vars(self).get(name) is None else getattr(s, name).one
            for name, infinity in (("w_min", -jnp.inf), ("w_max", jnp.inf))
        )

    # -- parts -------------------------------------------------------------------------------------------------------

    @property
    def traces(self) -> dict[str, Trace]:
        """Traces by name, in the order of declaration."""
        return {name: declared for name, declared in self._declared.items() if isinstance(declared, Trace)}

    @property
    def rules(self) -> dict[str, Plasticity]:
        """Rules inside this one, by name."""
        return {name: part for name, part in vars(self).items() if isinstance(part, Plasticity)}

    def modulated(self, **modulators: Dynamics) -> Plasticity:
        """Multiply parameters by the level of modulators of the network:
        ``PairSTDP(...).modulated(A_minus=net.astro)``.

        Any parameter can be modulated, ``rate`` with all changes of the rule; a parameter that is given several times
        is multiplied by each.

        Returns
        -------
        Plasticity
            The rule itself.

        Raises
        ------
        UnknownNameError
            For a parameter that the rule does not have.
        ValueError
            For a modulator that stands in no network.
        """
        parameters = {name for name, declared in self._declared.items() if isinstance(declared, Parameter)}
        for name in modulators:
            if name not in parameters:
                raise UnknownNameError(
                    f"{type(self).__name__} has no parameter {name!r}.{suggestion(name, parameters)}"
                )
        followed = tuple((name, self.path_of(modulator, name)) for name, modulator in modulators.items())
        self.fix(modulation=self.modulation + followed)
        return self

    def path_of(self, modulator: Dynamics, name: str) -> str:
        """Path of a modulator that ``name`` is to follow."""
        if "_path" not in vars(modulator) or not hasattr(modulator, "level"):
            raise ValueError(
                f"{type(self).__name__}: {name} can follow a modulator of a network (net.dopamine = Dopamine(...)),"
                f" given {modulator!r}."
            )
        return modulator.path

    def modulators_of(self, name: str) -> list[str]:
        """Paths of the modulators of a parameter."""
        return [path for parameter, path in self.modulation if parameter == name]

    def modulators(self) -> set[str]:
        """Paths of all modulators that this rule and those inside it follow."""
        return {path for _, path in self.modulation}.union(*(rule.modulators() for rule in self.rules.values()))

    @property
    def looks_back(self) -> bool:
        """Whether all that it keeps of the presynaptic side are traces of spikes, in which a synapse can find what reaches it
        after its delay rather than keep a value of its own.
        """
        states = (declared for declared in self._declared.values() if isinstance(declared, State))
        return (
            all(map(self._is_of_neurons, states))
            and all(side != "pre" for side, _ in self.delay_ms)
            and all(rule.looks_back for rule in self.rules.values())
        )

    def _is_of_neurons(self, declared: State) -> bool:
        """Whether a state of the presynaptic side follows from the spikes of each neuron alone."""
        trace = declared if isinstance(declared, Trace) else None
        if trace is not None and trace.is_cleared(self):
            return False
        return declared.shape != "n_pre" or (
            trace is not None and trace.of is None and not self.modulators_of(trace.tau)
        )

    def remembers(self, name: str) -> bool:
        """Whether it keeps what a trace has been in the last steps."""
        declared = self._declared[name]
        return self.later and isinstance(declared, Trace) and declared.side == "pre"

    # How many synapses there are is no part of a program: other seeds of a wiring share theirs

    @property
    def n_pre(self) -> int:
        """Number of values of the presynaptic side: of neurons, or of synapses where each has a delay of its own."""
        return self._aside.n_pre

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of one value per synapse."""
        return self._aside.weight_shape

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of one value per neuron of a side, or per synapse; () for a number of the rule."""
        declared = self._declared[name]
        if isinstance(declared, Trace) and declared.is_cleared(self):
            return self.weight_shape
        return () if declared.shape in ("count", None) else super().shape_of(name) or ()

    def side_of(self, name: str) -> str:
        """What a parameter, trace or state has one value per element of: ``"pre"``, ``"post"``, ``"each"``, or
        ``"one"`` alone; ``"past"`` for a presynaptic trace of which synapses see what it was.
        """
        declared = self._declared[name]
        if isinstance(declared, Trace) and declared.is_cleared(self):
            return "each"
        if self.remembers(name):
            return "past"
        if isinstance(declared, Parameter) and jnp.ndim(self.plain(name)) == 0:
            return "one"
        return {"n_pre": "pre", "n_post": "post", "weight_shape": "each"}.get(str(declared.shape), "one")

    # -- running -----------------------------------------------------------------------------------------------------

    def bind(self, site: Site, n_pre: int, weight_shape: tuple[int, ...]) -> None:
        """Make this the rule of the projection at ``site``, with so many values of the presynaptic side and per synapse."""
        self._aside.n_pre, self._aside.weight_shape = n_pre, weight_shape
        self.place(site)
        for name, rule in self.rules.items():
            rule.bind(site._replace(path=f"{site.path}.{name}"), n_pre, weight_shape)

    @property
    def states_of_synapses(self) -> list[str]:
        """Names of the states and traces of one value per synapse."""
        sides = ("each", "pre") if self.single else ("each",)
        return [
            name
            for name, declared in self._declared.items()
            if isinstance(declared, State) and self.side_of(name) in sides
        ]

    def of_synapses(self) -> list[str]:
        """Names, from here, of everything whose last axis counts the synapses."""
        sides = ("each", "pre") if self.single else ("each",)
        names = [name for name in self._declared if name in vars(self) and self.side_of(name) in sides]
        names += [f"{name}{SUFFIX}" for name in names] + ["w_rounding"] + (["pre_line"] if self.single else [])
        inner = [f"{rule}.{name}" for rule, part in self.rules.items() for name in part.of_synapses()]
        return [name for name in names if name in vars(self)] + inner

    @property
    def of_spikes(self) -> bool:
        """Whether the rule looks at the spikes of the synapses, as most do; others serve graded signals too."""
        return True

    @property
    def under_way(self) -> dict[str, jax.Array]:
        """Lines of delayed spikes, by path from here."""
        own = {f"{side}_line": self.plain(f"{side}_line") for side, _ in self.delay_ms if f"{side}_line" in vars(self)}
        inner = {f"{name}.{line}": array for name, rule in self.rules.items() for line, array in rule.under_way.items()}
        return own | inner

    def prepare(self, step_ms: float, dtypes: dict, slots: int) -> None:
        """Make empty lines for the delays, for steps of this length and spikes of these types on either side; and room for what
        traces were in so many steps: 0 before the first one.
        """
        for side, ms in self.delay_ms:
            shape = max(round(ms / step_ms), 1), getattr(self, f"n_{side}")
            self.hold(f"{side}_line", StateVariable(jnp.zeros(shape, dtypes[side])))
        if changes_each_step(type(self)) and float_dtype() == jnp.float32 and "w_rounding" not in vars(self):
            self.hold("w_rounding", StateVariable(jnp.zeros(self.weight_shape, jnp.float32)))
        for name in filter(self.remembers, self.traces):
            self.hold(name + PAST, StateVariable(jnp.zeros((slots, self.n_pre), self.dtype_of(name))))
        for rule in self.rules.values():
            rule.prepare(step_ms, dtypes, slots)

    def resampled(self, before_ms: float, step_ms: float, step: int, new_step: int, slots: int) -> dict[str, jax.Array]:
        """What traces have been, by name from here, in ``slots`` steps of another length: at ``step`` of the old ones, which is
        ``new_step`` of the new. Between two steps they are taken to have been on the straight line.
        """
        found = {}
        for name in filter(self.remembers, self.traces):
            past = np.asarray(self.plain(name + PAST))
            ago = np.arange(slots)
            lasted = past[(step - 1 - np.arange(len(past))) % len(past)]
            new = np.empty((slots, *past.shape[1:]), past.dtype)
            new[(new_step - 1 - ago) % slots] = interpolated(lasted, before_ms, ago * step_ms)
            found[name + PAST] = jnp.asarray(new)
        for name, rule in self.rules.items():
            inner = rule.resampled(before_ms, step_ms, step, new_step, slots)
            found |= {f"{name}.{key}": array for key, array in inner.items()}
        return found

    def advance(self, s: Synapses) -> None:
        """One step, in the order of the class."""
        for side, _ in self.delay_ms:
            line, spikes = events.delay_line(self.plain(f"{side}_line"), getattr(s, f"spikes_{side}"), s.clock.step)
            self.put(f"{side}_line", line)
            setattr(s, f"spikes_{side}", spikes)
        for name, trace in self.traces.items():
            if trace.of is None:
                x = self.relax(name, self._steps(s, trace))
                if self.remembers(name):
                    past = self.plain(name + PAST)
                    self.put(name + PAST, past.at[s.clock.step % len(past)].set(x))
        for name, trace in self.traces.items():
            if trace.of is not None:
                what = f"{self.path}.{name}"
                signal = trace.of(s).factors(self.unit_of(name) or UNITLESS, what).at(trace.side)
                self.relax(name, self._steps(s, trace), signal)
        if (given := self.update(s)) is not None:
            raise TypeError(
                f"{self.path}: {type(self).__name__}.update says what changes by s.on_pre(...), s.on_post(...) or"
                f" s.every_step(...), and returns nothing; given {type(given).__name__}."
            )
        for name, trace in self.traces.items():
            if trace.of is None:
                self._take_in(s, name, trace)

    def _steps(self, s, trace):
        """The step in time constants."""
        return s.clock.step_ms / getattr(s, trace.tau).factors(u.ms, f"{self.path}.{trace.tau}").one

    def _take_in(self, s, name, trace):
        """Let the spikes at t + dt enter a trace."""
        x = self.plain(name)
        own, other = (s.spikes_pre, s.spikes_post) if trace.side == "pre" else (s.spikes_post, s.spikes_pre)
        own, other = own.astype(x.dtype), other.astype(x.dtype)
        if trace.is_cleared(self):
            at_pre, at_post = s.conn.spread, lambda v: v[s.conn.targets()]
            own, other = (at_pre(own), at_post(other)) if trace.side == "pre" else (at_post(own), at_pre(other))
            x = x * (1.0 - other)
            self.put(name, x)
        self.accumulate(name, own * (1.0 - x) if trace.is_nearest(self) else own)


def changes_each_step(cls) -> bool:
    """Whether a rule changes weights at every step: any of its methods calls ``every_step``."""
    functions = [
        f for base in cls.__mro__ if base is not Plasticity for f in vars(base).values() if hasattr(f, "__code__")
    ]
    codes = [f.__code__ for f in functions]
    while codes:
        code = codes.pop()
        if "every_step" in code.co_names:
            return True
        codes += [inner for inner in code.co_consts if hasattr(inner, "co_names")]
    return False
