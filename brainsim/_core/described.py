"""What a class says about itself: its signature, and a table of its numbers in its docstring."""

from __future__ import annotations

import inspect
import re
from typing import Any

from brainsim._core.declared import State, _Declared

_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \w+)*)(?: *:.*)?$")
_STAR = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def signature(cls) -> inspect.Signature:
    """All arguments of a class, with units and defaults. The metaclass of flax shows ``(*args, **kwargs)``."""
    arguments, whole = _arguments(cls)
    # What has a type of its own, as the spikes of the last step, is nothing that people give.
    named = {
        name: d
        for name, d in cls._declared.items()
        if whole and name not in arguments and not (isinstance(d, State) and d.dtype is not None)
    }
    shown = [*arguments.values()]
    shown += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_Shown(d.shown_default))
        for name, d in sorted(named.items(), key=lambda item: isinstance(item[1], State))
    ]
    return inspect.Signature(sorted(shown, key=lambda p: p.kind))


def docstring(cls) -> str:
    """What is written about a class, and an entry for everything that it declares."""
    arguments, _ = _arguments(cls)
    declared, sections = cls._declared, _sections(_written(cls) or f"{cls.__name__}.")
    entries = _entries(sections.pop("Parameters", ""))
    inherited = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= _entries(_sections(_written(base)).get("Parameters", ""))
    given = {name for name, argument in arguments.items() if argument.default is argument.empty}
    known = {name: d for name, d in declared.items() if name not in given}
    lines = [_with_defaults(name, text, known) for name, text in entries.items() if not name.startswith("**")]
    written = {word for name in entries for word in re.findall(r"\w+", name)}
    lines += [inherited[name] for name in arguments if name not in written and name in inherited]
    written |= set(arguments) & set(inherited)
    parameters = [d.described() for name, d in declared.items() if name not in written and not isinstance(d, State)]
    states = [d.described() for name, d in declared.items() if name not in written and isinstance(d, State)]
    made = {"Parameters": "\n".join(lines + parameters), "States": "\n".join(states)}
    head = sections.pop("")
    parts = [head, *(f"{name}\n{'-' * len(name)}\n{text}" for name, text in (made | sections).items() if text)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


class _Shown:
    """A default value that prints as a person would write it."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self):
        return self.text


def _arguments(cls) -> tuple[dict[str, inspect.Parameter], bool]:
    """Arguments that ``__init__`` names, those it passes on included; and whether declared numbers may be given too."""
    named: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        own = list(inspect.signature(base.__init__).parameters.values())[1:]
        passed_on, rest = bool(named), {parameter.kind for parameter in own} & set(_STAR)
        for parameter in own:
            further = passed_on and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            shown = parameter.kind not in _STAR or (not passed_on and rest == {inspect.Parameter.VAR_POSITIONAL})
            if shown and parameter.name not in named and not further:
                named[parameter.name] = parameter.replace(annotation=_annotation(parameter.annotation))
        if base.__name__ == "Dynamics":
            return named, True
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in own):
            return named, False
    return named, False


def _annotation(given: Any) -> Any:
    """An annotation as it is shown; nothing where it says nothing."""
    if given in (Any, "Any"):
        return inspect.Parameter.empty
    return _Shown(given) if isinstance(given, str) else given


def _written(cls) -> str:
    """The docstring in the class's own text."""
    doc = vars(cls).get("__doc__")
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""


def _with_defaults(names: str, entry: str, declared: dict[str, _Declared]) -> str:
    """An entry that people wrote, with the defaults of what is declared."""
    head, line, rest = entry.partition("\n")
    if ":" not in head:  # as elsewhere: each with its own unit and default
        own = [declared[name].described() for name in names.split(", ") if name in declared]
        others = ", ".join(name for name in names.split(", ") if name not in declared)
        return "\n".join([f"{others}{line}{rest}"] * bool(others) + own)
    shown = {name: declared[name].shown_default for name in names.split(", ") if name in declared}
    if not shown or len(shown) < len(names.split(", ")) or "None" in shown.values() or "default" in head:
        return entry
    values = shown.values() if len(set(shown.values())) > 1 else list(shown.values())[:1]
    return f"{head}{', ' if ':' in head else ' : '}default {' and '.join(values)}{line}{rest}"


def _sections(doc: str) -> dict[str, str]:
    """The parts of a docstring in NumPy style by their titles; what comes before the first has the title ``""``."""
    found = list(_SECTION.finditer(doc))
    bounds = [match.start() for match in found] + [len(doc)]
    parts = {"": doc[: bounds[0]].strip()}
    return parts | {m[1]: doc[m.end() : stop].strip("\n") for m, stop in zip(found, bounds[1:])}


def _entries(text: str) -> dict[str, str]:
    """The entries of a section, by the names that they begin with."""
    entries: dict[str, str] = {}
    name = ""
    for line in text.rstrip().splitlines():
        if line and not line[0].isspace() and (match := _ENTRY.match(line)):
            name = match[1]
        entries[name] = f"{entries[name]}\n{line}" if name in entries else line
    return {name: entry.rstrip() for name, entry in entries.items()}
