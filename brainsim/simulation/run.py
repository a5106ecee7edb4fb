"""Running a network: `simulate` for results, `function` for gradients and transformations of one's own."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import split, write_back
from brainsim._errors import NonFiniteError, NotEnoughMemoryError, UnknownNameError, suggestion
from brainsim._memory import available_bytes, human
from brainsim._units import float_dtype, in_unit
from brainsim.network import Network
from brainsim.simulation import engine
from brainsim.simulation.plan import Request, parse
from brainsim.simulation.progress import Progress
from brainsim.simulation.recording import Recorder, Recording

CHUNK = 10_000  # steps in one call of compiled code, at most
SAMPLE_BYTES = 64e6  # room for samples on the device
MAX_STEPS = 2**31 - 1  # a step number is an int32
EVENT_ROOM = 1 << 18  # spikes in the event buffer beyond what one step may fire, at most


def simulate(
    net: Network,
    duration,
    *,
    dt=0.1 * u.ms,
    record=(),
    sample_every=None,
    inputs: dict | None = None,
    progress: bool | None = None,
    chunk_steps: int | None = None,
    checkpoint_every: int | None = None,
) -> Recording:
    """Run a network from its present state, and leave the new state in it.

    Parameters
    ----------
    net : Network
    duration : quantity, time
        How long; a multiple of ``dt``.
    dt : quantity, time
        Length of a step.
    record : str or list of str
        What to record: ``"E.spikes"``, ``"E.V[:10]"``, ``"E->I.weight[::100]"``.
    sample_every : quantity, time, optional
        Interval between samples of what is not spikes, a multiple of ``dt``; every step if left out.
    inputs : dict of str to array or quantity, (steps, ...), optional
        Time courses that override variables by path, one row per step: ``{"E.drive.amplitude": I}``.
    progress : bool, optional
        Show a progress bar. By default on a terminal or in a notebook, for runs that take more than a second.
    chunk_steps : int, optional
        Steps in one call of compiled code, at most; results do not depend on it.
    checkpoint_every : int, optional
        Only inside ``jax.grad``: see :func:`function`.

    Returns
    -------
    Recording
        Spike trains and samples. Samples are taken at the end of a step, spikes are stamped with the end of theirs.

    Raises
    ------
    ValueError, TypeError, UnitError, UnknownNameError
        For arguments that cannot be run; the network stays as it was.
    NotEnoughMemoryError
        If the samples do not fit into memory.
    NonFiniteError
        If a state becomes infinite or not a number; the network stays as it was.

    Notes
    -----
    Compiles once per structure of the network and plan of recording. Inside ``jax.grad`` or ``jax.vmap`` it runs as a
    scan with rematerialised steps, and recorded spikes are arrays of shape (steps, n). Where only ``inputs`` are
    traced, the network keeps its state.
    """
    step_ms, n_steps = steps_of(duration, dt)
    every = interval_of(sample_every, step_ms, n_steps)
    check_network(net)
    structure, parameters, fixed, state = split(net)
    requests = parse(net, record, every, parameters | state)
    inputs = inputs_of(net, inputs or {}, parameters | state, n_steps)
    _check_count("chunk_steps", chunk_steps)
    _check_count("checkpoint_every", checkpoint_every)
    if _traced(parameters, state, fixed, inputs):
        if not _traced(parameters, state, fixed):
            # Tracers would leak out through a network that is none itself
            net = structure.merge(parameters, fixed, state)
        structure, parameters, fixed, state = net.prepare(step_ms)
        state, samples = engine.run_differentiable(
            requests,
            structure,
            parameters,
            fixed,
            state,
            jnp.asarray(step_ms, float_dtype()),
            n_steps,
            checkpoint_every,
            True,
            inputs,
        )
        write_back(net, state)
        return Recording.of_arrays(net, requests, samples, step_ms, 0, every)

    check_memory(requests, n_steps)
    structure, parameters, fixed, state = net.prepare(step_ms, (structure, parameters, fixed, state))
    first = int(state["steps"])
    if first + n_steps >= MAX_STEPS:
        raise ValueError(
            f"duration: {duration} from step {first} on is more than {MAX_STEPS} steps; net.reset() first, or use a"
            " longer dt."
        )
    recorder = Recorder(requests, step_ms, first)
    with Progress(progress, n_steps) as bar:
        state, broken = drive(
            plan_of(net, requests, chunk_steps),
            structure,
            parameters,
            fixed,
            state,
            step_ms,
            inputs,
            n_steps,
            [recorder],
            bar,
        )
    if broken is not None:
        path, steps = broken
        raise non_finite(path, (first + steps) * step_ms, recorder.finish(net))
    write_back(net, state)
    return recorder.finish(net)


def drive(plan: engine.Plan, structure, parameters, fixed, state, step_ms, inputs, n_steps, recorders, bar):
    """Run chunk after chunk into ``recorders``, one per run of the batch.

    Returns the state, and None or ``(path, steps)``: the variable that is not finite after so many steps.
    """
    first = int(np.ravel(state["steps"])[0])
    step = jnp.asarray(step_ms, float_dtype())
    inputs = {path: _padded(array, plan.rows) for path, array in inputs.items()}
    done = 0
    while done < n_steps:
        n = min(n_steps - done, plan.rows, bar.suggested_steps(plan.rows))
        rows = {path: jax.lax.dynamic_slice_in_dim(array, done, plan.rows) for path, array in inputs.items()}
        before = state
        advanced, state, events, samples = engine.run_chunk(plan, structure, parameters, fixed, before, step, rows, n)
        advanced, broken = int(advanced), _broken(state)
        if broken is not None:

            def again(k):
                return engine.run_chunk(plan, structure, parameters, fixed, before, step, rows, k)  # noqa: B023

            advanced, broken, (_, _, events, samples) = _first_broken(again, advanced, broken)
        for k, recorder in enumerate(recorders):
            own = (
                (events, samples)
                if plan.batched is None
                else jax.tree.map(lambda array, k=k: array[k], (events, samples))
            )
            recorder.add(plan, advanced, first + done, *own)
        done += advanced
        bar.advance(advanced)
        if broken is not None:
            return state, (broken, done + 1)
    return state, None


class Function:
    """A network as a pure function: see :func:`function`."""

    def __init__(self, net, requests, step_ms, n_steps, checkpoint_every, remat):
        self.structure, self.parameters, self.fixed, self.state = split(net)
        self.requests, self.step_ms, self.n_steps = requests, step_ms, n_steps
        self.checkpoint_every, self.remat = checkpoint_every, remat
        self._initial_states = net.initial_states

    def __call__(self, parameters: dict, state: dict, *, inputs: dict | None = None, key=None) -> tuple[dict, dict]:
        """Run; ``parameters`` and ``state`` may hold only the paths that differ from those of the network."""
        for given, mine, what in ((parameters, self.parameters, "parameters"), (state, self.state, "state")):
            for path in given:
                if path not in mine:
                    raise UnknownNameError(f"{what}: the network has no {path!r}.{suggestion(path, mine)}")
        inputs = inputs_of(None, inputs or {}, self.parameters | self.state, self.n_steps)
        fixed = self.fixed if key is None else self.fixed | {"key": key}
        step = jnp.asarray(self.step_ms, float_dtype())
        return engine.run_differentiable(
            self.requests,
            self.structure,
            self.parameters | parameters,
            fixed,
            self.state | state,
            step,
            self.n_steps,
            self.checkpoint_every,
            self.remat,
            inputs,
        )

    def initial_state(self, key) -> dict:
        """The initial state with the values that were given as distributions drawn anew."""
        return self.state | self._initial_states(key)


def function(
    net: Network, duration, *, dt=0.1 * u.ms, record=(), checkpoint_every: int | None = None, remat: bool = True
) -> Function:
    """A network as a pure function, for ``jax.grad``, ``jax.vmap`` and ``jax.jit`` of one's own.

    ``run = function(net, ...)`` gives ``state, recorded = run(parameters, state, inputs=..., key=...)``. All arguments
    and results are dictionaries of plain arrays by path, in the units that the classes declare; ``run.parameters`` and
    ``run.state`` are those of the network now. Recorded samples and spikes have one row per step.

    Parameters
    ----------
    net, duration, dt, record
        As in :func:`simulate`.
    checkpoint_every : int, optional
        Keep the state every so many steps on the way forward and compute the steps in between again on the way back:
        memory grows as ``n_steps / checkpoint_every + checkpoint_every`` states, for one more forward pass. By default
        the state of every step is kept; that of a single cell (at most 32 numbers) every ``sqrt(n_steps)`` steps, which
        is faster there.
    remat : bool
        Compute each step's intermediate values again on the way back instead of keeping them; on by default.

    Returns
    -------
    Function
    """
    step_ms, n_steps = steps_of(duration, dt)
    _check_count("checkpoint_every", checkpoint_every)
    check_network(net)
    _, parameters, _, state = split(net)
    requests = parse(net, record, 1, parameters | state)
    net.prepare(step_ms)
    return Function(net, requests, step_ms, n_steps, checkpoint_every, remat)


def steps_of(duration, dt) -> tuple[float, int]:
    """Length of a step in ms, and the number of steps."""
    step_ms, total = (_time(value, what) for value, what in ((dt, "dt"), (duration, "duration")))
    n = round(total / step_ms)
    if n < 1 or abs(total / step_ms - n) > 1e-6 * max(n, 1):
        raise ValueError(f"duration: {duration} is no multiple of dt = {dt}; nearest: {max(n, 1) * step_ms:g} ms.")
    return step_ms, n


def _check_count(what, steps):
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
        raise ValueError(f"{what}: expected a positive integer, given {steps!r}.")


def _time(value, what) -> float:
    ms = in_unit(value, u.ms, what)
    if np.ndim(ms) or not np.isfinite(ms) or ms <= 0:
        raise ValueError(f"{what}: expected a positive time, given {value}.")
    return float(ms)


def interval_of(sample_every, step_ms, n_steps) -> int:
    """Steps between samples."""
    if sample_every is None:
        return 1
    ratio = _time(sample_every, "sample_every") / step_ms
    every = round(ratio)
    if every < 1 or abs(ratio - every) > 1e-6 * every:
        raise ValueError(f"sample_every: {sample_every} is no multiple of dt = {step_ms} ms.")
    if every > n_steps:
        raise ValueError(f"sample_every: {sample_every} is longer than the run.")
    return every


def check_network(net):
    """Refuse what cannot be run."""
    if not isinstance(net, Network):
        raise TypeError(f"expected a Network, given {type(net).__name__}.")
    if not net.populations:
        raise ValueError("the network has no population; assign one (net.E = LIF(100)).")


def inputs_of(net, inputs, arrays, n_steps) -> dict:
    """Time courses as plain arrays of one row per step."""
    plain = {}
    for path, value in inputs.items():
        if path not in arrays:
            raise UnknownNameError(f"inputs: the network has no {path!r}.{suggestion(path, arrays)}")
        *owner, name = path.split(".")
        unit = net[".".join(owner)].unit_of(name) if net is not None and owner else u.get_unit(value)
        array = jnp.asarray(in_unit(value, unit, f"inputs[{path!r}]"), arrays[path].dtype)
        if array.shape[:1] != (n_steps,) or array.shape[1:] not in ((), arrays[path].shape):
            accepted = f"({n_steps},) or ({n_steps}, {', '.join(map(str, arrays[path].shape))})"
            raise ValueError(f"inputs[{path!r}]: expected shape {accepted}, one row per step, given {array.shape}.")
        plain[path] = jnp.broadcast_to(
            array.reshape(n_steps, *array.shape[1:] or (1,) * arrays[path].ndim), (n_steps, *arrays[path].shape)
        )
    return plain


def _padded(array, rows):
    # Always as many rows as the buffers: the compiled chunk is the same for the last, shorter piece.
    return jnp.pad(array, [(0, rows)] + [(0, 0)] * (array.ndim - 1))


def _traced(*trees) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def bytes_per_row(requests) -> int:
    return sum(8 * int(np.prod(r.shape)) / r.every for r in requests if not r.is_spikes)


def check_memory(requests, n_steps, runs=1):
    """Refuse samples that do not fit into the memory of the host."""
    needed, free = runs * n_steps * bytes_per_row(requests), available_bytes()
    if needed > free:
        what = ", ".join(r.label for r in requests if not r.is_spikes)
        raise NotEnoughMemoryError(
            f"record: {what} for {n_steps:,} steps needs {human(needed)}, {human(free)} are free; record fewer elements"
            " or set sample_every."
        )


def plan_of(net, requests: tuple[Request, ...], chunk_steps=None, batched=None, runs=1) -> engine.Plan:
    """The plan of a run; its chunk length depends on what is recorded and never on the duration."""
    per_row = runs * bytes_per_row(requests)
    rows = chunk_steps or int(np.clip(SAMPLE_BYTES / per_row if per_row else CHUNK, 1, CHUNK))
    worst = sum(r.shape[0] for r in requests if r.is_spikes)
    one_pass = all(getattr(population, "one_pass", True) for population in net.populations.values())
    return engine.Plan(requests, rows, 2 * worst + min(EVENT_ROOM, 32 * worst), batched, one_pass)


@jax.jit
def _finite(state):
    return {
        path: jnp.all(jnp.isfinite(array)) for path, array in state.items() if jnp.issubdtype(array.dtype, jnp.floating)
    }


def _broken(state) -> str | None:
    return next((path for path, fine in sorted(_finite(state).items()) if not fine), None)


def _first_broken(again, advanced, path):
    """Steps that can be run before the state breaks, by bisection; what breaks; and the result of running them."""
    good, bad = 0, advanced
    while bad - good > 1:
        middle = (good + bad) // 2
        broken = _broken(again(middle)[1])
        good, bad, path = (middle, bad, path) if broken is None else (good, middle, broken)
    return good, path, again(good)


def non_finite(path, time_ms, recording) -> NonFiniteError:
    """The error for a variable that is not finite at a time."""
    owner, _, name = path.rpartition(".")
    return NonFiniteError(
        f"{owner}: {name} is not finite from t = {time_ms:.6g} ms on. Reduce dt, or look at the parameters and the"
        f" input of {owner}; the network is as it was before the run.",
        path=path,
        time=time_ms * u.ms,
        recording=recording,
    )
