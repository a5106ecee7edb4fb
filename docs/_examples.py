"""The gallery of examples: every script of `examples/` is run, and shown with its picture and its source.

`make(folder)` writes one page for each, and `examples.md` with all of them by theme. A script has a docstring, whose first line is
its title, `run()`, which takes seconds, and `draw(result, ax)`.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

EXAMPLES = Path(__file__).parents[1] / "examples"
THEMES = {
    "networks": "Networks",
    "cells": "Cells and membranes",
    "plasticity": "Plasticity",
    "modulators": "Reward and astrocytes",
    "learning": "Learning and fitting",
    "data": "Trains and data",
    "ported/brian2": "Ported from Brian2",
    "ported/nest": "Ported from NEST",
    "ported/brainpy": "Ported from BrainPy",
    "ported/snntorch": "Ported from snnTorch",
}


def scripts(theme: str) -> list[Path]:
    """The scripts of a theme: a folder, or those of a folder whose names begin with the name of a simulator."""
    folder, _, peer = theme.partition("/")
    return sorted((EXAMPLES / folder).glob(f"{peer}_*.py" if peer else "*.py"))


def load(path: Path):
    """The module of a script."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(folder: Path) -> None:
    """Run all examples and write their pages into ``folder``."""
    folder.mkdir(exist_ok=True)
    page = [
        "# Examples",
        "",
        "Each is a script of `examples/`, shorter than a page, run when these pages were built.",
        "",
    ]
    for theme, title in THEMES.items():
        page += [f"## {title}", "", "::::{container} thumbnails"]
        for path in scripts(theme):
            about = write(path, folder)
            picture = f"[![{about}]({path.stem}.png)]({path.stem}.md)"
            page += [":::{container} thumbnail", picture, "", f"[{about}]({path.stem}.md)", ":::"]
        page += ["::::", ""]
    page += ["```{toctree}", ":hidden:", "", *(path.stem for theme in THEMES for path in scripts(theme)), "```"]
    (folder / "examples.md").write_text("\n".join(page) + "\n", encoding="utf-8")


def write(path: Path, folder: Path) -> str:
    """Run an example and write its page; returns what it is called."""
    source = path.read_text(encoding="utf-8")
    title, _, text = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
    module = load(path)
    figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
    try:
        module.draw(module.run(), axes)
    except Exception as error:
        raise RuntimeError(f"examples: {path.name} does not run") from error
    figure.savefig(folder / f"{path.stem}.png", dpi=100)
    pyplot.close(figure)
    title = title.rstrip(".")
    code = source[source.index('"""', 3) + 3 :].strip()
    page = [
        f"# {title}",
        "",
        text.strip(),
        "",
        f"![{title}]({path.stem}.png)",
        "",
        f"`examples/{path.parent.name}/{path.name}`:",
        "",
    ]
    page += ["```py", code, "```", ""]
    (folder / f"{path.stem}.md").write_text("\n".join(page), encoding="utf-8")
    return title
