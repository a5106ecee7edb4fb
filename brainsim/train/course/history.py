"""How training went."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._files import replacing

if TYPE_CHECKING:
    from brainsim.plot.learning import LearningAxes


class History:
    """One row for each epoch: ``history["loss"]``, ``history["validation accuracy"]``; ``history.plot()`` draws it.

    What is measured of each part has its path behind a colon: ``history["gradient norm: hidden->output.weight"]``, and
    ``history.of("gradient norm")`` gives all of them.

    Parameters
    ----------
    rows : iterable of dict
        Numbers by name.
    """

    def __init__(self, rows: Iterable[dict[str, float]] = ()):
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        """What was measured."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise UnknownNameError(f"history: {name!r} was not measured.{suggestion(str(name), self.names)}")
        return np.array([row.get(name, np.nan) for row in self.rows], float)

    @property
    def last(self) -> dict[str, float]:
        """The row of the last epoch."""
        return dict(self.rows[-1]) if self.rows else {}

    def of(self, name: str) -> dict[str, np.ndarray]:
        """What was measured of each part: by path, one value for each epoch."""
        parts = [other for other in self.names if other.startswith(f"{name}: ")]
        if not parts:
            known = list(dict.fromkeys(other.partition(": ")[0] for other in self.names if ": " in other))
            raise UnknownNameError(f"history: {name!r} was not measured of parts.{suggestion(name, known)}")
        return {part.partition(": ")[2]: self[part] for part in parts}

    @property
    def summary(self) -> dict[str, float]:
        """The row of the last epoch, without what was measured of parts."""
        return {name: value for name, value in self.last.items() if ": " not in name}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in self.summary.items())
        return f"History({len(self)} epochs{'; ' if shown else ''}{shown})"

    def plot(self, ax: Any = None, *, log: bool = False) -> LearningAxes:
        """Loss and accuracy over epochs; arguments and result as of :func:`brainsim.plot.learning_curve`."""
        from brainsim.plot import learning_curve

        def curves(what):
            return {
                label: self[name]
                for label, name in (("training", what), ("validation", f"validation {what}"))
                if name in self.names
            }

        return learning_curve(curves("loss"), curves("accuracy") or None, ax, log=log)

    def save(self, path: str | Path) -> None:
        """Write the rows as CSV, or as one JSON object a line where the name ends in ``.jsonl``.

        Raises
        ------
        ValueError
            For another ending.
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        if path.suffix not in (".csv", ".jsonl"):
            raise ValueError(f"history.save: {path.name} ends neither in .csv nor in .jsonl.")
        rows = [{"epoch": k, **row} for k, row in enumerate(self.rows, 1)]
        if path.suffix == ".jsonl":
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            names = ["epoch", *self.names]
            lines = [",".join(names), *(",".join(repr(row[n]) if n in row else "" for n in names) for row in rows)]
            text = "\n".join(lines) + "\n"
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
