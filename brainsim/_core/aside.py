"""What Python knows about a model and no compiled program depends on."""

from __future__ import annotations

import hashlib

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core.clock import name_hash


class Moment:
    """Where a network stands between its runs; its parts share it.

    Attributes
    ----------
    begun : bool
        Whether it has left its initial state.
    settled : bool
        Whether what follows from initial values (derived defaults, histories, graded signals) has been made since the
        last of them was assigned.
    key : uint32 array, (2,), or None
        Random key of the network; that of seed 0 for what stands in none.
    assigned : dict of str to array
        States that were assigned since the last run, by path, as they were before; kept once it has begun.
    drawn : frozenset of str
        Those of them that were assigned as distributions.
    """

    def __init__(self):
        self.begun, self.settled = False, False
        self.key: jax.Array | None = None
        self.assigned: dict = {}
        self.drawn: frozenset = frozenset()

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
    seed = int(seed)
    if 0 <= seed < 2**32:
        return jax.random.PRNGKey(seed)
    words = np.frombuffer(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), np.uint32)
    return jnp.asarray(words | np.array([1, 0], np.uint32))  # never that of a seed below 2^32, which begins with 0


class Aside:
    """Python-side facts about a model that no compiled program depends on.

    All of them compare equal, so that putting something here never makes jit compile again. Inside a transformation the
    traced copies of an object share it: what a run changes is changed on a copy (:meth:`but`), or it would leak out.
    """

    def __init__(self):
        self.given: dict = {}  # values as the user gave them, distributions included
        self.moment = Moment()
        self.step_ms: float | None = None  # length of the steps of the last run
        self.prepared_for: float | None = None  # length of the steps that buffers were made for
        self.seed: int | None = None
        self.key: jax.Array | None = None  # that random positions are drawn with
        self.timescales = None  # how fast the variables of a population change, once that has been asked
        self.closed = False  # whether the object is made and takes no new names
        self.structure = None  # of the network when it was last split: what its programs are kept with

    def but(self, **changes) -> Aside:
        """A copy with some facts changed."""
        other = Aside()
        vars(other).update(vars(self) | changes)
        return other

    def __eq__(self, other):
        return isinstance(other, Aside)

    def __hash__(self):
        return 0
