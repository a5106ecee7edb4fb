"""Equations as the source of a class of neurons."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping
from typing import Any

import brainunit as u

from brainsim._core.written import WIDTH, wrapped
from brainsim._units import UNITLESS
from brainsim.neurons.text.dimensions import NUMBERS, Dimensions
from brainsim.neurons.text.functions import FUNCTIONS
from brainsim.neurons.text.names import RATE, Names
from brainsim.neurons.text.parse import Statement
from brainsim.neurons.text.symbols import formula, symbol, without_noise
from brainsim.neurons.text.words import Expression, Text

_NOISY = "exponential_euler_maruyama"
_COMPARED = {ast.Gt: False, ast.GtE: True, ast.Lt: False, ast.LtE: True}


class Writer:
    """Writes the class.

    Parameters
    ----------
    names : Names
    name : str
        Of the class.
    method : str or None
        Of integration by default.
    """

    def __init__(self, names: Names, name: str, method: str | None):
        self.names, self.name, self.method = names, name, method
        self.u = "u" if "u" not in names.equations and "u" not in names.parameters else "brainunit"
        self.conditions: list[Expression] = []
        self.order = names.order()
        names.check_shared()
        self.rates = {variable: self._value(variable) for variable in names.variables}
        for variable in (*names.subexpressions, *names.variables):
            names.resolve(self._value(variable), further=("t", "xi") if variable in self.rates else ("t",))
        for variable in names.subexpressions:
            Dimensions(names.units, self._value(variable)).check(names.units[variable])
        for variable, value in self.rates.items():
            Dimensions(names.units, value).check(u.get_unit(names.units[variable] * RATE))

    def _value(self, name: str) -> Expression:
        value = self.names.equations[name].value
        assert value is not None
        return value

    # -- expressions -------------------------------------------------------------------------------------------------

    def python(self, tree: ast.expr, where: Mapping[str, str], inline: bool = True) -> str:
        """An expression as Python, with what each of its variables is; subexpressions are put in place if ``inline``."""
        written = ast.unparse(ast.fix_missing_locations(_Written(self, where, inline).visit(_copied(tree))))
        return written.replace("'", '"')

    def _at(self, place: str) -> dict[str, str]:
        """What variables are in ``before``, ``after`` or ``y``."""
        return {name: f'{place}["{name}"]' for name in self.names.variables}

    # -- the parts of the class --------------------------------------------------------------------------------------

    def declarations(self, refractory: Any) -> list[str]:
        """Parameters and states."""
        names, lines = self.names, []
        for kind, own in (("Parameter", names.parameters), ("State", [*names.variables, *names.states])):
            for name in own:
                what = names.equations[name].what if name in names.equations else ""
                shared = name in names.equations and "shared" in names.equations[name].flags
                text = (
                    f"{names.default(name).format(u=self.u)}, {_quoted(what or name)}{', shape=()' if shared else ''}"
                )
                lines.append(f"{name} = {kind}({text})")
        if refractory is not None:
            held = f"{float(f'{float(u.Quantity(refractory).to_decimal(u.ms)):.12g}')!r} * {self.u}.ms"
            what = '"time after a spike in which the neuron cannot fire", optional=True, nonnegative=True'
            lines.append(f"refractory = Parameter({held}, {what})")
        return lines

    def facts(self, reset: list[Statement]) -> list[str]:
        """What the class says beside its equations."""
        names = self.names
        clamped = [n for n in names.variables if "unless refractory" in names.equations[n].flags]
        back = dict.fromkeys(statement.name for statement in reset if statement.op == "")
        lines = [f"clamped = {_tuple(clamped)}", f"set_back = {_tuple([n for n in back if n in names.variables])}"]
        method = self.method or (_NOISY if any(self._noises(name) for name in names.variables) else None)
        lines += [f'default_method = "{method}"'] if method is not None else []
        if len({names.python[name] for name in names.inputs}) > 1:
            names.equations[names.inputs[-1]].fail("inputs must be in one unit")
        acts = {name: self._acts_on(name) for name in names.inputs}
        if list(acts.items()) != [("I", "V")]:
            lines.append("inputs = " + str(acts).replace("'", '"'))
        unit = names.python[names.inputs[0]].format(u=self.u) if names.inputs else f"{self.u}.pA"
        if unit != f"{self.u}.pA":
            lines.append(f"input_unit = {unit or f'{self.u}.UNITLESS'}")
        return lines

    def _acts_on(self, name):
        """The variable that an input acts on: the first whose rate depends on it."""
        for variable, value in self.rates.items():
            if name in self.names.needed(value):
                return variable
        return self.names.equations[name].fail(f"no equation takes the input {name!r}")

    def _noises(self, variable):
        return [name for name in self.rates[variable].names if name == "xi" or name.startswith("xi_")]

    def derivative(self) -> list[str]:
        """``derivative``, and ``diffusion`` where there is noise."""
        drifts = {name: value.tree for name, value in self.rates.items()}
        noisy: dict[str, ast.expr] = {}
        seen: dict[str, str] = {}
        names = self.names
        for name, value in self.rates.items():
            noises = self._noises(name)
            for noise in noises:
                if noise in seen:
                    value.fail(
                        f"{noise} stands in the equation of {seen[noise]} too; noise is not shared, write xi_{name}",
                        value.names[noise],
                    )
                seen[noise] = name
            if noises:
                drifts[name], noisy[name], depends = without_noise(value, noises, filter(names.is_unit, value.names))
                if self.method is None and depends & {*self.names.variables, *self.names.subexpressions}:
                    value.fail(
                        "noise that is multiplied by a variable needs a method: 'milstein' (Ito) or 'stratonovich_milstein'"
                    )
        lines = self._method("derivative", list(drifts.values()))
        if noisy:
            zero = ast.Constant(0.0)
            lines += ["", *self._method("diffusion", [noisy.get(name, zero) for name in drifts], noise=True)]
        return lines

    def _method(self, what, values, noise=False):
        names = self.names
        used = [name for value in values for name in _names_in(value)]
        needed = {*used, *names.needed(*(self._value(name) for name in used if name in names.subexpressions))}
        steps = [name for name in self.order if name in needed]
        taken = ", ".join(["self", "t", *names.variables, *([] if noise else names.inputs)])
        lines = [f"def {what}({taken}):"]
        where = {name: name for name in (*names.variables, *names.inputs, *names.subexpressions, "t")}
        lines += [f"    {name} = {self.python(self._value(name).tree, where, inline=False)}" for name in steps]
        rates = [self._rate(name, value, where, noise) for name, value in zip(names.variables, values)]
        if len(rates) == 1 or max(map(len, rates)) < 60:
            line = f"    return {', '.join(rates)}"
            long = len(rates) > 1 and len(line) + 4 > WIDTH  # in parentheses a line can be broken
            return [*lines, f"    return ({', '.join(rates)})" if long else line]
        lines += [f"    d{name} = {rate}" for name, rate in zip(names.variables, rates)]
        return [*lines, f"    return {', '.join(f'd{name}' for name in names.variables)}"]

    def _rate(self, name, value, where, noise):
        if noise and isinstance(value, ast.Constant):
            unit = self.names.python[name].format(u=self.u)
            return f"0.0 * {unit} / {self.u}.ms**0.5" if unit else f"0.0 / {self.u}.ms**0.5"
        return self.python(value, where, inline=False)

    def threshold(self, text: str | None, crossing: bool, reset: list[Statement]) -> list[str]:
        """``fires``, or ``hazard`` where the neuron fires by chance."""
        if text is None:
            zeros = 'return jnp.zeros(self.count, self.dtype_of("spikes"))'
            return ["never_fires = True", "", "def fires(self, before, after):", f"    {zeros}"]
        condition = Expression(Text(text, "threshold"), 0, 0, text)
        self.conditions.append(condition)
        self.names.resolve(condition, further=("dt",))
        rate = self._rate_of(condition)
        if rate is not None:
            Dimensions(self.names.units, condition).of(rate)
            return ["def hazard(self, before, after):", f"    return {self.python(rate, self._at('after'))}"]
        Dimensions(self.names.units, condition).check(UNITLESS)
        for name in ("t", "dt"):
            if name in condition.names:
                condition.fail(f"a threshold cannot depend on {name!r}", condition.names[name])
        spikes = self._spikes(condition, condition.tree, crossing, _landing(reset))
        return ["def fires(self, before, after):", f"    return {spikes}"]

    def _rate_of(self, condition):
        """``rate`` of ``rand() < rate*dt``; None for another condition."""
        tree = condition.tree
        calls = [
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "rand"
        ]
        if not calls:
            return None
        right = tree.comparators[0] if isinstance(tree, ast.Compare) and tree.left is calls[0] else None
        if (
            isinstance(right, ast.BinOp)
            and isinstance(right.op, ast.Mult)
            and isinstance(tree.ops[0], ast.Lt | ast.LtE)
        ):
            for one, other in ((right.left, right.right), (right.right, right.left)):
                if isinstance(one, ast.Name) and one.id == "dt":
                    return other
        return condition.fail("a neuron fires by chance where 'rand() < rate*dt'", calls[0])

    def _spikes(self, condition, node, crossing, landing):
        if isinstance(node, ast.BoolOp):
            if crossing:
                condition.fail("with the threshold as refractoriness there is one comparison only", node)
            parts = [self._spikes(condition, part, crossing, landing) for part in node.values]
            joining = "minimum" if isinstance(node.op, ast.And) else "maximum"
            text = parts[0]
            for part in parts[1:]:
                text = f"jnp.{joining}({text}, {part})"
            return text
        if isinstance(node, ast.Name) and node.id in self.names.booleans:
            return self._spikes(condition, ast.parse(f"int({node.id}) > 0.5", mode="eval").body, crossing, landing)
        if not isinstance(node, ast.Compare) or type(node.ops[0]) not in _COMPARED:
            return condition.fail("a threshold is a comparison by <, <=, > or >=, or several with 'and' and 'or'", node)
        kind, above, below = type(node.ops[0]), node.left, node.comparators[0]
        if kind in (ast.Lt, ast.LtE):
            above, below = below, above
        given = [self.python(above, self._at("after")), self.python(below, self._at("after"))]
        if crossing:
            given.insert(0, self.python(above, self._at("before")))
        name = above.id if isinstance(above, ast.Name) else None
        if name in landing:
            given.append(f"scale={given[-1]} - {self._group(self.python(landing[name], {}))}")
        if _COMPARED[kind] and not crossing:
            given.append("reached=True")
        return f"self.spike_{'crossing' if crossing else 'where'}({', '.join(given)})"

    @staticmethod
    def _group(text):
        return f"({text})" if any(sign in text[1:] for sign in "+-") else text

    def reset(self, statements: list[Statement]) -> list[str]:
        """``after_spike``."""
        names, now = self.names, self._at("y") | {"t": 'y["t"]'}
        changed: dict[str, str] = {}
        for s in statements:
            names.resolve(s.value, further=("t",))
            if s.name not in (*names.variables, *names.states):
                known = ", ".join([*names.variables, *names.states])
                message = f"{s.name!r} is not what a spike can change; it changes {known}"
                s.value.text.fail(message, s.line, s.at, s.at + len(s.name))
            unit = names.units[s.name]
            Dimensions(names.units, s.value).check(UNITLESS if s.op in ("*", "/") else unit)
            value = self.python(s.value.tree, now)
            if s.op:
                before = now.get(s.name, f"self.{s.name}")
                tree = ast.parse(f"({before}) {s.op} ({value})", mode="eval").body
                value = ast.unparse(tree).replace("'", '"')
            changed[s.name] = value
            now = now | {s.name: f"({value})"}
        if not changed:
            return ["def after_spike(self, y):", "    return {}"] if "V_reset" in names.parameters else []
        return [
            "def after_spike(self, y):",
            f"    return {{{', '.join(f'{chr(34)}{k}{chr(34)}: {v}' for k, v in changed.items())}}}",
        ]

    # -- the text ----------------------------------------------------------------------------------------------------

    def docstring(self) -> list[str]:
        """The equations as formulas."""
        lines = [formula(symbol(name), self._value(name)) for name in self.order]
        lines += [formula(rf"\frac{{d {symbol(name)}}}{{dt}}", value) for name, value in self.rates.items()]
        broken = [f"          {line} \\\\" for line in lines]
        broken[0] = "    .. math:: " + broken[0].strip()
        broken[-1] = broken[-1].removesuffix(" \\\\")
        return [f'    r"""{self.name}, made from equations.', "", *broken, '    """']

    def source(self, parts: list[list[str]], facts: list[str], declared: list[str]) -> str:
        """The source of the module."""
        body = [""]
        body += [f"    {line}" for line in facts] + [""] + [f"    {line}" for line in declared]
        for part in parts:
            body += [""] + [f"    {line}" if line else "" for line in part] if part else []
        text = "\n".join(part for line in body for part in wrapped(line))
        imports = ["import brainunit as u" if self.u == "u" else "import brainunit"]
        imports += ["import jax.numpy as jnp"] if "jnp." in text else []
        ours = ["from brainsim import Parameter, State", "from brainsim.neurons import Neuron"]
        if "Parameter(" not in text:
            ours[0] = "from brainsim import State"
        head = [f"class {self.name}(Neuron):", *self.docstring()]
        return "\n".join([*imports, "", *ours, "", "", *head, text]) + "\n"


class _Written(ast.NodeTransformer):
    """Names and functions as they stand in a method."""

    def __init__(self, writer: Writer, where: Mapping[str, str], inline: bool):
        self.writer, self.where, self.inline = writer, where, inline

    def visit_Name(self, node):
        writer, name = self.writer, node.id
        if name in writer.names.subexpressions and self.inline:
            return self.visit(_copied(writer._value(name).tree))
        if name in self.where:
            text = self.where[name]
        elif name in NUMBERS:
            text = NUMBERS[name]
        else:
            text = f"{writer.u}.{name}" if writer.names.is_unit(name) else f"self.{name}"
            text = f"{text} > 0.5" if name in writer.names.booleans else text
        return ast.parse(text, mode="eval").body

    def visit_Call(self, node):
        arguments = [self.visit(argument) for argument in node.args]
        assert isinstance(node.func, ast.Name)
        function = FUNCTIONS[node.func.id].python
        if function == "int":
            condition = _is_condition(node.args[0], self.writer.names.booleans)
            function = "u.math.where" if condition else "u.math.trunc"
            arguments += [ast.Constant(1.0), ast.Constant(0.0)] if condition else []
        called = ast.parse(function.replace("u.", f"{self.writer.u}.", 1), mode="eval").body
        return ast.Call(called, arguments, [])

    def visit_UnaryOp(self, node):
        operation = ast.Invert() if isinstance(node.op, ast.Not) else node.op
        return ast.UnaryOp(operation, self.visit(node.operand))

    def visit_BoolOp(self, node):
        operation = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        left, *others = [self.visit(part) for part in node.values]
        for other in others:
            left = ast.BinOp(left, operation, other)
        return left


def _is_condition(node: ast.expr, booleans: list[str]) -> bool:
    """Whether an expression is true or false."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    return isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.Name) and node.id in booleans)


def _landing(reset: list[Statement]) -> dict[str, ast.expr]:
    """Where variables start from after a spike, where this is the same for every spike."""
    changed = {statement.name for statement in reset}
    return {
        s.name: s.value.tree
        for s in reset
        if s.op == "" and not changed & set(s.value.names) and "t" not in s.value.names
    }


def _names_in(tree):
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _copied(tree: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(tree), mode="eval").body


def _quoted(text):
    return f'"{text}"'.replace("\\", "/") if '"' not in text else repr(text)


def _tuple(names):
    return "(" + "".join(f'"{name}", ' for name in names).strip() + ")" if names else "()"


def checked_name(name: str) -> str:
    """A name for a class.

    Raises
    ------
    ValueError
        For what cannot be one.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"from_equations: name must be that of a class, given {name!r}.")
    return name
