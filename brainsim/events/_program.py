"""The step of a recurrence as a short program of plain arithmetic, for the kernel ``recurrence``."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, cast

import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from brainsim.events._shared import Step
from brainsim.events._threshold import FIRES, PUT_BACK

REAL, WHOLE = "f", "ib"  # kinds of types: numbers, and counts or bools, which are whole numbers in a register
SLOW = frozenset({Step.LOG, Step.LOG1P, Step.EXPM1, Step.TANH, Step.SIN, Step.COS, Step.POW})  # XLA has the better ones

UNARY = {
    "neg": Step.NEG, "abs": Step.ABS, "sqrt": Step.SQRT, "exp": Step.EXP, "log": Step.LOG, "log1p": Step.LOG1P,
    "expm1": Step.EXPM1, "tanh": Step.TANH, "sin": Step.SIN, "cos": Step.COS, "floor": Step.FLOOR, "ceil": Step.CEIL,
    "sign": Step.SIGN, "is_finite": Step.IS_FINITE,
}  # fmt: skip
BINARY = {
    "add": Step.ADD, "add_any": Step.ADD, "sub": Step.SUB, "mul": Step.MUL, "div": Step.DIV, "max": Step.MAX,
    "min": Step.MIN, "pow": Step.POW, "gt": Step.GT, "ge": Step.GE, "lt": Step.LT, "le": Step.LE, "eq": Step.EQ,
    "ne": Step.NE,
}  # fmt: skip
OF_WHOLE = {
    "add": Step.ADD_WHOLE, "sub": Step.SUB_WHOLE, "mul": Step.MUL_WHOLE, "max": Step.MAX_WHOLE, "min": Step.MIN_WHOLE,
    "gt": Step.GT_WHOLE, "ge": Step.GE_WHOLE, "lt": Step.LT_WHOLE, "le": Step.LE_WHOLE, "eq": Step.EQ_WHOLE,
    "ne": Step.NE_WHOLE, "and": Step.AND, "or": Step.OR, "xor": Step.XOR,
}  # fmt: skip


class Unserved(Exception):
    """The kernel has no such operation."""


class Program(NamedTuple):
    """What the kernel is told.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the numbers.
    literals : tuple of float
        Constants, which stand in registers behind the arguments.
    numbers : tuple of int
        Registers, literals, operations before the loop and in it; the register of each result; which constants are whole
        numbers; and for each operation its code, its result and three arguments.
    """

    dtype: Any
    literals: tuple
    numbers: tuple


@functools.lru_cache(maxsize=512)
def compiled(body: ClosedJaxpr, counts: tuple[int, int]) -> Program | None:
    """The program of a step; None where the kernel does not serve it.

    Parameters
    ----------
    body : ClosedJaxpr
        From what is read, carried and taken at each time to what is carried and given, numbers all.
    counts : tuple of int
        How many are read, and carried.
    """
    variables = [*body.jaxpr.invars, *body.jaxpr.outvars, *(v for e in body.jaxpr.eqns for v in e.outvars)]
    types = {v.aval.dtype for v in variables}
    real = {t for t in types if t.kind == REAL}
    if (
        len(real) > 1
        or real - {np.dtype(np.float32), np.dtype(np.float64)}
        or any(t.kind == "i" and t.itemsize != 4 for t in types)
    ):
        return None
    if any(t.kind not in REAL + WHOLE for t in types):
        return None
    try:
        return _Writer(body.jaxpr, counts, real.pop() if real else np.dtype(np.float32)).program()
    except Unserved:
        return None


class Value(NamedTuple):
    """What a variable is: a constant, or what an operation makes of others."""

    code: int | None  # None: a constant or an argument
    of: tuple
    kind: str  # "f", "i" or "b"
    fixed: bool  # the same at all times


class _Writer:
    def __init__(self, jaxpr, counts, dtype):
        self.jaxpr, self.counts, self.dtype = jaxpr, counts, dtype
        self.values: list[Value] = []  # arguments first; each operation after what it takes
        self.same: dict[Value, int] = {}

    # -- operations, the same one once -----------------------------------------------------------------------------------

    def add(self, value: Value) -> int:
        if value not in self.same:
            self.same[value] = len(self.values)
            self.values.append(value)
        return self.same[value]

    def constant(self, x, kind: str) -> int:
        return self.add(Value(None, (float(x),), kind, True))

    def number(self, k: int) -> float | None:
        """The value of a constant."""
        value = self.values[k]
        return value.of[0] if value.code is None and isinstance(value.of[0], float) else None

    def make(self, code: int, *of: int, kind: str = REAL) -> int:
        simpler = self._simpler(code, *of)
        if simpler is not None:
            return simpler
        fixed = all(self.values[k].fixed for k in of)
        if not fixed and (code in SLOW or (code == Step.EXP and self.dtype.itemsize == 8)):
            raise Unserved
        if code == Step.DIV and self.values[of[1]].fixed and not fixed:
            return self.make(Step.MUL, of[0], self.make(Step.DIV, self.constant(1, REAL), of[1]))
        return self.add(Value(int(code), of, kind, fixed))

    def _simpler(self, code, *of) -> int | None:
        numbers = [self.number(k) for k in of]
        if code in (Step.MUL, Step.DIV) and numbers[1] == 1:
            return of[0]
        if code == Step.MUL and numbers[0] == 1:
            return of[1]
        if code in (Step.ADD, Step.SUB) and numbers[1] == 0:
            return of[0]
        if code == Step.ADD and numbers[0] == 0:
            return of[1]
        if code == Step.SUB and numbers[0] == 0:
            return self.make(Step.NEG, of[1])
        if code == Step.ADD and self.values[of[1]].code == Step.NEG:
            return self.make(Step.SUB, of[0], self.values[of[1]].of[0])
        first = self.values[of[0]]
        if code == Step.MUL and not first.fixed and self.values[of[1]].fixed:
            return self._scaled(first, of[1])
        if code == Step.MUL and first.fixed and not self.values[of[1]].fixed:
            return self.make(Step.MUL, of[1], of[0])
        if code == Step.NEG and first.code == Step.NEG:
            return first.of[0]
        # A bool that was made a number and is looked at again
        if (
            code in (Step.NE, Step.GT)
            and numbers[1] == 0
            and first.code == Step.TO_REAL
            and self.values[first.of[0]].kind == "b"
        ):
            return first.of[0]
        return None

    def _scaled(self, value, by) -> int | None:
        """A product that is multiplied by what does not change once more: one product of both before the loop."""
        if value.code == Step.NEG:
            return self.make(Step.MUL, value.of[0], self.make(Step.NEG, by))
        if value.code != Step.MUL or not self.values[value.of[1]].fixed:
            return None
        return self.make(Step.MUL, value.of[0], self.make(Step.MUL, value.of[1], by))

    # -- equations -------------------------------------------------------------------------------------------------------

    def program(self) -> Program:
        known: dict = {}
        for k, v in enumerate(self.jaxpr.invars):
            self.values.append(Value(None, (k,), v.aval.dtype.kind, k < self.counts[0]))
            known[v] = k
        self._equations(self.jaxpr, known)
        outs = [self._read(v, known) for v in self.jaxpr.outvars]
        carried = range(self.counts[0], sum(self.counts))
        for k in range(self.counts[1]):  # what another carried variable was is kept until all are written
            if outs[k] in carried and outs[k] != carried[k]:
                copied, kind = outs[k], self.values[outs[k]].kind
                outs[k] = len(self.values)
                self.values.append(Value(int(Step.COPY), (copied,), kind, False))
        return self._written(outs)

    def _read(self, v, known) -> int:
        return self.constant(v.val, cast(Any, v.aval).dtype.kind) if isinstance(v, Literal) else known[v]

    def _equations(self, jaxpr, known):
        for equation in jaxpr.eqns:
            inputs = [self._read(v, known) for v in equation.invars]
            name = equation.primitive.name
            if name == "custom_jvp_call":
                inner = equation.params["call_jaxpr"].jaxpr
                inside = dict(zip(inner.invars, inputs, strict=True))
                self._equations(inner, inside)
                made = [self._read(v, inside) for v in inner.outvars]
            else:
                made = [self._operation(name, equation, inputs)]
            known.update(zip(equation.outvars, made, strict=True))

    def _operation(self, name, equation, of) -> int:
        kind, made = self.values[of[0]].kind, equation.outvars[0].aval.dtype.kind
        if name in ("copy", "stop_gradient"):
            return of[0]
        if name == "convert_element_type":
            return self._converted(of[0], kind, made)
        if name == "select_n" and len(of) == 3 and kind == "b":
            return of[1] if of[1] == of[2] else self.make(Step.SELECT, *of, kind=made)
        if name == FIRES:
            return self.make(Step.TO_REAL, self.make(Step.GT, of[0], self.constant(0, REAL), kind="b"))
        if name == PUT_BACK:
            return self.make(
                Step.SELECT, self.make(Step.NE, of[2], self.constant(0, REAL), kind="b"), *of[:2], kind=made
            )
        if name == "clamp" and kind == REAL:
            return self.make(Step.MIN, self.make(Step.MAX, of[1], of[0]), of[2])
        if kind == REAL and name in self.DERIVED:
            return self.DERIVED[name](self, of[0], equation.params)
        if name == "not" and kind == "b":
            return self.make(Step.XOR, of[0], self.constant(1, "b"), kind="b")
        table = UNARY if len(of) == 1 else BINARY if kind == REAL else OF_WHOLE
        if name not in table or (len(of) == 1 and kind != REAL):
            raise Unserved
        return self.make(table[name], *of, kind=made)

    def _converted(self, x, kind, made) -> int:
        if kind == made or (kind in WHOLE and made == "i"):
            return x
        if made == REAL:
            return self.make(Step.TO_REAL, x)
        if made == "i":
            return self.make(Step.TO_WHOLE, x, kind="i")
        return self.make(Step.NE if kind == REAL else Step.NE_WHOLE, x, self.constant(0, kind), kind="b")

    def _power(self, x, params) -> int:
        y, one = params["y"], self.constant(1, REAL)
        if not 0 < abs(y) <= 8:
            raise Unserved
        made = x
        for _ in range(abs(y) - 1):
            made = self.make(Step.MUL, made, x)
        return made if y > 0 else self.make(Step.DIV, one, made)

    def _logistic(self, x, params) -> int:
        one = self.constant(1, REAL)
        return self.make(Step.DIV, one, self.make(Step.ADD, self.make(Step.EXP, self.make(Step.NEG, x)), one))

    DERIVED = {
        "integer_pow": _power,
        "logistic": _logistic,
        "square": lambda self, x, params: self.make(Step.MUL, x, x),
        "rsqrt": lambda self, x, params: self.make(Step.DIV, self.constant(1, REAL), self.make(Step.SQRT, x)),
    }

    # -- registers -------------------------------------------------------------------------------------------------------

    def _written(self, outs) -> Program:
        arguments = len(self.jaxpr.invars)
        constants = [k for k in range(arguments, len(self.values)) if self.number(k) is not None]
        register = {k: k for k in range(arguments)} | {k: arguments + i for i, k in enumerate(constants)}
        operations = [k for k in range(arguments, len(self.values)) if k not in register]
        needed = self._needed(outs)
        before = [k for k in operations if k in needed and self.values[k].fixed]
        loop = [k for k in operations if k in needed and not self.values[k].fixed]
        for k in before:
            register[k] = len(register)
        last = {j: i for i, k in enumerate(loop) for j in self.values[k].of}
        free, n = [], len(register)
        for i, k in enumerate(loop):
            # The result may stand where an argument that nobody reads any more does
            for j in dict.fromkeys(self.values[k].of):
                if last[j] == i and j in loop and j not in outs:
                    free.append(register[j])
            register[k] = free.pop() if free else n
            n = max(n, register[k] + 1)
        numbers = [n, len(constants), len(before), len(loop), *(register[k] for k in outs)]
        numbers += [self.values[k].kind != REAL for k in constants]
        for k in (*before, *loop):
            of = [register[j] for j in self.values[k].of]
            numbers += [self.values[k].code, register[k], *of, *[of[0]] * (3 - len(of))]
        return Program(self.dtype, tuple(self.number(k) for k in constants), tuple(map(int, numbers)))

    def _needed(self, outs) -> set:
        needed = set(outs)
        for k in reversed(range(len(self.values))):
            if k in needed and self.values[k].code is not None:
                needed.update(self.values[k].of)
        return needed
