"""What Python knows about a model and no compiled program depends on."""

from __future__ import annotations

import hashlib
import operator
import weakref
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core.clock import count_of, name_hash

if TYPE_CHECKING:
    from brainsim._core.structure import Structure


class Moment:
    """Where a network stands between its runs; its parts share it.

    Attributes
    ----------
    begun : bool
        Whether it has left its initial state.
    settled : bool
        Whether what follows from initial values (derived defaults, histories, graded signals) has been made since the
        last of them was assigned.
    counted : tuple or None
        The array of steps so far that was last read, weakly, and the number in it.
    key : uint32 array, (2,), or None
        Random key of the network; that of seed 0 for what stands in none.
    assigned : dict of str to array
        States that were assigned since the last run, by path, as they were before; kept once it has begun.
    drawn : frozenset of str
        Those of them that were assigned as distributions.
    between : object or None
        What is under way after a run in steps of its own length, which no state of the network holds; None after others.
    """

    def __init__(self):
        self.begun, self.settled = False, False
        self.counted: tuple[weakref.ref, int] | None = None
        self.key: jax.Array | None = None
        self.assigned: dict[str, jax.Array] = {}
        self.drawn: frozenset[str] = frozenset()
        self.between: Any = None

    def count(self, steps: jax.Array) -> int:
        """The number in the array of steps so far, which is read once."""
        known = self.counted
        if known is not None and known[0]() is steps:
            return known[1]
        return self.know(steps, count_of(steps))

    def know(self, steps: jax.Array, count: int) -> int:
        """Take note that there is this number in that array."""
        self.counted = (weakref.ref(steps), count) if isinstance(steps, jax.Array) else None
        return count

    def __getstate__(self) -> dict[str, Any]:
        """What copies take along: their arrays are others."""
        return vars(self) | {"counted": None}

    def key_at(self, path: str) -> jax.Array:
        """Random key of the component at ``path``."""
        return key_at(jax.random.PRNGKey(0) if self.key is None else self.key, path)


def key_at(key: jax.Array, path: str) -> jax.Array:
    """Random key of the component at ``path`` in a network with random key ``key``."""
    for name in path.split(".") if path else ():
        key = jax.random.fold_in(key, name_hash(name))
    return key


def key_of(seed: int) -> jax.Array:
    """Random key of a seed, any integer; other seeds have other keys."""
    kind = str(jax.config.jax_default_prng_impl)  # type: ignore[attr-defined]
    if kind != "threefry2x32":
        raise ValueError(
            f"jax_default_prng_impl is {kind!r}: random numbers of a network come from keys of 'threefry2x32', JAX's"
            " default; set jax.config.update('jax_default_prng_impl', 'threefry2x32')."
        )
    seed = int(seed)
    if 0 <= seed < 2**32:
        return jnp.asarray(np.array([0, seed], np.uint32))  # what jax.random.PRNGKey makes, with nothing to compile
    words = np.frombuffer(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), np.uint32)
    return jnp.asarray(words | np.array([1, 0], np.uint32))  # never that of a seed below 2^32, which begins with 0


class Ready:
    """What a network was when it was made ready for steps of a length: nothing is left to do as long as it is that, and what
    was ``kept`` of a run is true of the next.

    Parameters
    ----------
    step_ms : float
    structure : Structure
    parameters, fixed, state : dict of str to array
        What ``split`` gave; nothing of the state is kept.
    before : Ready, optional
        What it was before. What was kept is still true where arrays of the same types have taken the places of others.
    """

    def __init__(
        self, step_ms: float, structure: Structure, parameters: dict, fixed: dict, state: dict, *, before: Ready | None
    ):
        self.step_ms, self.structure = step_ms, structure
        now = (*parameters.values(), *fixed.values())
        self.arrays = list(map(weakref.ref, now))
        self.types, self.kinds = list(map(_type_of, state.values())), list(map(type, state.values()))
        self.all_types = [*map(_type_of, now), *self.types]
        self.kept: dict = {} if before is None or self._differs(before) else before.kept

    def _differs(self, before: Ready) -> bool:
        """Whether it is another structure, or has an array of another type."""
        same = self.structure is before.structure and self.step_ms == before.step_ms
        return not (same and all(map(operator.is_, self.all_types, before.all_types)))

    def fits(self, step_ms: float, structure: Structure, parameters: dict, fixed: dict, state: dict) -> bool:
        """Whether it is made of the same objects, and the same arrays but for its state, which has the same types."""
        if step_ms != self.step_ms or structure is not self.structure:
            return False
        now = (*parameters.values(), *fixed.values())
        same = all(map(operator.is_, map(operator.call, self.arrays), now))
        same = same and all(map(operator.is_, map(_type_of, state.values()), self.types))
        return same and list(map(type, state.values())) == self.kinds

    def others(
        self, step_ms: float, structure: Structure, parameters: dict, fixed: dict, state: dict
    ) -> set[str] | None:
        """Names of the parts of the network that hold another array than then, of what is no state; None for any of them."""
        if step_ms != self.step_ms or structure is not self.structure:
            return None
        now = [*parameters.items(), *fixed.items()]
        return {
            path.partition(".")[0]
            for (path, array), known in zip(now, self.arrays, strict=True)
            if known() is not array
        }


def _type_of(array) -> Any:
    """Shape and type of an array of JAX, which mostly are one object for many; an array of NumPy itself."""
    return getattr(array, "aval", array)


class Aside:
    """Python-side facts about a model that no compiled program depends on.

    All of them compare equal, so that putting something here never makes jit compile again. Inside a transformation the
    traced copies of an object share it: what a run changes is changed on a copy (:meth:`but`), or it would leak out.
    """

    # Facts that kinds of things keep here, each set by its kind when it is made
    layout: Any  # of a population: where its units are
    delay: Any  # of a delay: its delays as they were given,
    times: Any  # and as they are
    longest: Any  # of a delay that changes: the longest that it may become
    wired: Any  # of a projection: what the rule made,
    call: dict[str, Any]  # and what Network.connect was given
    n_pre: int  # of a rule: how many values of the presynaptic side,
    weight_shape: tuple[int, ...]  # and the shape of one per synapse
    layer: Any  # of a projection with a layer: what changes in it, as it was at first
    times_ms: np.ndarray  # of spike times: when,
    indices: np.ndarray  # and who
    compartments: Any  # of cells with a shape: what their equations are solved on,
    main: np.ndarray  # the site that stands for each cell,
    standing: dict[str, np.ndarray]  # and the sites of parts that are being attached, by name
    sites: np.ndarray  # of a part of such cells: where it stands,
    units: np.ndarray | None  # on which of them, None for all,
    standing_on: tuple[Any, np.ndarray]  # and on which compartments of them
    where: tuple  # of a part of a population: the places that it is to stand at,
    asked: tuple  # and those that the user asked for

    def __init__(self):
        self.made: Any = None  # what it was made with, see :mod:`brainsim._core.recorded`
        self.given: dict[str, Any] = {}  # values as the user gave them, distributions included
        self.moment = Moment()
        self.step_ms: float | None = None  # length of the steps of the last run
        self.prepared_for: float | None = None  # length of the steps that buffers were made for
        self.seed = 0
        self.share: Any = None  # what this process has of a network that is divided among devices; None for all of it
        self.key: jax.Array | None = None  # that random positions are drawn with
        self.timescales: Any = None  # how fast the variables of a population change, once that has been asked
        self.closed = False  # whether the object is made and takes no new names
        self.seen: Any = None  # what it was when it was last split, to see whether it has changed
        self.ready: Ready | None = None  # what a network was when it was last made ready for a run
        self.room: dict[str, tuple] = {}  # arrays of synapses with room for more, by path, with those that they are of
        self.placed: dict[tuple, tuple] = {}  # arrays on the devices of a mesh, with those that they are of
        self.rooms: tuple | None = None  # which arrays have it, and the structure that this was found for
        self.requests: tuple | None = None  # for what was recorded of it, with the structure and shapes that they fit
        self.structure: Any = None  # of the network when it was last split: what its programs are kept with

    def but(self, **changes: Any) -> Aside:
        """A copy with some facts changed."""
        other = Aside()
        vars(other).update(vars(self) | changes)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """What copies take along: no compiled programs, and nothing that is known of this very object."""
        return vars(self) | {
            "seen": None,
            "ready": None,
            "structure": None,
            "room": {},
            "rooms": None,
            "requests": None,
            "placed": {},
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Aside)

    def __hash__(self) -> int:
        return 0
