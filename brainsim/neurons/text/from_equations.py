"""Neurons from equations as text."""

from __future__ import annotations

import functools

import brainunit as u

from brainsim import integrators
from brainsim._core.written import made
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import NumberLike, in_unit
from brainsim.neurons.base import Neuron
from brainsim.neurons.text.names import Names
from brainsim.neurons.text.parse import equations as parse
from brainsim.neurons.text.parse import statements
from brainsim.neurons.text.words import EquationsError, Text
from brainsim.neurons.text.writer import Writer, checked_name


def from_equations(
    equations: str,
    threshold: str | None = None,
    reset: str = "",
    refractory: u.Quantity | str | None = None,
    *,
    method: str | None = None,
    name: str = "Equations",
    **values: NumberLike,
) -> type[Neuron]:
    r"""A class of neurons from equations as text, written as for Brian 2.

    .. math:: \dot x = f(t, x, I) + g(t, x)\,\xi,\qquad \mathrm{threshold} \Rightarrow \mathrm{reset}

    ::

        Adaptive = bs.neurons.from_equations(
            '''
            dv/dt = (v_rest - v + R*(I - w))/tau : volt (unless refractory)
            dw/dt = -w/tau_w : amp                # adaptation
            ''',
            threshold="v > v_th", reset="v = v_rest; w += b", refractory=5 * u.ms,
            v_rest=-70 * u.mV, R=100 * u.Mohm, tau=10 * u.ms, tau_w=100 * u.ms, v_th=-50 * u.mV, b=10 * u.pA, v=-70 * u.mV,
        )
        net.E = Adaptive(1000, tau=bs.Normal(10 * u.ms, 1 * u.ms))

    It is a class as any other, and ``print(bs.neurons.source_of(Adaptive))`` shows what one would have written.

    A line is a rate ``dx/dt = ... : unit``, a subexpression ``x = ... : unit``, or a name with its unit: a parameter, or a
    state if a spike sets it; ``integer`` and ``boolean`` in the place of the unit are numbers without one. ``(unless refractory)``
    holds a variable in the refractory time, ``(shared)`` is a parameter or a subexpression of one value, ``(constant)`` changes
    nothing here. What stands behind ``#`` becomes its description. ``I``, where nothing
    else says what it is, is the sum of receptors and stimuli in pA; ``J : amp/meter**2 (input)`` declares another, and
    ``s : 1 (summed)`` what a ``bs.receptors.Summed(into="s")`` adds up. Spikes reach any variable by
    ``bs.receptors.Delta(into="w")``. Names of units are those of brainunit, which has Brian's.
    ``xi`` and ``xi_x`` are white noise. Functions are exp, log, log10, log1p, expm1, exprel, sqrt, the trigonometric and
    hyperbolic ones, abs, sign, floor, ceil, clip, int, minimum and maximum. Random numbers, functions of time, and what
    belongs to synapses are refused with what to do instead.

    Parameters
    ----------
    equations : str
        Of the subthreshold dynamics.
    threshold : str, optional
        When a neuron fires: ``"v > v_th"``; comparisons may be joined by ``and`` and ``or``. ``"rand() < rate*dt"`` fires by
        chance, with probability :math:`1 - e^{-\mathrm{rate}\,dt}`. None: it never fires.
    reset : str, optional
        What a spike changes, in order, divided by ``;`` or lines: ``"v = v_rest; w += b"``.
    refractory : quantity, time, or str, optional
        How long a neuron cannot fire after a spike; or the threshold once more, and then it fires where it crosses it upward.
    method : str, optional
        How to integrate by default, see :mod:`brainsim.integrators`; exponential Euler, with noise its like.
    name : str, optional
        Of the class.
    **values
        Values of parameters, and what variables start from; 0 by default. A name that the equations use and do not
        declare becomes a parameter by its value here.

    Returns
    -------
    type
        A class of :class:`Neuron`.

    Raises
    ------
    EquationsError
        For what is no equation, a name that is not known, or units that do not fit; points into the text.
    UnknownNameError
        For a value that nothing uses.
    UnitError, TypeError, ValueError
        For a value of another unit than the text says, one that is no single number, or an unknown method.
    ImportError
        Without SymPy.

    References
    ----------
    M. Stimberg, R. Brette, D. F. M. Goodman, eLife 8:e47314 (2019).
    """
    if method is not None:
        integrators.get(method)
    for word in (word for word, value in values.items() if isinstance(value, str)):
        known = ("threshold", "reset", "refractory", "method", "name")
        raise UnknownNameError(
            f"from_equations: {word}={values[word]!r} is no value of a parameter.{suggestion(word, known)}"
        )
    text = Text(equations, "equations")
    spikes = statements(Text(reset, "reset"))
    names = Names(parse(text), spikes, values)
    writer = Writer(names, checked_name(name), method)
    crossing = isinstance(refractory, str)
    if crossing and (threshold is None or _plain(str(refractory)) != _plain(threshold)):
        raise EquationsError(
            f"refractory: a text must be the threshold ({threshold!r}), for neurons that fire where they cross it upward;"
            f" given {refractory!r}. Otherwise it is a time, one for all or one per neuron."
        )
    lasts = None if crossing else refractory
    if lasts is not None:
        in_unit(lasts, u.ms, "refractory")
    if threshold is None and spikes:
        raise EquationsError("reset: without a threshold nothing is ever reset.")
    fires = writer.threshold(threshold, crossing, spikes)
    parts = [writer.derivative(), fires, writer.reset(spikes)]
    used = [equation.value for equation in names.equations.values() if equation.value is not None]
    names.check_used([*used, *writer.conditions, *(statement.value for statement in spikes)])
    source = writer.source(parts, writer.facts(spikes), writer.declarations(lasts))
    kind = _made(source, name)
    given = dict(equations=equations, threshold=threshold, reset=reset, refractory=refractory, method=method, name=name)
    kind.described = ("brainsim.neurons.from_equations", {k: v for k, v in given.items() if v is not None} | values)  # type: ignore[attr-defined]
    return kind


def _plain(condition: str) -> str:
    return "".join(condition.split())


@functools.lru_cache(maxsize=256)
def _made(source: str, name: str) -> type[Neuron]:
    """The class of a source; the same source is the same class, and compiles once."""
    return made(source, name, f"equations of {name} {abs(hash(source)):x}", "equations")
