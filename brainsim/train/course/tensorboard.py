"""A log that TensorBoard reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from brainsim.train.course.callbacks import Epoch, Step


class TensorBoard:
    """A callback that writes event files: ``fit(..., callbacks=[TensorBoard("runs/first")])``, then
    ``tensorboard --logdir runs``.

    Loss, measures and gradient norms of each update stand under ``update``, what is measured after an epoch under
    ``epoch``. A run that is resumed goes on in the same folder; what it does again takes the place of what was written.

    Parameters
    ----------
    folder : str or Path
    every : int
        Updates from one that is written to the next.
    histograms : bool
        Write the distribution of every parameter after each epoch too.

    Raises
    ------
    ImportError
        Without the package tensorboardX.
    """

    def __init__(self, folder: str | Path, *, every: int = 1, histograms: bool = False):
        try:
            import tensorboardX  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "TensorBoard: needs the package tensorboardX; pip install 'brainsim[tensorboard]'."
            ) from error
        if every < 1:
            raise ValueError(f"TensorBoard: expected every >= 1, given {every}.")
        self.folder, self.every, self.histograms = Path(folder), every, histograms
        self.writers: dict[str, Any] = {}

    def writer(self, what: str, first: int) -> Any:
        """The writer of a part; what stands there from ``first`` on no longer counts."""
        if what not in self.writers:
            from tensorboardX import SummaryWriter

            # It writes in a thread of its own, which its flush() does not wait for
            self.writers[what] = SummaryWriter(str(self.folder / what), purge_step=first, flush_secs=0)
        return self.writers[what]

    def step(self, step: Step) -> None:
        """Write an update."""
        writer = self.writer("update", step.number)
        if step.number % self.every == 0:
            for name, value in step.row.items():
                writer.add_scalar(_tag(name), value, step.number)

    def __call__(self, epoch: Epoch) -> None:
        """Write an epoch, and let it be seen."""
        writer = self.writer("epoch", epoch.number)
        for name, value in epoch.row.items():
            writer.add_scalar(_tag(name), value, epoch.number)
        if self.histograms:
            for path, array in epoch.parameters.items():
                writer.add_histogram(_tag(path), np.asarray(array), epoch.number)
        for each in self.writers.values():
            each.flush()


def _tag(name: str) -> str:
    """A name as TensorBoard groups it: what was measured, and of which part."""
    return name.replace(": ", "/").replace(" ", "_").replace("->", "-")
