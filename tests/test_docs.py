"""Code of the pages that is not run when they are built (it takes minutes, or data) names what there is."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import brainsim

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = {page.stem: BLOCK.findall(page.read_text()) for page in sorted((ROOT / "docs").rglob("*.md"))}


def value(node, known):
    """What a name or an attribute of a module stands for; None for what only a run would tell."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = value(node.value, known)
        return getattr(owner, node.attr) if inspect.ismodule(owner) or inspect.isclass(owner) else None
    return None


def check(tree, known) -> int:
    """Look up what is imported and called, with these arguments; how many calls there were."""
    calls = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import) and not str(getattr(node, "module", "")).startswith("my_"):
            exec(compile(ast.Module([node], []), "block", "exec"), known)
        elif isinstance(node, ast.Attribute):
            value(node, known)
        elif isinstance(node, ast.Call) and value(node.func, known) is not None:
            calls += 1
            named = {word.arg: None for word in node.keywords if word.arg}
            inspect.signature(value(node.func, known)).bind(*node.args, **named)
    return calls


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_blocks_name_what_there_is(page):
    known: dict = {"bs": brainsim}
    calls = sum(check(ast.parse(block), known) for block in PAGES[page])
    assert calls or page in ("extending", "versions", "fitting")


def test_a_wrong_name_is_found():
    known = {"cam": importlib.import_module("models.ca3_memory.cam")}
    with pytest.raises(AttributeError):
        check(ast.parse("cam.experimant('functional')"), known)
    with pytest.raises(TypeError):
        check(ast.parse("cam.experiment('functional', speed=3)"), known)


DOCS = ROOT / "docs"
WRITTEN = sorted(
    path.relative_to(DOCS) for path in DOCS.rglob("*.md") if not {"_build", "gallery", "examples"} & set(path.parts)
)
LINK = re.compile(r"\]\(([\w/.-]+)\.md(?:#[\w-]*)?\)")


def pages_named_by(page):
    """What a page's links and tables of contents lead to, without suffix."""
    text = (DOCS / page).read_text()
    lists = "\n".join(re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    named = {line.strip() for line in lists.splitlines() if line.strip() and not line.startswith(":")} | set(
        LINK.findall(text)
    )
    here = (DOCS / page).parent
    for name in named:
        if "*" in name:
            yield from (str(path.relative_to(DOCS).with_suffix("")) for path in here.glob(f"{name}.md"))
        else:
            yield str((here / name).resolve().relative_to(DOCS))


def test_every_page_is_two_clicks_from_the_first():
    near = set(pages_named_by("index.md"))
    written = {str(path.with_suffix("")) for path in WRITTEN}
    near |= {further for page in near & written for further in pages_named_by(f"{page}.md")}
    assert written - near - {"index"} == set()


def test_every_how_to_is_short_and_listed():
    pages = sorted((DOCS / "how_to").glob("*.md"))
    assert len(pages) >= 20
    listed = set(LINK.findall((DOCS / "how_to.md").read_text()))
    for page in pages:
        assert f"how_to/{page.stem}" in listed, page.stem
        first = re.findall(r"^```\{code-cell\}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)[0]
        assert sum(1 for line in first.splitlines() if line and not line.startswith(("import", "from", ":"))) <= 20, (
            page
        )


def test_who_comes_from_another_tool_finds_the_page_from_the_first_one():
    first = (ROOT / "docs/index.md").read_text()
    for name, word in (
        ("brian2", "Brian2"),
        ("nest", "NEST"),
        ("brainpy", "BrainPy"),
        ("snntorch", "Norse"),
        ("neuron", "NEURON"),
    ):
        assert f"\ncoming_from/{name}\n" in first
        assert word in (ROOT / f"docs/coming_from/{name}.md").read_text().split("\n## ")[0]
