"""Imports go down. The floors are those of the design; within a floor the rooms may use each other, but not in circles."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

import brainsim

ROOT = Path(brainsim.__file__).parent
FLOORS = (
    {"_errors", "_units", "_memory", "_files", "_deprecated", "_platform", "_host", "_mesh", "_threads"}
    | {"integrators", "events", "connectivity", "chance", "surrogate", "analysis", "data", "encoding", "trees"},
    {"_core", "plot"},
    {
        "population",
        "own_steps",
        "vector_field",
        "timescales",
        "trial",
        "integrated",
        "neurons",
        "glia",
        "channels",
        "cells",
        "masses",
    }
    | {"receptors", "terminals", "plasticity", "modulators", "stimuli", "sources", "delays", "paths", "synapses"},
    {
        "network",
        "between_runs",
        "connecting",
        "describing",
        "editing",
        "electrode_recording",
        "initial",
        "operation",
        "projection",
        "schedule",
        "stiffness",
        "summary",
        "wiring",
        "nn",
    },
    {"simulation"},
    {"train"},
    {"cli", "io", "__main__"},
    {"testing"},  # for test modules: it may import everything, and nothing imports it
)
WHAT = (
    "functions and kernels on plain arrays ([more](floors/functions.md))",
    "what a model is ([more](floors/model.md)), and pictures of plain arrays",
    "what is modelled: neurons, receptors, stimuli, sources, plasticity ([more](floors/modelled.md))",
    "what is wired: networks and projections ([more](floors/wired.md))",
    "what runs: simulate, function, sweep, save and load ([more](floors/running.md))",
    "what learns: losses, gradients, the loop of training ([more](floors/learning.md))",
    "what people look at and exchange: the command line, NIR ([more](floors/looking.md))",
    "suites for models of your own ([more](extending.md#test-it)): they may import everything, and nothing imports them",
)
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The package itself only gathers what the rooms export.
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@functools.cache
def nodes(path):
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def modules_imported(path):
    """Absolute names of all that a file imports, inside functions too."""
    package, found = ("brainsim", *path.relative_to(ROOT).parts[:-1]), []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # `from brainsim import events` names the room in the second half.
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def rooms_imported(path):
    return {
        parts[1] for name in modules_imported(path) if (parts := name.split("."))[0] == "brainsim" and len(parts) > 1
    }


ROOMS = {room: [path for path in FILES if room_of(path) == room] for room in sorted({*map(room_of, FILES)})}


@pytest.mark.parametrize("room", ROOMS)
def test_its_files_import_from_their_own_floor_or_below(room):
    assert room in FLOOR, f"{room} stands on no floor: give it one in FLOORS"
    for path in ROOMS[room]:
        # What is not a room is a name that the package re-exports, such as __version__.
        up = {other for other in rooms_imported(path) if FLOOR.get(other, -1) > FLOOR[room]}
        reexported = {other for other in rooms_imported(path) - FLOOR.keys() if not other.startswith("__")}
        if FLOOR[room] < 6:
            assert not reexported, f"{path} imports {reexported} through the package: name the file that defines it"
        assert not up, f"{path} (floor {FLOOR[room]}) imports {up}"


def test_rooms_import_each_other_without_circles():
    graph = {}
    for path in FILES:
        graph.setdefault(room_of(path), set()).update((rooms_imported(path) & FLOOR.keys()) - {room_of(path)})
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError with the circle


def test_nothing_imports_the_suites_and_only_they_import_pytest():
    for path in (*FILES, ROOT / "__init__.py"):
        if room_of(path) != "testing":
            assert "testing" not in rooms_imported(path), path
            assert "pytest" not in {name.split(".")[0] for name in modules_imported(path)}, path


def test_flax_is_imported_in_the_core_only():
    outside = [path for path in FILES if room_of(path) != "_core"]
    assert not [path for path in outside if "flax" in {name.split(".")[0] for name in modules_imported(path)}]


def test_no_lifted_transform_of_nnx_is_used():
    lifted = {
        "scan",
        "vmap",
        "pmap",
        "grad",
        "value_and_grad",
        "jit",
        "cond",
        "switch",
        "while_loop",
        "fori_loop",
        "remat",
        "split_rngs",
    }
    for path in FILES:
        used = {
            node.attr
            for node in nodes(path)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "nnx"
        }
        assert not used & lifted, path
        assert room_of(path) == "_core" or not used, path


def test_analysis_reads_plain_arrays_only():
    """It serves anyone's spikes: numpy and scipy are all it needs."""
    for path in (ROOT / "analysis").glob("*.py"):
        assert {name.split(".")[0] for name in modules_imported(path)}.isdisjoint({"jax", "flax", "brainunit"}), path


def page_with_table() -> str:
    """The page on architecture with the table of floors as it is here; rooms that do not exist yet are left out."""
    rows = ["| floor | what it is | where |", "| --- | --- | --- |"]
    for number, (rooms, what) in reversed([*enumerate(zip(FLOORS, WHAT, strict=True))]):
        there = [f"`{room}/`" for room in sorted(rooms) if (ROOT / room).is_dir()]
        there += [f"`{room}.py`" for room in sorted(rooms) if (ROOT / f"{room}.py").is_file()]
        rows.append(f"| {number} | {what} | {', '.join(there) or 'no file yet'} |")
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition("<!-- floors -->\n")
    _, end, after = rest.partition("<!-- end of floors -->")
    return before + begin + "\n".join(["", *rows, "", ""]) + end + after


def test_the_page_on_architecture_shows_these_floors():
    shown = PAGE.read_text(encoding="utf-8")
    assert shown == page_with_table(), "docs/architecture.md shows other floors; run: python tests/test_layers.py"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(), encoding="utf-8")
