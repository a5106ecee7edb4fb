"""Code and classes from outside brainsim: whose they are, and what they mention."""

from __future__ import annotations

import dis
import functools
import os
import site
import sys
import sysconfig
import types

import brainunit as u
import flax
import jax
import jaxlib
import numpy as np
from flax import nnx

_PATHS = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
_PATHS += [site.getusersitepackages(), *site.getsitepackages()]
# Those of other installations that are looked at too, and packages that models use, in whatever way they are installed
_PATHS += [path for path in sys.path if os.path.basename(path.rstrip(os.sep)) in ("site-packages", "dist-packages")]
_PATHS += [path for module in (flax, jax, jaxlib, np, u) for path in module.__path__]
_PATHS += [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]  # brainsim itself
INSTALLED = (
    "<frozen ",
    *sorted({f"{form}{os.sep}" for path in _PATHS for form in (path, os.path.realpath(path))}),
)
# What Python keeps on every class, and what runs only when something is shown.
IGNORED = frozenset(
    """
    __abstractmethods__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__ __classcell__ __dict__
    __doc__ __firstlineno__ __init_subclass__ __module__ __parameters__ __qualname__ __repr__ __signature__ __slotnames__
    __static_attributes__ __str__ __weakref__ _abc_impl
    """.split()  # noqa: SIM905
)
_MADE_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE


@functools.lru_cache(maxsize=4096)
def globals_of(code) -> tuple[tuple[str, ...], ...]:
    """The globals that code reads, each with the attributes that are read from it at once; nested functions too."""
    found: dict = {}
    instructions = list(dis.get_instructions(code))
    for k, instruction in enumerate(instructions):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            chain = [instruction.argval]
            for following in instructions[k + 1 :]:
                if following.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    break
                chain.append(following.argval)
            found[tuple(chain)] = None
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= dict.fromkeys(globals_of(constant))
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def imports_of(code) -> tuple[str, ...]:
    """Modules that code imports while it runs."""
    found = [i.argval for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME"]
    inner = (imports_of(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return (*found, *(name for names in inner for name in names))


def follow(value, names):
    """``value``, or what names lead to from it where it is a module of the user's."""
    for name in names:
        if not isinstance(value, types.ModuleType) or is_constant(value.__name__) or name not in vars(value):
            break
        value = vars(value)[name]
    return value


def is_filled(cell) -> bool:
    """Whether the variable of a closure has a value yet."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


@functools.lru_cache(maxsize=1024)
def bases(kind) -> tuple:
    """Classes that a class is made of and that may change: which are brainsim's, and what of each is never read."""
    found = []
    for base in kind.__mro__:
        ours = base.__module__.startswith("brainsim.")
        if ours or (base.__flags__ & _MADE_IN_PYTHON and not is_constant(base.__module__)):
            found.append((base, ours, IGNORED | {"__init__"} if issubclass(base, nnx.Pytree) else IGNORED))
    return tuple(found)


def slots(kind) -> tuple:
    """Names of the slots that a class itself adds."""
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


@functools.cache
def is_constant(module_name: str) -> bool:
    """Whether a module belongs to an installed package or to Python."""
    if module_name.partition(".")[0] in sys.stdlib_module_names and module_name != "__main__":
        return True
    module = sys.modules.get(module_name)
    files = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(file is not None and file.startswith(INSTALLED) for file in files)


_first_seen: dict = {}  # attributes of brainsim's classes when they were first met


def changed(kind) -> dict:
    """Attributes of one of brainsim's classes that are the user's, or not what they were when it was first met."""
    now = vars(kind)
    ids = tuple(map(id, now.values()))
    if kind not in _first_seen:
        _first_seen[kind] = ids, dict(now), sorted(name for name, value in now.items() if _is_of_user(value))
    seen, before, foreign = _first_seen[kind]
    if seen == ids:
        return {name: now[name] for name in foreign}
    names = {name for name in {**before, **now} if now.get(name) is not before.get(name)}
    if names <= IGNORED:
        _first_seen[kind] = ids, dict(now), foreign
    return {name: now.get(name) for name in sorted({*names, *foreign} - IGNORED)}


def _is_of_user(value) -> bool:
    code = getattr(getattr(value, "__func__", getattr(value, "fget", value)), "__code__", None)
    return isinstance(code, types.CodeType) and not code.co_filename.startswith((*INSTALLED, "<string>"))
