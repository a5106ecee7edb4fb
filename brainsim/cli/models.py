"""Model files: where they are, what they say about themselves, and loading one."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

from brainsim._errors import suggestion
from brainsim.cli import UsageError


def describe(path: Path) -> tuple[str, str] | None:
    """First line of the docstring, and the arguments of ``build``; None for a file without ``build``.

    The file is read, not run, so listing is quick and a model that lacks a library is listed too.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        return f"(cannot be read: {error.__class__.__name__})", ""
    build = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "build"), None)
    if build is None:
        return None
    for argument in ast.walk(build.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    return re.sub(r":\w+:`~?([^`]*)`", r"\1", summary), ast.unparse(build.args)


def files(folder: Path) -> dict[str, Path]:
    """Python files of a folder and of the folders in it, by name: ``name`` or ``folder/name``."""
    paths = [*sorted(folder.glob("*.py")), *sorted(folder.glob("*/*.py"))]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}


def list_models(options) -> int:
    """``brainsim models``."""
    folder = Path(options.folder or "models")
    if not folder.is_dir():
        raise UsageError(f"brainsim models: there is no folder {str(folder)!r}; give one: brainsim models FOLDER.")
    found = {name: told for name, path in files(folder).items() if (told := describe(path)) is not None}
    if not found:
        print(f"No model file in {folder}: a model file is Python with a function build(seed=0, ...).")
    for name, (line, arguments) in found.items():
        print(f"{name}\n    {line}\n    build({arguments})")
    return 0


def find(name: str, named: str) -> Path:
    """The file of a model given by path or by name; ``named``: the command, for errors."""
    path = Path(name)
    if path.is_file():
        return path
    inside = files(Path("models")).get(path.with_suffix("").as_posix())
    if path.suffix in ("", ".py") and inside is not None:
        return inside
    folder = path.parent if path.parent != Path() and path.parent.is_dir() else Path("models")
    there = {short: file for short, file in files(folder).items() if describe(file) is not None}
    there = list(there) if len(path.parts) == 1 and not path.suffix else [str(file) for file in there.values()]
    raise UsageError(f"{named}: there is no model file {name!r}.{suggestion(name, there)}")


def load(path: Path, named: str):
    """The module of a model file, which must have ``build``."""
    # As with `python FILE` the file's own folder is on the path, and as with `python -m models.NAME` the one above its
    # package.
    above = path.resolve().parent.parent
    while (above / "__init__.py").is_file():
        above = above.parent
    for folder in (above, path.resolve().parent):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{named}: {path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    if not callable(getattr(module, "build", None)):
        raise UsageError(f"{named}: {path} has no function build(seed=0, ...) that returns a Network.")
    return module
