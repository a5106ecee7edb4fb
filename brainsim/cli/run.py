"""``brainsim run``: build, set, simulate, show."""

from __future__ import annotations

import inspect
import math
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from brainsim._errors import suggestion
from brainsim._files import check_writable, replacing
from brainsim.cli import UsageError
from brainsim.cli.models import find, load
from brainsim.cli.values import assignment, parse
from brainsim.simulation import recording_file

# Whose message says enough without the name of the exception.
PLAIN = (ValueError, TypeError, AttributeError, MemoryError, OSError)
PRECISIONS = ("float32", "float64")


def run(options) -> int:
    """Build the network of a model file, simulate it and print what came of it."""
    if options.traceback:
        return _run(options)
    try:
        return _run(options)
    except UsageError:
        raise
    except FloatingPointError as error:  # well-formed, but the numbers blew up
        print(f"brainsim run: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except (Exception, SystemExit) as error:  # a model file may raise anything
        where = f"{options.model}, line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        kind = "" if isinstance(error, PLAIN) and str(error) else type(error).__name__
        raise UsageError(f"brainsim run: {where}{': '.join(part for part in (kind, str(error)) if part)}") from None


def _run(options) -> int:
    path = find(options.model)
    arguments = dict(_values(options.arg, "--arg", words=True))
    settings = _values(options.set, "--set")
    times = {
        flag: _value(flag, text)
        for flag in ("duration", "dt", "sample_every")
        if (text := getattr(options, flag)) is not None
    }
    seed = None if options.seed is None else _value("seed", options.seed)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise UsageError(f"brainsim run: --seed: expected an integer, given {options.seed!r}.")
    _check_outputs(options)

    import brainunit as u

    import brainsim as bs

    started = time.perf_counter()
    model = load(path)
    with _precision(options.precision, model, path):
        net = _build(model, path, arguments, seed)
        for target, value in settings:
            _set(net, target, value)
        built = time.perf_counter() - started

        duration: Any = times.get("duration", getattr(model, "DURATION", None))
        if duration is None:
            raise UsageError(f"brainsim run: {path} has no DURATION; give --duration, such as --duration 1s.")
        every: Any = times.get("sample_every")
        dt: Any = times.get("dt", getattr(model, "DT", 0.1 * u.ms))
        record = options.record or getattr(model, "RECORD", None) or [f"{name}.spikes" for name in net.populations]
        inputs = _inputs(model, path, seed, duration, dt)
        with _Compiling() as compiling:
            started = time.perf_counter()
            rec = bs.simulate(net, duration, dt=dt, record=record, sample_every=every, inputs=inputs)
            wall = time.perf_counter() - started

    _report(net, rec, built, wall, min(compiling.seconds, wall))
    if options.save:
        rec.save(options.save)
        print(f"recording   {options.save}")
    if options.plot:
        with replacing(options.plot) as beside:
            rec.plot().savefig(beside, format=Path(options.plot).suffix.lstrip("."))
        print(f"figure      {options.plot}")
    return 0


def _value(flag, text, words=False):
    try:
        return parse(text)
    except ValueError as error:
        if words and text.replace("_", "").replace("-", "").isalnum() and not text[0].isdigit() and text[0] != "-":
            return text
        raise UsageError(f"brainsim run: --{flag.strip('-').replace('_', '-')}: {error}.") from None


def _values(texts, flag, words=False) -> list[tuple[str, object]]:
    try:
        pairs = [assignment(text, flag) for text in texts]
    except ValueError as error:
        raise UsageError(f"brainsim run: {error}.") from None
    return [(name, _value(f"{flag} {name}", text, words)) for name, text in pairs]


def _precision(flag, model, path):
    """Context of the precision that was asked for, else that of the model, else as JAX is set."""
    import jax

    kind = flag or getattr(model, "PRECISION", None)
    if kind is None:
        return nullcontext()
    if kind not in PRECISIONS:
        where = "--precision" if flag else f"PRECISION of {path}"
        raise UsageError(
            f"brainsim run: {where}: {kind!r} is neither float32 nor float64.{suggestion(str(kind), PRECISIONS)}"
        )
    return jax.enable_x64(kind == "float64")


def _check_outputs(options) -> None:
    """Refuse what cannot be written before anything is simulated."""
    for flag in ("plot", "save"):
        if file := getattr(options, flag):
            if not Path(file).absolute().parent.is_dir():
                raise UsageError(f"brainsim run: --{flag}: cannot write {file!r}; its folder must exist.")
            try:
                check_writable(file)
                if flag == "save":
                    recording_file.check_place(file)
            except OSError as error:
                raise UsageError(f"brainsim run: --{flag}: cannot write {file!r}; {error}") from None
    if options.plot:
        from matplotlib.backend_bases import FigureCanvasBase

        kind, accepted = Path(options.plot).suffix.lstrip("."), FigureCanvasBase.get_supported_filetypes()
        if kind.lower() not in accepted:
            raise UsageError(
                f"brainsim run: --plot: {options.plot!r} ends in no kind of picture.{suggestion(kind, accepted)}"
            )


def _build(model, path, arguments, seed):
    import brainsim as bs

    parameters = inspect.signature(model.build).parameters
    if seed is not None:
        arguments = {"seed": seed, **arguments}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for name in arguments:
            if name not in parameters:
                raise UsageError(f"brainsim run: build() of {path} takes no {name!r}.{suggestion(name, parameters)}")
    net = model.build(**arguments)
    if not isinstance(net, bs.Network):
        raise UsageError(f"brainsim run: build() of {path} must return a Network, it returned {type(net).__name__}.")
    return net


def _inputs(model, path, seed, duration, dt) -> dict | None:
    """What the model feeds into its network; a run that is shorter takes the beginning."""
    from brainsim.simulation.door import steps_of

    if not hasattr(model, "inputs"):
        return None
    inputs = model.inputs() if seed is None else model.inputs(seed)
    if not isinstance(inputs, dict):
        raise UsageError(
            f"brainsim run: inputs() of {path} must return a dict of arrays by path, it returned"
            f" {type(inputs).__name__}."
        )
    _, steps = steps_of(duration, dt)
    return {name: values[:steps] for name, values in inputs.items()}


def _set(net, target, value) -> None:
    owner, _, name = target.rpartition(".")
    if not owner:
        raise UsageError(
            f"brainsim run: --set {target}: expected PATH.NAME, such as E.tau.{suggestion(target, net.populations)}"
        )
    net[owner].assign(name, value)


def _report(net, rec, built, wall, compiling) -> None:
    import brainunit as u

    seconds = float((rec.stop - rec.start).to_decimal(u.second))
    running = wall - compiling
    neurons = sum(len(p) for p in net.populations.values())
    synapses = sum(p.n_synapses for p in net.projections.values())
    print(f"neurons     {neurons:,}\nsynapses    {synapses:,}")
    print(f"wall time   building {built:.2f} s, compiling {compiling:.2f} s, running {running:.2f} s")
    print(f"real time   {running / seconds:.3g} s a second of biological time ({seconds:g} s)")
    for name, train in rec.spikes.items():
        print(
            f"rate        {name}: {float(train.rate().to_decimal(u.Hz)):.2f} Hz ({len(train):,} spikes of {train.n:,}"
            " units)"
        )


class _Compiling:
    """Measures how long JAX traces, lowers and compiles inside the block. Traces are nested; overlaps count once."""

    def __enter__(self):
        import jax

        self.spans: list[tuple[float, float]] = []
        self.on = True
        jax.monitoring.register_event_duration_secs_listener(self._listen)
        return self

    def __exit__(self, *_):
        self.on = False  # there is no public way to unregister a listener

    def _listen(self, event: str, duration_secs: float, **_):
        if self.on and event.startswith("/jax/core/compile/"):
            now = time.perf_counter()
            self.spans.append((now - duration_secs, now))

    @property
    def seconds(self) -> float:
        total, end = 0.0, -math.inf
        for start, stop in sorted(self.spans):
            total += max(stop - max(start, end), 0.0)
            end = max(end, stop)
        return total
