"""Break the code on purpose, one place at a time, and see that tests fail: what survives, no test would miss.

::

    python tests/mutants.py                 # all; or make mutants
    python tests/mutants.py deliver STDP    # those whose name holds one of these words
    python tests/mutants.py --list

What is broken stands in ``tests/mutations``. Each mutant has a process of its own, a copy of this one in which
everything is imported and nothing has run: it breaks the code, runs the tests that are about it, and ends with the first
that fails. Compiled programs are kept between them, as they are known by what was compiled.
"""

from __future__ import annotations

import inspect
import itertools
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator

import pytest
from mutations import ROOT, Mutant, mutants

BROKEN = "AN ERROR"  # and no failed assertion: the mutant is wrong, and shows nothing


class Watch:
    """A plugin of pytest that puts the tests that are likely to see a mutant first, and notes the first that fails."""

    def __init__(self, mutant: Mutant):
        self.mutant = mutant
        self.failed: str | None = None

    def pytest_collection_modifyitems(self, config, items):
        only, about = self.mutant.only, self.mutant.about
        if only is not None:
            kept = [item for item in items if "[" not in item.name or only in parameters(item)]
            config.hook.pytest_deselected(items=[item for item in items if item not in kept])
            items[:] = kept
        if about is not None:
            items.sort(key=lambda item: _distance(item, about))

    def pytest_exception_interact(self, node, call, report):
        if self.failed is None:
            kind = call.excinfo.type
            # What a test itself runs into (an array of another shape than it expects) shows as much as an assertion.
            inside = str(call.excinfo.traceback[-1].path).startswith(str(ROOT / "tests"))
            right = inside or issubclass(kind, AssertionError | pytest.fail.Exception)
            text = (
                f"{kind.__name__}: {str(call.excinfo.value).strip().splitlines()[0] if str(call.excinfo.value) else ''}"
            )
            self.failed = f"{node.nodeid}: {text}" if right else f"{BROKEN} of its own in {node.nodeid}: {text}"


def parameters(item) -> list[str]:
    """What a test is made for: the parts of its identifier."""
    return item.name.split("[", 1)[1].rstrip("]").split("-") if "[" in item.name else []


def _distance(item, about: str) -> int:
    if about in parameters(item):
        return 0
    if "[" in item.name:
        return 3
    return 1 if about in inspect.getsource(item.function) else 2


def found_by(mutants: list[Mutant]) -> Iterator[str | None]:
    """The test that fails, and how, for each of the mutants, which share a process; None where all pass."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with os.fdopen(write, "w", buffering=1) as answer:
            for mutant in mutants:
                answer.write(json.dumps(_tried(mutant)) + "\n")
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        for _ in mutants:
            line = answer.readline()
            yield json.loads(line) if line else f"{BROKEN} of its own: the process ended"
    os.waitpid(child, 0)


def _tried(mutant: Mutant) -> str | None:
    import jax

    jax.config.update("jax_enable_x64", True)
    before = {} if mutant.changes is None else dict(vars(mutant.changes))
    watch = Watch(mutant)
    quiet = ["-q", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    try:
        mutant.apply()
        status = pytest.main(["-x", *quiet, *mutant.tests], plugins=[watch])
    except BaseException:
        return f"{BROKEN} of its own: {traceback.format_exc().strip().splitlines()[-1]}"
    finally:
        if mutant.changes is not None:
            _restore(mutant.changes, before)
    if watch.failed is None and status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return f"{BROKEN} of its own: pytest ended with {status!r}"
    return watch.failed


def _restore(kind: type, before: dict) -> None:
    for name, value in dict(vars(kind)).items():
        if name not in before:
            delattr(kind, name)
        elif value is not before[name]:
            setattr(kind, name, before[name])


def in_processes(chosen: list[Mutant]) -> Iterator[tuple[Mutant, str | None]]:
    """Mutants with what finds them; successive ones that may share a process do."""
    for together, group in itertools.groupby(chosen, key=lambda mutant: mutant.changes is not None):
        mutants = list(group)
        for part in [mutants] if together else [[mutant] for mutant in mutants]:
            yield from zip(part, found_by(part), strict=True)


def main(words: list[str], show: Callable[..., None] = print) -> int:
    """Run the mutants whose name holds one of the words; 1 if one survives."""
    everyone = mutants()
    if words == ["--list"]:
        show("\n".join(everyone))
        return 0
    chosen = [m for m in everyone.values() if not words or any(word in m.name for word in words)]
    if not chosen:
        show(f"no mutant has a name with {' or '.join(map(repr, words))}; --list shows all")
        return 2
    survivors, began = [], time.perf_counter()
    for number, (mutant, how) in enumerate(in_processes(chosen), 1):
        survivors += [mutant.name] if how is None or how.startswith(BROKEN) else []
        seconds, began = time.perf_counter() - began, time.perf_counter()
        show(f"{number:3d}/{len(chosen)}  {mutant.name} ({seconds:.0f} s): {how or 'SURVIVES'}", flush=True)
    show(
        f"\n{len(chosen)} mutants, {len(survivors)} survive or fail by themselves"
        + "".join(f"\n  {name}" for name in survivors)
    )
    return min(len(survivors), 1)


if __name__ == "__main__":
    os.chdir(ROOT)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "d" / "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(ROOT))
    import hypothesis  # noqa: F401
    import scipy.integrate  # noqa: F401
    import scipy.stats  # noqa: F401

    import brainsim.testing  # noqa: F401

    sys.exit(main(sys.argv[1:]))
