"""Classes whose source is written by a program: made from it, and shown."""

from __future__ import annotations

import inspect
import linecache

WIDTH = 110


def made(source: str, name: str, file: str, room: str) -> type:
    """The class ``name`` of a source, which error messages and :mod:`inspect` can show.

    Parameters
    ----------
    source : str
    name : str
        Of the class.
    file : str
        What the source is called in error messages.
    room : str
        Module that the class says to be of.

    Returns
    -------
    type
    """
    file = f"<{file}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict = {"__name__": f"{room}.{name}"}
    exec(compile(source, file, "exec"), namespace)
    return namespace[name]


def source_of(kind: type) -> str:
    """The Python source of a class, also of one that a program has written.

    Parameters
    ----------
    kind : type
        ``bs.neurons.LIF``, or what :func:`brainsim.neurons.from_equations` or :func:`brainsim.io.read_mod` gave.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        For what is no class, or a class of which no source is kept.
    """
    if not isinstance(kind, type):
        raise TypeError(f"source_of takes a class, given {type(kind).__name__}.")
    for member in vars(kind).values():
        file = getattr(getattr(member, "__code__", None), "co_filename", "")
        if file.startswith("<") and file in linecache.cache:
            return "".join(linecache.cache[file][2])  # type: ignore[misc]
    try:
        return inspect.getsource(kind)
    except OSError as error:
        raise TypeError(f"no source is kept of {kind.__name__}.") from error


def wrapped(line: str) -> list[str]:
    """A line of source that is long, broken within its outermost parentheses."""
    if len(line) <= WIDTH or "(" not in line or '"""' in line:
        return [line]
    pad = " " * (len(line) - len(line.lstrip()) + (8 if line.lstrip().startswith("def ") else 4))
    head, rest = line[: line.index("(") + 1], line[line.index("(") + 1 :]
    words, lines = rest.split(", "), [head]
    for k, word in enumerate(words):
        word += "," if k + 1 < len(words) else ""
        if lines[-1] is head or len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append(pad + word)
        else:
            lines[-1] += " " + word
    return lines
