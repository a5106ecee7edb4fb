"""The loop on the host: chunk after chunk of compiled steps, into recorders, until done or broken."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import step_length
from brainsim._errors import NonFiniteError, NotEnoughMemoryError
from brainsim._memory import available_bytes, human
from brainsim.integrated import IntegratedPopulation
from brainsim.simulation import engine
from brainsim.simulation.one_pass import one_pass_is_best
from brainsim.simulation.plan import Request

CHUNK = 10_000  # steps in one call of compiled code, at most
SAMPLE_BYTES = 64e6  # room for samples on the device
EVENT_ROOM = 1 << 18  # spikes in the event buffer beyond what one step may fire, at most


def plan_of(net, requests: tuple[Request, ...], chunk_steps=None, batched=None, runs=1) -> engine.Plan:
    """The plan of a run; its chunk length depends on what is recorded and never on the duration."""
    per_row = runs * bytes_per_row(requests)
    rows = chunk_steps or int(np.clip(SAMPLE_BYTES / per_row if per_row else CHUNK, 1, CHUNK))
    worst = sum(r.shape[0] for r in requests if r.is_spikes)
    one_pass = all(map(one_pass_is_best, net.populations.values()))
    return engine.Plan(requests, rows, 2 * worst + min(EVENT_ROOM, 32 * worst), batched, one_pass)


def drive(plan: engine.Plan, structure, parameters, fixed, state, step_ms: float, inputs, n_steps, recorders, bar):
    """Run chunk after chunk into ``recorders``, one per run of the batch.

    Returns the state, and None or ``(path, steps)``: the variable that is not finite after so many steps.
    """
    first = int(np.ravel(state["steps"])[0])
    step = step_length(step_ms)
    inputs = {path: np.asarray(array) for path, array in inputs.items()}
    done = 0
    while done < n_steps:
        n = min(n_steps - done, plan.rows, bar.suggested_steps(plan.rows))
        rows = {path: _rows(array, done, plan.rows) for path, array in inputs.items()}
        before = state
        advanced, state, events, samples = engine.run_chunk(plan, structure, parameters, fixed, before, step, rows, n)
        advanced, broken = int(advanced), _broken(state)
        if broken is not None:

            def again(k):
                return engine.run_chunk(plan, structure, parameters, fixed, before, step, rows, k)  # noqa: B023

            advanced, broken, (_, _, events, samples) = _first_broken(again, advanced, broken)
        recorded = jax.tree.map(np.asarray, (events, samples))
        for k, recorder in enumerate(recorders):
            own = recorded if plan.batched is None else jax.tree.map(lambda array, k=k: array[k], recorded)
            recorder.add(plan, advanced, first + done, *own)
        done += advanced
        bar.advance(advanced)
        if broken is not None:
            return state, (broken, done + 1)
    return state, None


def _rows(array, first, n):
    # Always as many rows as the buffers: the compiled chunk is the same for the last, shorter piece.
    rows = array[first : first + n]
    return rows if len(rows) == n else np.concatenate([rows, np.zeros((n - len(rows), *rows.shape[1:]), rows.dtype)])


# -- memory ------------------------------------------------------------------------------------------------------------


def bytes_per_row(requests) -> float:
    """Bytes of the samples of one step."""
    return sum(8 * int(np.prod(r.shape)) / r.every for r in requests if not r.is_spikes)


def check_memory(requests, n_steps: int, runs: int = 1) -> None:
    """Refuse samples that do not fit into the memory of the host."""
    kept = [r for r in requests if not r.of_spikes]
    needed = runs * n_steps * bytes_per_row(kept)
    if needed and needed > (free := available_bytes()):
        what = ", ".join(r.label for r in kept if not r.is_spikes)
        raise NotEnoughMemoryError(
            f"record: {what} for {n_steps:,} steps needs {human(needed)}, {human(free)} are free; record fewer elements"
            " or set sample_every."
        )


# -- what is not finite ------------------------------------------------------------------------------------------------


def _broken(state) -> str | None:
    """The first variable, by name, that is not finite."""
    return next((path for path, array in sorted(state.items()) if not _is_finite(array)), None)


def _is_finite(array) -> bool:
    if not jnp.issubdtype(array.dtype, jnp.floating) or not array.size:
        return True
    if {device.platform for device in array.devices()} != {"cpu"}:
        return bool(_all_finite(array))
    values = np.asarray(array)  # no copy; extremes take no memory, and are NaN where a value is
    return bool(np.isfinite(values.min()) and np.isfinite(values.max()))


@jax.jit
def _all_finite(array):
    return jnp.all(jnp.isfinite(array))


def _first_broken(again, advanced, path):
    """Steps that can be run before the state breaks, by bisection; what breaks; and the result of running them."""
    good, bad = 0, advanced
    while bad - good > 1:
        middle = (good + bad) // 2
        broken = _broken(again(middle)[1])
        good, bad, path = (middle, bad, path) if broken is None else (good, middle, broken)
    return good, path, again(good)


def non_finite(net, path: str, time_ms: float, recording) -> NonFiniteError:
    """The error for a variable that is not finite at a time."""
    owner, _, name = path.rpartition(".")
    population = net.populations.get(owner.partition(".")[0])
    failure, remedy = population.not_finite(path) if isinstance(population, IntegratedPopulation) else ("", "")
    return NonFiniteError(
        f"{owner}: {name} is not finite from t = {time_ms:.6g} ms on{failure}. Reduce dt{remedy}, or look at the parameters and the"
        f" input of {owner}; the network is as it was before the run.",
        path=path,
        time=time_ms * u.ms,
        recording=recording,
    )
