"""What brainsim does, in two minutes: simulates a spiking circuit, then trains one to read digits.

    python -m models.demo [FOLDER]

Pictures go to FOLDER, by default ``out``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import brainunit as u
from rich.console import Console
from rich.table import Table

import brainsim as bs
from models import coba_lif, digits


def simulate(folder: Path, console: Console) -> None:
    """COBA-LIF for one second: its figures as a table, and its picture."""
    console.rule("COBA-LIF: 1 s of 4,000 spiking neurons")
    clock = [time.perf_counter()]

    def lap() -> float:
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    net = coba_lif.build()
    built = lap()
    bs.simulate(net, coba_lif.DT, dt=coba_lif.DT, record=coba_lif.RECORD, progress=False)
    net.reset()
    compiled = lap()
    rec = bs.simulate(net, coba_lif.DURATION, dt=coba_lif.DT, record=coba_lif.RECORD)
    ran = lap()
    figure = rec.plot(title="COBA-LIF")
    path = folder / "coba_lif.png"
    figure.savefig(path, dpi=150)

    measured = coba_lif.observables(rec)
    model_seconds = float((rec.stop - rec.start).to_decimal(u.second))
    table = Table(show_header=False, box=None, padding=(0, 2))
    for row in (
        ("neurons", f"{sum(len(p) for p in net.populations.values()):,}"),
        ("synapses", f"{sum(p.n_synapses for p in net.projections.values()):,}"),
        ("building", f"{built:.2f} s"),
        ("compiling", f"{compiled:.2f} s"),
        ("running", f"{ran:.2f} s for {model_seconds:g} s of the model"),
        ("speed", f"{model_seconds / ran:.1f} times real time"),
        ("spikes", f"{sum(len(train) for train in rec.spikes.values()):,}"),
        ("firing rate", f"excitatory {measured['rate_E']:.1f} Hz, inhibitory {measured['rate_I']:.1f} Hz"),
        ("interval CV", f"{measured['cv']:.2f}"),
        ("picture", str(path)),
    ):
        table.add_row(*row)
    console.print(table)


def learn(folder: Path, console: Console) -> None:
    """Train the spiking classifier, print its accuracy and draw it."""
    console.rule("Handwritten digits: a spiking network trained by surrogate gradients")
    data = digits.load()
    net = digits.build()
    history = digits.train(net, data, progress=True)
    path = folder / "digits.png"
    digits.plot(net, history, data).savefig(path, dpi=150)
    table = Table(show_header=False, box=None, padding=(0, 2))
    for row in (
        ("images", f"{len(data.train_images):,} to train, {len(data.test_images):,} to test"),
        ("neurons", f"{sum(len(p) for p in net.populations.values()):,}"),
        ("weights", f"{sum(p.n_synapses for p in net.projections.values()):,}"),
        ("training", f"{history['seconds'].sum():.1f} s for {len(history)} epochs, compiling included"),
        ("test accuracy", f"[bold]{100 * history.last['validation accuracy']:.1f} %[/bold]"),
        ("picture", str(path)),
    ):
        table.add_row(*row)
    console.print(table)


def main(folder: str = "out") -> None:
    """Both parts."""
    import matplotlib

    matplotlib.use("Agg")
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    started, console = time.perf_counter(), Console()
    console.print(f"brainsim {bs.__version__}\n")
    simulate(out, console)
    console.print()
    learn(out, console)
    console.print(f"\nAll of it took {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
