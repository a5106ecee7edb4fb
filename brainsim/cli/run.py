"""``brainsim run``: build, set, simulate, show."""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path

from brainsim._errors import suggestion
from brainsim._files import check_writable, replacing
from brainsim.cli import UsageError
from brainsim.cli.asked import asked, told
from brainsim.cli.devices import is_first, mesh_of
from brainsim.simulation import recording_file


def run(options) -> int:
    """Build the network of a model file, simulate it and print what came of it."""
    return told(options, _run)


def _run(options) -> int:
    over = mesh_of(options)
    with asked(options, functools.partial(_check_outputs, options), over) as given:
        import brainsim as bs

        with _Compiling() as compiling:
            started = time.perf_counter()
            rec = bs.simulate(given.net, **given.options, mesh=over)
            wall = time.perf_counter() - started

    if not is_first():  # of several processes, which all have the whole recording
        return 0
    _report(given.net, rec, given.building, wall, min(compiling.seconds, wall))
    if options.save:
        rec.save(options.save)
        print(f"recording   {options.save}")
    if options.plot:
        with replacing(options.plot) as beside:
            rec.plot().savefig(beside, format=Path(options.plot).suffix.lstrip("."))
        print(f"figure      {options.plot}")
    return 0


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


def _report(net, rec, built, wall, compiling) -> None:
    import brainunit as u

    seconds = float((rec.stop - rec.start).to_decimal(u.second))
    running = wall - compiling
    neurons = sum(len(p) for p in net.populations.values())
    synapses = sum(p.n_synapses for p in net.projections.values())
    own = any(p.block is not None for p in net.projections.values())
    print(f"neurons     {neurons:,}\nsynapses    {synapses:,}{' of this process' if own else ''}")
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
