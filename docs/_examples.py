"""The gallery of examples: every script of `examples/` is run, and shown with its picture and its source.

`make(folder)` writes one page for each, and `examples.md` with all of them by theme. A script has a docstring, `run()`, which
takes seconds, and `draw(result, ax)`.
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
    "Cells": "adaptive_threshold rothman phase_locking reliability stop multimeter custom_events precise_spiking gap_junctions",
    "Networks": "ping stimberg balanced_neuron potjans correlospinmatrix repeated_stimulation tsodyks decision mi2017 cann2d",
    "Plasticity": "vogels clopath graupner kremer diehl",
    "Sound and touch": "jeffress sturzl",
    "Training": "esn integrator_rnn snntorch",
}  # words of the names of scripts; what has none of them stands at the end


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
    index = ["# Examples", "", "Each is a script of `examples/`, run when these pages were built.", ""]
    pages = []
    for theme, paths in by_theme(sorted(EXAMPLES.rglob("*.py"))).items():
        index += [f"## {theme}", "", "::::{list-table}", ":widths: 50 50", ""]
        for k, path in enumerate(paths):
            about = write(path, folder)
            index += [f"{'  - ' if k % 2 else '* - '}[{about}]({path.stem}.md)", "", f"    ![{about}]({path.stem}.png)"]
        index += [*(["  - "] if len(paths) % 2 else []), "::::", ""]
        pages += [path.stem for path in paths]
    index += ["```{toctree}", ":hidden:", "", *pages, "```"]
    (folder / "examples.md").write_text("\n".join(index) + "\n", encoding="utf-8")


def by_theme(paths: list[Path]) -> dict[str, list[Path]]:
    """The scripts of each theme, none of them empty."""
    found: dict[str, list[Path]] = {theme: [] for theme in (*THEMES, "More")}
    for path in paths:
        named = [theme for theme, words in THEMES.items() if any(word in path.stem for word in words.split())]
        found[(*named, "More")[0]].append(path)
    return {theme: scripts for theme, scripts in found.items() if scripts}


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
