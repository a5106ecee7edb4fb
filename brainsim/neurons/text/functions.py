"""Functions that equations may call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from brainsim._errors import suggestion


class Function(NamedTuple):
    """A function: what it is in Python, how many arguments it takes, and what it does to units."""

    python: str
    arguments: int = 1
    units: str = "none"  # "none": of numbers only; "same": those of all its arguments; "drop"; "root"


class Functions(Mapping[str, Function]):
    """Functions by the names that they have in equations."""

    _elsewhere = {
        "rand": "random numbers in equations are xi; 'rand() < rate*dt' alone is a threshold",
        "randn": "random numbers in equations are xi; starting values may be drawn, V=bs.Normal(mean, std)",
        "poisson": "random numbers in equations are xi",
        "timestep": "refractory=... does what timestep is needed for",
    }

    def __init__(self, table: dict[str, Function]):
        self._table = table

    def __getitem__(self, name: str) -> Function:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def refuse(self, expression: Any, node: Any) -> None:
        """Say what to do in place of a function that there is not."""
        name = node.func.id
        if name == "rand" and expression.text.what == "threshold":
            return
        further = self._elsewhere.get(name)
        if further is None:
            further = f"a function of time is a stimulus, add_stimuli(drive=...).{suggestion(name, self._table)}"
        expression.fail(f"{name!r} is no function here: {further}", node.func)


FUNCTIONS = Functions(
    {
        name: Function(f"u.math.{name}")
        for name in "exp expm1 log log10 log1p sin cos tan sinh cosh tanh arcsin arccos arctan exprel".split()  # noqa: SIM905
    }
    | {
        "sqrt": Function("u.math.sqrt", units="root"),
        "abs": Function("u.math.abs", units="same"),
        "floor": Function("u.math.floor"),
        "ceil": Function("u.math.ceil"),
        "sign": Function("u.math.sign", units="drop"),
        "int": Function("int"),
        "clip": Function("u.math.clip", 3, "same"),
        "minimum": Function("u.math.minimum", 2, "same"),
        "maximum": Function("u.math.maximum", 2, "same"),
    }
)
