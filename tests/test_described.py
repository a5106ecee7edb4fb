"""What a person sees who asks: signatures, tables of numbers, help in a terminal."""

import inspect
import pydoc
import re

import brainunit as u
import pytest

import brainsim as bs
from brainsim._core import Dynamics


def every_class(base=Dynamics):
    for kind in base.__subclasses__():
        if kind.__module__.startswith("brainsim."):
            yield kind
            yield from every_class(kind)


PUBLIC = sorted({kind for kind in every_class() if not kind.__name__.startswith("_")}, key=lambda kind: kind.__name__)


def test_help_shows_signature_parameters_equation_and_source():
    text = pydoc.render_doc(bs.neurons.AdEx, renderer=pydoc.plaintext)
    assert (
        "AdEx(size: int | tuple[int, ...], *, method: str | Callable | None = None, surrogate: Surrogate | Chance | None = None"
        in text
    )
    assert "C=281 pF, g_L=30 nS, E_L=-70.6 mV" in text and "w=0 pA)" in text and "spikes=" not in text
    for line in (
        r".. math:: C \dot V &= g_L (E_L - V)",
        "size : int or tuple of int\n |      Number of neurons",
        "tau_w : quantity in ms, positive, default 144 ms\n |      time constant of adaptation",
        "refractory : quantity in ms, not negative, optional\n |      time after a spike",
        "w : quantity in pA, default 0 pA\n |      adaptation current",
        "R. Brette, W. Gerstner, J. Neurophysiol. 94:3637 (2005).",
    ):
        assert line in text, line


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_every_number_stands_in_signature_and_docstring(kind):
    signature, doc = inspect.signature(kind), kind.__doc__
    assert not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values() if p.name == "values")
    for name, declared in kind._declared.items():
        assert re.search(rf"^(\w+, )*{name}(, \w+)* : .+$", doc, re.MULTILINE), name
        if name in signature.parameters and isinstance(declared.default, u.Quantity):
            shown = signature.parameters[name].default
            assert shown is inspect.Parameter.empty or str(declared.unit) in repr(shown) or shown is None, name


def exported():
    """Every function, class and method that a module of the package exports, with its name."""
    rooms = [bs, *(room for name, room in vars(bs).items() if inspect.ismodule(room) and not name.startswith("_"))]
    names = {room: getattr(room, "__all__", [name for name in vars(room) if name[0] != "_"]) for room in rooms}
    things = {id(thing): thing for room in rooms for thing in (getattr(room, name) for name in names[room])}
    for thing in things.values():
        if not getattr(thing, "__module__", "").startswith("brainsim"):
            continue
        if inspect.isfunction(thing):
            yield f"{thing.__module__}.{thing.__qualname__}", thing
        elif inspect.isclass(thing):
            yield from ((f"{thing.__module__}.{thing.__name__}.{name}", f) for name, f in first_definitions(thing))


def first_definitions(kind):
    """Public methods of a class; what overrides a method of a base class takes its annotations from there."""
    bases = [base for base in kind.__mro__[1:] if base.__module__.startswith("brainsim")]
    for name, member in vars(kind).items():
        public = not name.startswith("_") or name in ("__init__", "__call__")
        if not public or (name != "__init__" and any(name in vars(base) for base in bases)):
            continue
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(function) and function.__module__.startswith("brainsim"):
            yield name, function


def unannotated(function):
    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters if p.annotation is p.empty and p.name not in ("self", "cls")]
    returns = inspect.signature(function).return_annotation
    return [*names, *(["return"] if returns is inspect.Signature.empty and function.__name__ != "__init__" else [])]


def test_everything_that_is_exported_is_annotated():
    functions = dict(exported())
    assert len(functions) > 500 and "brainsim.network.Network.connect" in functions
    assert {name: lacking for name, function in functions.items() if (lacking := unannotated(function))} == {}


def test_a_class_of_ones_own_is_described_too():
    class Own(bs.neurons.Neuron):
        """Mine.

        Parameters
        ----------
        tau, rate : quantity
            Two of them.
        mode : str
            What else.

        Raises
        ------
        ValueError
            Never.
        """

        tau = bs.Parameter(20 * u.ms, "time constant")
        rate = bs.Parameter(2.5 * u.Hz, "rate")
        n = bs.Parameter(3.0, "exponent", positive=True)
        V = bs.State(lambda cell: cell.n, "potential", unit=u.mV)

        def __init__(self, size, mode="plain", **options):
            super().__init__(size, **options)

    assert list(inspect.signature(Own).parameters)[:3] == ["size", "mode", "method"]
    assert (
        "tau, rate : quantity, default 20 ms and 2.5 Hz\n    Two of them.\nmode : str\n    What else.\nsize : int"
        in Own.__doc__
    )
    assert "\nn : number, positive, default 3\n    exponent\n\nStates\n------\n" in Own.__doc__
    assert "V : quantity in mV, by default made from the others\n    potential\n\nRaises\n------\n" in Own.__doc__
    assert repr(Own.tau) == "Parameter(20 ms, 'time constant')"
    assert repr(Own.V) == "State(<from the others>, 'potential')"

    class Bare(Own):
        pass

    assert Bare.__doc__.startswith("Bare.\n\nParameters\n----------\n") and "mode : str" in Bare.__doc__


def test_what_takes_no_declared_numbers_does_not_show_them():
    assert list(inspect.signature(bs.Network).parameters) == ["seed", "mesh"]
