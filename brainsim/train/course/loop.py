"""Epochs of updates, with what is measured, shown and kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from brainsim import _memory
from brainsim._core import write_back
from brainsim.simulation.progress import Progress
from brainsim.simulation.sweep_facts import code_of, digest
from brainsim.train import checks
from brainsim.train.course import resuming
from brainsim.train.course.callbacks import Epoch, Step
from brainsim.train.course.history import History
from brainsim.train.overflow import blame
from brainsim.train.spread import Spread


class Loop:
    """Epochs of updates, with what is measured, shown and kept.

    Parameters
    ----------
    update : Update
    batches, held_out
        Data.
    evaluation : Evaluation
    callbacks, checkpoint, save_every, log, seed, mesh
        As in :func:`fit`.
    windows : Windows or None
    asked : dict of str to value
        Further arguments of :func:`fit` that are the same where training goes on.
    """

    def __init__(
        self,
        update,
        batches,
        held_out,
        evaluation,
        callbacks,
        checkpoint,
        save_every,
        log,
        seed,
        windows,
        mesh,
        asked: Mapping[str, Any] = MappingProxyType({}),
    ):
        self.update, self.batches, self.held_out, self.log = update, batches, held_out, log
        self.callbacks, self.checkpoint, self.save_every = tuple(callbacks), checkpoint, save_every
        self.watching = [callback.step for callback in self.callbacks if hasattr(callback, "step")]
        self.evaluation, self.windows, self.spread = evaluation, windows, Spread(mesh)
        self.key, self.compiled, self.warned = jax.random.PRNGKey(seed), jax.jit(update), False
        self.fresh = True  # no update is done yet
        self.learning, self.place = update.first(), resuming.Place()
        self.good = self.learning  # the last parameters of which loss and gradient are known to be finite
        whole, window = evaluation.objective, update.objective
        self.facts = {"seed": seed, "steps": whole.n_steps, "window": window.n_steps, "step_ms": whole.run.step_ms}
        self.facts |= {"precision": window.precision}
        if checkpoint is not None:  # a checksum of all data takes its time
            self.facts |= {f"data: {name}": value for name, value in getattr(batches, "facts", {}).items()}
            self.facts["asked"] = {name: digest(code_of(value)) for name, value in asked.items()}
        if checkpoint is not None and resuming.exists(checkpoint):
            self.learning, self.place = resuming.load(checkpoint, self.learning, self.facts)

    def run(self, epochs: int, progress: bool | None) -> History:
        """Train until ``epochs`` are done."""
        history = History(self.place.rows)
        total = (epochs - self.place.epoch) * _length(self.batches) - self.place.batch
        try:
            with Progress(progress, max(total, 1), "training") as bar:
                while self.place.epoch < epochs and not self.place.memory.get("ended"):
                    self._epoch(bar)
                    history = History(self.place.rows)
                    bar.text = ", ".join(f"{name} {value:.3g}" for name, value in history.summary.items())
                    if self.log is not None:
                        history.save(self.log)
        finally:
            self._write()
        return history

    def _epoch(self, bar: Progress) -> None:
        began, waiting = time.perf_counter(), None
        for k, batch in enumerate(self.batches.epoch(self.place.epoch)):
            if k < self.place.batch:  # done before the kill
                continue
            state: dict | None = None
            key = jax.random.fold_in(self.key, self.learning.updates)
            for part in [batch] if self.windows is None else self.windows.of(batch, key):
                key, before = jax.random.fold_in(self.key, self.learning.updates), self.learning
                given = (key,) if state is None else (key, state)
                part = self.spread(part)
                self.learning, loss, measured, final = self.compiled(before, self.update.trained.fixed, part, *given)
                self._account(waiting)  # of the update before, while this one is computed
                waiting = (before, part, given, loss, measured, k)
                state = None if self.windows is None else self.windows.carried_over(final)
            bar.advance(1)
            if self.save_every and (k + 1) % self.save_every == 0:
                self._settle(waiting)
                waiting = None
                self._save()
        self._settle(waiting)
        if not self.place.sums:
            raise ValueError("data: there are no batches.")
        row = {name: float(np.mean(values)) for name, values in self.place.sums.items()}
        parameters = self.update.parameters(self.learning)
        self._measure(parameters, row)
        row["seconds"] = time.perf_counter() - began
        self.place.epoch, self.place.batch, self.place.sums = self.place.epoch + 1, 0, {}
        self.place.rows = [*self.place.rows, row]
        for number, callback in enumerate(self.callbacks):
            memory = self.place.memory.setdefault(str(number), {})
            if callable(callback) and callback(Epoch(self.place.epoch, row, parameters, memory)):
                self.place.memory["ended"] = True
        self._save()

    def _account(self, waiting) -> None:
        """Take note of an update that is done."""
        if waiting is None:
            return
        before, batch, given, loss, measured, k = waiting
        if self.fresh:
            _memory.give_back()
            self.fresh = False
        if not (np.isfinite(float(loss)) and np.isfinite(float(measured.get("gradient norm", loss)))):
            self._fail(before, batch, given, float(loss), k, measured)
        self.good = before
        row = {name: float(value) for name, value in {"loss": loss, **measured}.items()}
        for name, value in row.items():
            self.place.sums.setdefault(name, []).append(value)
        self.place.batch = k + 1
        for look in self.watching:
            look(Step(self.place.epoch + 1, k + 1, int(before.updates) + 1, row))

    def _settle(self, waiting) -> None:
        """Take note of an update after which parameters are looked at or kept."""
        self._account(waiting)
        if waiting is not None and not checks.finite(self.learning.free):
            _, batch, given, loss, _, k = waiting
            self._fail(self.learning, batch, given, float(loss), k)

    def _fail(self, learning, batch, given, loss, k, measured: Mapping = MappingProxyType({})) -> None:
        """End training at the last parameters that are good."""
        self.learning = learning if checks.finite(learning.free) else self.good
        parameters = self.update.trained.values(learning.free, self.update.trained.fixed)
        parameters |= self.update.scheduled.values(learning.updates)
        when = f"in epoch {self.place.epoch + 1}, update {k + 1}"
        norms = {
            name.partition(": ")[2]: value for name, value in measured.items() if name.startswith("gradient norm: ")
        }
        bad = [path for path, value in norms.items() if not np.isfinite(float(value))]
        error = blame(self.update.objective, parameters, learning.carried, batch, given, when, loss, bad)
        raise type(error)(f"fit: {error.args[0]}", error.path, error.time)

    def _measure(self, parameters: dict, row: dict) -> None:
        """Validate, and look at how much neurons fire."""
        data = self.held_out
        if data is None and not self.warned and self.evaluation.spiking:
            data = next(iter(self.batches.epoch(0)))
            data = [data]
        if data is None:
            return
        means, rates = self.evaluation(parameters, self.learning.carried, data)
        if self.held_out is not None:
            row |= {f"validation {name}": value for name, value in means.items()}
        if not self.warned:
            checks.warn_of_rates(rates, self.update.objective.dt)
        self.warned = True

    def _save(self) -> None:
        if self.checkpoint is not None:
            resuming.save(self.checkpoint, self.learning, self.place, self.facts)

    def _write(self) -> None:
        """Put what was learned into the network."""
        if not checks.finite(self.learning.free):  # of an update that was interrupted
            self.learning = self.good
        self.update.trained.write(self.update.parameters(self.learning))
        write_back(self.update.objective.net, self.learning.carried)


def _length(batches: Any) -> int:
    """Batches of an epoch, 0 where that is not known."""
    return len(batches) if hasattr(batches, "__len__") else 0
