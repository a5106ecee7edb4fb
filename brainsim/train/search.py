"""Search without gradients: covariance matrix adaptation, simulated annealing and what else evosax has."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from brainsim._errors import UnknownNameError, suggestion
from brainsim.train.course.schedules import Scheduled
from brainsim.train.directions import sizes
from brainsim.train.gradients import bptt
from brainsim.train.objective import Objective
from brainsim.train.trained import Trained
from brainsim.train.update import Learning, Update

NAMES = {"cma_es": "CMA_ES", "simulated_annealing": "SimulatedAnnealing", "open_es": "Open_ES"}


@dataclasses.dataclass(frozen=True)
class Search:
    """A search among parameters by their losses alone: ``fit(..., gradient=Search("cma_es", population=16))``.

    Parameters are looked for around their first values; each is scaled by the mean size of its numbers. Batches are best
    large, or all examples: of two candidates the better one is that on the batch of its update. Each update costs
    ``population`` runs and one more.

    Parameters
    ----------
    name : str
        ``"cma_es"``, ``"simulated_annealing"``, ``"open_es"``, or any algorithm of evosax by the name of its class.
    population : int
        Candidates of an update.
    sigma : float
        Standard deviation of the first ones, relative.
    options : dict, optional
        Numbers of the algorithm that are not its defaults, as evosax calls them: ``{"temperature_decay": 0.99}``.

    Raises
    ------
    ImportError
        Without the package evosax.
    UnknownNameError
        For a name or an option that there is not.

    References
    ----------
    N. Hansen, A. Ostermeier, Evol. Comput. 9:159 (2001); S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, Science 220:671
    (1983); R. T. Lange, arXiv:2212.04180 (2022), evosax.
    """

    name: str = "cma_es"
    population: int = 16
    sigma: float = 0.1
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.population < 2 or not self.sigma > 0:
            raise ValueError(
                f"Search: expected a population of 2 at least and sigma > 0, given {self.population} and {self.sigma}."
            )
        self._kind()

    def _kind(self) -> Any:
        try:
            from evosax import algorithms
        except ImportError as error:
            raise ImportError("Search: needs the package evosax; pip install 'brainsim[evolution]'.") from error
        known = {name: kind for name, kind in vars(algorithms).items() if inspect.isclass(kind)}
        kind = known.get(NAMES.get(self.name, self.name))
        if kind is None:
            names = [*NAMES, *known]
            raise UnknownNameError(f"Search: there is no algorithm {self.name!r}.{suggestion(self.name, names)}")
        return kind

    def algorithm(self, like: Any) -> tuple[Any, Any]:
        """The algorithm of evosax for parameters like these, and its numbers."""
        kind, own = self._kind(), {}
        if "std_schedule" in inspect.signature(kind.__init__).parameters:
            own["std_schedule"] = optax.constant_schedule(self.sigma)
        algorithm = kind(self.population, like, **own)
        numbers = algorithm.default_params
        fields = [field.name for field in dataclasses.fields(numbers)]
        for name in self.options:
            if name not in fields:
                raise UnknownNameError(f"Search: {kind.__name__} has no option {name!r}.{suggestion(name, fields)}")
        first = {"std_init": self.sigma} if "std_init" in fields else {}
        return algorithm, numbers.replace(**first | dict(self.options))


class Searching(Update):
    """An update by a search: as :class:`Update`, with the candidates of the algorithm in place of gradients.

    Parameters
    ----------
    objective : Objective
    search : Search
    trained : Trained
    metrics, average, scheduled
        As of :class:`Update`.
    """

    def __init__(
        self,
        objective: Objective,
        search: Search,
        trained: Trained,
        *,
        metrics: Mapping[str, Callable] | None = None,
        average: float | None = None,
        scheduled: Scheduled | None = None,
    ):
        options: dict = dict(metrics=metrics, average=average, scheduled=scheduled)
        super().__init__(objective, optax.identity(), trained, gradient=bptt, **options)
        self.algorithm, self.numbers = search.algorithm(trained.first)
        self.sigma = search.sigma

    def first(self) -> Learning:
        learning = super().first()
        free, key = learning.free, jax.random.PRNGKey(0)
        zero = jax.tree.map(jnp.zeros_like, free)
        if hasattr(self.algorithm, "get_mean"):
            state = self.algorithm.init(key, zero, self.numbers)
        else:
            count = self.algorithm.population_size
            drawn = self.sigma * jax.random.normal(key, (count, self.algorithm.num_dims))
            first = jax.vmap(jax.flatten_util.ravel_pytree(zero)[1])(drawn.astype(jax.tree.leaves(zero)[0].dtype))
            state = self.algorithm.init(key, first, jnp.full(count, jnp.inf), self.numbers)
        state = jax.tree.map(jnp.asarray, state)
        return learning._replace(moments=(state, free, jax.tree.map(sizes, free)))

    def move(self, learning, fixed, batch, key, *state):
        found, origin, size = learning.moments
        ask, tell = jax.random.split(jax.random.fold_in(key, 2))

        def at(x):
            return self.trained.kept(jax.tree.map(lambda o, s, x: o + s * x, origin, size, x), fixed)

        def value(free):
            parameters = self.given(learning, self.trained.values(free, fixed))
            return self.objective(parameters, learning.carried, batch, key, *state)

        with jax.numpy_rank_promotion("allow"):  # evosax does
            candidates, asked = self.algorithm.ask(ask, found, self.numbers)
        losses = jax.lax.map(lambda x: value(at(x))[0], candidates)
        with jax.numpy_rank_promotion("allow"):
            told, _ = self.algorithm.tell(tell, candidates, losses, asked, self.numbers)
        told = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), told, found)
        has_mean = hasattr(self.algorithm, "get_mean")
        free = at(self.algorithm.get_mean(told) if has_mean else self.algorithm.get_best_solution(told))
        return value(learning.free), free, (told, origin, size), {"best loss": jnp.min(losses)}
