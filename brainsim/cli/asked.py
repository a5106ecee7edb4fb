"""What the commands that run a model file have in common: the model, its arguments, what is asked of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

from brainsim._errors import suggestion
from brainsim.cli import UsageError
from brainsim.cli.models import find, load
from brainsim.cli.values import assignment, parse

# Whose message says enough without the name of the exception.
PLAIN = (ValueError, TypeError, AttributeError, MemoryError, OSError)
PRECISIONS = ("float32", "float64")


@dataclasses.dataclass(frozen=True)
class Asked:
    """A network that has been built, and what is asked of its runs."""

    net: Any
    duration: Any
    dt: Any
    record: Any
    sample_every: Any
    inputs: dict | None
    building: float  # s

    @property
    def options(self) -> dict[str, Any]:
        """Those of :func:`brainsim.simulate`."""
        return {name: getattr(self, name) for name in ("duration", "dt", "record", "sample_every", "inputs")}


def told(options, command: Callable[[Any], int]) -> int:
    """The exit status of a command; whatever a model file raises is one line, unless ``--traceback`` is asked for."""
    if options.traceback:
        return command(options)
    named = f"brainsim {options.command}"
    try:
        return command(options)
    except UsageError:
        raise
    except FloatingPointError as error:  # well-formed, but the numbers blew up
        print(f"{named}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except (Exception, SystemExit) as error:  # a model file may raise anything
        where = f"{options.model}, line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        kind = "" if isinstance(error, PLAIN) and str(error) else type(error).__name__
        raise UsageError(f"{named}: {where}{': '.join(part for part in (kind, str(error)) if part)}") from None


@contextlib.contextmanager
def asked(options, check: Callable[[], None], mesh: Any = None) -> Iterator[Asked]:
    """The network of a model file, in the precision that is asked for; ``check`` what is not its matter before it is built.
    Where its ``build`` takes a ``mesh``, it gets the one that it will run on.
    """
    named = f"brainsim {options.command}"
    path = find(options.model, named)
    arguments = dict(values_of(named, options.arg, "--arg", words=True))
    settings = values_of(named, options.set, "--set")
    times = {
        flag: value_of(named, flag, text)
        for flag in ("duration", "dt", "sample_every")
        if (text := getattr(options, flag)) is not None
    }
    seed = None if options.seed is None else value_of(named, "seed", options.seed)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise UsageError(f"{named}: --seed: expected an integer, given {options.seed!r}.")
    check()

    import brainunit as u

    started = time.perf_counter()
    model = load(path, named)
    with _precision(named, options.precision, model, path):
        net = _build(named, model, path, arguments, seed, mesh)
        for target, value in settings:
            _set(named, net, target, value)
        building = time.perf_counter() - started

        duration: Any = times.get("duration", getattr(model, "DURATION", None))
        if duration is None:
            raise UsageError(f"{named}: {path} has no DURATION; give --duration, such as --duration 1s.")
        every: Any = times.get("sample_every")
        dt: Any = times.get("dt", getattr(model, "DT", 0.1 * u.ms))
        record = options.record or getattr(model, "RECORD", None) or [f"{name}.spikes" for name in net.populations]
        inputs = _inputs(named, model, path, seed, duration, dt)
        yield Asked(net, duration, dt, record, every, inputs, building)


def value_of(named: str, flag: str, text: str, words: bool = False) -> Any:
    """A value as it is typed; with ``words``, a word is one too."""
    try:
        return parse(text)
    except ValueError as error:
        if words and text.replace("_", "").replace("-", "").isalnum() and not text[0].isdigit() and text[0] != "-":
            return text
        raise UsageError(f"{named}: --{flag.strip('-').replace('_', '-')}: {error}.") from None


def pairs_of(named: str, texts: list[str], flag: str) -> list[tuple[str, str]]:
    """Name and value of every ``NAME=VALUE``, as text."""
    try:
        return [assignment(text, flag) for text in texts]
    except ValueError as error:
        raise UsageError(f"{named}: {error}.") from None


def values_of(named: str, texts: list[str], flag: str, words: bool = False) -> list[tuple[str, Any]]:
    """Name and value of every ``NAME=VALUE``."""
    return [(name, value_of(named, f"{flag} {name}", text, words)) for name, text in pairs_of(named, texts, flag)]


def _precision(named, flag, model, path):
    """Context of the precision that was asked for, else that of the model, else as JAX is set."""
    import jax

    kind = flag or getattr(model, "PRECISION", None)
    if kind is None:
        return nullcontext()
    if kind not in PRECISIONS:
        where = "--precision" if flag else f"PRECISION of {path}"
        raise UsageError(
            f"{named}: {where}: {kind!r} is neither float32 nor float64.{suggestion(str(kind), PRECISIONS)}"
        )
    return jax.enable_x64(kind == "float64")


def _build(named, model, path, arguments, seed, mesh):
    import brainsim as bs

    parameters = inspect.signature(model.build).parameters
    if seed is not None:
        arguments = {"seed": seed, **arguments}
    if mesh is not None and "mesh" in parameters:
        arguments = {"mesh": mesh, **arguments}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for name in arguments:
            if name not in parameters:
                raise UsageError(f"{named}: build() of {path} takes no {name!r}.{suggestion(name, parameters)}")
    net = model.build(**arguments)
    if not isinstance(net, bs.Network):
        raise UsageError(f"{named}: build() of {path} must return a Network, it returned {type(net).__name__}.")
    return net


def _inputs(named, model, path, seed, duration, dt) -> dict | None:
    """What the model feeds into its network; a run that is shorter takes the beginning."""
    from brainsim.simulation.door import steps_of

    if not hasattr(model, "inputs"):
        return None
    inputs = model.inputs() if seed is None else model.inputs(seed)
    if not isinstance(inputs, dict):
        raise UsageError(
            f"{named}: inputs() of {path} must return a dict of arrays by path, it returned {type(inputs).__name__}."
        )
    _, steps = steps_of(duration, dt)
    return {name: values[:steps] for name, values in inputs.items()}


def _set(named, net, target, value) -> None:
    owner, _, name = target.rpartition(".")
    if not owner:
        raise UsageError(
            f"{named}: --set {target}: expected PATH.NAME, such as E.tau.{suggestion(target, net.populations)}"
        )
    net[owner].assign(name, value)
