"""The multi-area model of macaque visual cortex: 32 areas, each a microcircuit of 1 mm² with up to eight populations.

.. math::

    \\tau \\dot V = E_L - V + R\\,(I_{syn} + I_{DC}),\\qquad \\dot I_{syn} = -I_{syn} / 0.5\\,\\mathrm{ms},\\qquad
    V > V_{th} \\Rightarrow V \\leftarrow V_{reset}\\ \\text{for 2 ms}

At full scale 4.13 million neurons and 24.2 billion synapses, with weights and delays of their own. Between populations
:math:`j` and :math:`i` there are :math:`K_{ij} N_i` synapses, drawn independently, so that a pair may have several. Delays
within an area are those of the microcircuit, between areas the distance over 3.5 m/s. Where weights between areas are those
within (``chi = 1``), the model is in its ground state, of low and irregular activity.

Numbers of neurons, indegrees and distances are the authors' data, which are not for every use (CC BY-NC-SA) and not copied
here. Their program (github.com/INM-6/multi-area-model) writes them when a ``MultiAreaModel`` is made:
``config_files/custom_Data_Model_<label>.json``; the stabilised indegrees of the published ground state are its file
``figures/SchueckerSchmidt2017/K_prime_original.npy``.

    brainsim run models/multi_area.py --arg data=custom_Data_Model_x.json --arg stable=K_prime_original.npy

Synapses are stored, or made anew whenever a neuron fires (``stored=False``): then they take 4 bytes for each neuron and
population that its area has synapses onto, 4.4 GB at full scale, and spikes on their way a byte for each neuron, step of the
delay and area that they go to. All that comes from an area to another has one delay, the mean of those that are drawn otherwise.
Numbers of synapses and the law of weights are the same.

In a smaller network, what a neuron lacks of its inputs goes on as Poisson spikes of the rates of their populations, as do areas
that are left out: a neuron then fires as at full scale, and follows the others as far as they are there. Or, as in the
authors' program, weights grow by :math:`1/\\sqrt{k}` where inputs are ``k`` times as many, and a direct current puts the mean
input back to what it was; with less than a fifth of the inputs, single ones are then so large that rates are others. Rates
are those of mean-field theory at full scale (:func:`stationary_rates`). Those of the authors' file
``tests/fullscale_rates.json`` are of other parameters (g = -16, no more input to 5E and 6E): a network whose current is made
of them fires many times as much. Populations of an area are
ranges of one population, ``net.V1``; all that comes from an area to another with one weight is one projection.

References
----------
M. Schmidt, R. Bakker, K. Shen, G. Bezgin, M. Diesmann, S. J. van Albada, PLoS Comput. Biol. 14:e1006359 (2018); anatomy:
M. Schmidt et al., Brain Struct. Funct. 223:1409 (2018); stabilised indegrees: J. Schuecker et al., PLoS Comput. Biol.
13:e1005179 (2017).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import brainunit as u
import numpy as np

import brainsim as bs
from models.mean_field import fixed_point, siegert
from models.pd14 import E_L, REFRACTORY, TAU, TAU_SYN, V_TH, C, cells, current_of

DT = 0.1 * u.ms
DURATION = 1.0 * u.second

PSP, PSP_4E_23E, G, BACKGROUND = 0.15, 0.3, -11.0, 10.0  # mV, mV, weight of inhibition over excitation, Hz
SPREAD = 0.1  # standard deviation of weights, relative to their mean
DELAYS = {"E": 1.5, "I": 0.75}  # ms, within an area, of excitatory and inhibitory neurons; standard deviations are half
SPEED = 3.5  # mm/ms, between areas
V_MEAN, V_STD = -150.0, 50.0  # mV, at first: below rest, so that the network does not begin with a burst


class Anatomy(NamedTuple):
    """Who there is and who connects to whom, at full scale.

    Parameters
    ----------
    types : dict of str to tuple of str
        Populations of each area, such as ``"23E"``, in the order of the rows below.
    sizes : array, (n,)
        Neurons of each of the ``n`` populations, area after area.
    indegrees : array, (n, n)
        Synapses onto a neuron of the row's population from all of the column's.
    external : array, (n,)
        Synapses onto a neuron from outside.
    distances : dict of str to dict of str to float
        mm, from area to area.
    """

    types: dict[str, tuple[str, ...]]
    sizes: np.ndarray
    indegrees: np.ndarray
    external: np.ndarray
    distances: dict[str, dict[str, float]]

    @property
    def ranges(self) -> dict[str, slice]:
        """The rows of each area."""
        ends = np.cumsum([len(types) for types in self.types.values()])
        return {area: slice(int(end) - len(types), int(end)) for (area, types), end in zip(self.types.items(), ends)}


def load(data: str | PathLike, stable: str | PathLike | None = None) -> Anatomy:
    """The anatomy that the authors' program has written.

    Parameters
    ----------
    data : path
        ``custom_Data_Model_<label>.json``.
    stable : path, optional
        Indegrees in their place, a matrix of NumPy: ``K_prime_original.npy``.

    Raises
    ------
    ValueError
        For a file that is not of this kind, or a matrix of another size.
    """
    with open(data, encoding="utf-8") as file:
        found = json.load(file)
    missing = {"area_list", "structure", "neuron_numbers", "synapses", "distances"} - set(found)
    if missing:
        raise ValueError(f"{data}: no anatomy of the multi-area model: it has no {', '.join(sorted(missing))}.")
    types = {area: tuple(found["structure"][area]) for area in found["area_list"]}
    places = [(area, kind) for area in types for kind in types[area]]
    sizes = np.array([found["neuron_numbers"][area][kind] for area, kind in places], float)
    onto = [found["synapses"][area][kind] for area, kind in places]
    numbers = np.array([[sources[area][kind] for area, kind in places] for sources in onto], float)
    external = np.array([sources["external"]["external"] for sources in onto], float) / sizes
    indegrees = numbers / sizes[:, None]
    if stable is not None:
        indegrees = np.load(stable)
        if indegrees.shape != numbers.shape:
            raise ValueError(f"{stable}: expected indegrees of shape {numbers.shape}, given {indegrees.shape}.")
    return Anatomy(types, sizes, indegrees, external, found["distances"])


def rates_of(rates: str | PathLike, anatomy: Anatomy) -> np.ndarray:
    """Rates of all populations (Hz) from a file: by area, then population."""
    with open(rates, encoding="utf-8") as file:
        found = json.load(file)
    return np.array([float(np.ravel(found[area][kind])[0]) for area, kinds in anatomy.types.items() for kind in kinds])


def stationary_rates(anatomy: Anatomy, chi: float = 1.0, chi_inhibitory: float = 1.0) -> np.ndarray:
    """Rates of all populations (Hz) at full scale in mean-field theory, (n,); factors as in :func:`build`."""
    jumps = weights(anatomy, chi, chi_inhibitory) * TAU_SYN / C  # of the potential, mV
    outside, number = current_of(PSP) * TAU_SYN / C, anatomy.external * BACKGROUND
    means, squares = jumps * anatomy.indegrees, (1 + SPREAD**2) * jumps**2 * anatomy.indegrees
    cell = dict(tau=TAU, tau_syn=TAU_SYN, refractory=REFRACTORY, threshold=V_TH - E_L, reset=0.0)

    def given(rates):
        mean = TAU * 1e-3 * (means @ rates + number * outside)
        return siegert(mean, np.sqrt(TAU * 1e-3 * (squares @ rates + number * outside**2)), **cell)

    return fixed_point(given, len(anatomy.sizes))


def weights(anatomy: Anatomy, chi: float = 1.0, chi_inhibitory: float = 1.0) -> np.ndarray:
    """Mean weight (pA) from the column's population to the row's at full scale."""
    kinds = [kind for types in anatomy.types.values() for kind in types]
    areas = np.repeat(np.arange(len(anatomy.types)), [len(types) for types in anatomy.types.values()])
    inhibitory = np.array([kind.endswith("I") for kind in kinds])
    found = np.full((len(kinds), len(kinds)), current_of(PSP))
    found[:, inhibitory] *= G
    within = areas[:, None] == areas
    strong = np.array([kind == "23E" for kind in kinds])[:, None] & np.array([kind == "4E" for kind in kinds])
    found[within & strong] = current_of(PSP_4E_23E)
    found[~within] *= chi
    found[~within & inhibitory[:, None]] *= chi_inhibitory
    return found


def build(
    data: str | PathLike | Anatomy | None = None,
    scale: float = 0.01,
    seed: int = 0,
    *,
    stable: str | PathLike | None = None,
    rates: str | PathLike | np.ndarray | None = None,
    inputs: float | None = None,
    lacking: str = "poisson",
    areas: Sequence[str] | None = None,
    chi: float = 1.0,
    chi_inhibitory: float = 1.0,
    stored: bool = True,
    mesh: Any = None,
) -> bs.Network:
    """The network.

    Parameters
    ----------
    data : path or Anatomy
        See :func:`load`.
    scale : float
        Number of neurons relative to the full 4.13 million.
    seed : int
        Seed of wiring, initial values and background.
    stable : path, optional
        See :func:`load`.
    rates : path or array, (n,), optional
        Rates (Hz) at full scale, for what scaled inputs and absent areas leave out; :func:`stationary_rates` if left out. See
        :func:`rates_of`.
    inputs : float, optional
        Number of inputs of a neuron relative to the full network's, ``scale`` by default.
    lacking : str
        What stands in place of the inputs that a smaller network lacks: ``"poisson"``, spikes of the rates of their
        populations, with weights as they are; or ``"current"``, of the same mean, and stronger weights.
    areas : sequence of str, optional
        Those that are simulated; all by default.
    chi, chi_inhibitory : float
        Factors of weights between areas, and of those onto inhibitory neurons once more. Ground state: 1 and 1; the
        metastable state: 1.9 and 2.
    stored : bool
        Whether synapses are stored, each with its delay, or made anew at every spike, with one delay for each projection.
    mesh
        As in :class:`brainsim.Network`: of several processes, each builds its part.

    Returns
    -------
    Network
        With a population for each area, of one receptor ``syn``, and ``background``.

    Raises
    ------
    ValueError
        For an area that there is not, a scale that leaves a population without neurons, another ``lacking``, or missing
        data.
    """
    if data is None:
        raise ValueError("data: give the authors' custom_Data_Model_<label>.json; see the top of models/multi_area.py.")
    anatomy = data if isinstance(data, Anatomy) else load(data, stable)
    inputs = scale if inputs is None else inputs
    sizes = sizes_of(anatomy, scale)
    if not (scale > 0 and 0 < inputs <= 1 and sizes.min() >= 1):
        raise ValueError(
            f"scale, inputs: expected positive numbers, inputs up to 1, that leave neurons in each population, given {scale}, {inputs}."
        )
    if lacking not in ("poisson", "current"):
        raise ValueError(f"lacking: expected 'poisson' or 'current', given {lacking!r}.")
    areas = tuple(anatomy.types) if areas is None else tuple(areas)
    if unknown := [area for area in areas if area not in anatomy.types]:
        raise ValueError(f"areas: there is no {unknown[0]!r}; there are {', '.join(anatomy.types)}.")
    here = np.concatenate([np.arange(len(sizes))[anatomy.ranges[area]] for area in areas])
    if rates is None:
        needed = inputs != 1 or len(here) < len(sizes)
        rates = stationary_rates(anatomy, chi, chi_inhibitory) if needed else np.zeros(len(sizes))
    rates = rates if isinstance(rates, np.ndarray) else rates_of(rates, anatomy)
    mean = weights(anatomy, chi, chi_inhibitory)
    net = bs.Network(seed=seed, mesh=mesh)
    for area in areas:
        setattr(net, _name(area), _neurons(anatomy, anatomy.ranges[area], here, sizes, mean, rates, inputs, lacking))
    for post in areas:
        for pre in areas:
            _connect(net, anatomy, pre, post, sizes, mean, inputs, lacking, stored)
    return net


def _name(area: str) -> str:
    """Of the population of an area: names begin with a letter."""
    return area if area.isidentifier() else f"area_{area}"


def _neurons(anatomy, rows: slice, here, sizes, mean, rates, inputs, lacking) -> bs.Population:
    counts = sizes[rows]
    each = lambda values: np.repeat(values, counts)  # noqa: E731  # of neurons, from those of populations
    neurons = cells(int(counts.sum()), bs.Normal(V_MEAN * u.mV, V_STD * u.mV).clip(high=V_TH * u.mV))
    share = np.ones(len(sizes))  # of the synapses from each population that are Poisson spikes
    share[here] = 1 - inputs if lacking == "poisson" else 0
    outside = _outside(anatomy, rows, mean, rates * share)
    thinned = 1.0 if lacking == "poisson" else inputs
    for k, (weight, number) in enumerate(outside.items()):
        name = f"others_{k}" if k else "background"
        stronger = weight / np.sqrt(thinned) * u.pA
        sources = each(number * thinned / BACKGROUND)
        neurons.add_stimuli(
            **{name: bs.stimuli.PoissonInput("syn", sources=sources, rate=BACKGROUND * u.Hz, weight=stronger)}
        )
    if thinned != 1:
        recurrent = (mean * anatomy.indegrees)[rows][:, here] @ rates[here]
        total = recurrent + sum(weight * number for weight, number in outside.items())
        neurons.add_stimuli(direct=bs.stimuli.Constant(each((1 - np.sqrt(inputs)) * TAU_SYN * 1e-3 * total) * u.pA))
    return neurons


def _outside(anatomy, rows: slice, mean, rates) -> dict[float, np.ndarray]:
    """Spikes a second (of each population of an area) from outside and from all that fires at ``rates``, by weight (pA)."""
    found = {current_of(PSP): anatomy.external[rows] * BACKGROUND}
    indegrees, weights = anatomy.indegrees[rows], mean[rows]
    for weight in np.unique(weights[:, rates > 0]):
        number = np.where(weights == weight, indegrees, 0) @ rates
        if number.any():
            found[weight] = found.get(weight, 0) + number
    return found


def _connect(net, anatomy, pre: str, post: str, sizes, mean, inputs, lacking, stored) -> None:
    """All synapses from an area to another: a projection for each weight, and in an area for excitation and inhibition."""
    rows, columns = anatomy.ranges[post], anatomy.ranges[pre]
    numbers = np.round(anatomy.indegrees[rows, columns] * sizes[rows, None] * inputs).astype(int)
    of_pairs = mean[rows, columns] / (1 if lacking == "poisson" else np.sqrt(inputs))
    for weight in np.unique(of_pairs[numbers > 0]):
        chosen = np.where(of_pairs == weight, numbers, 0).T
        ms = DELAYS["E" if weight > 0 else "I"] if pre == post else anatomy.distances[post][pre] / SPEED
        bounds = {"low": 0 * u.pA} if weight > 0 else {"high": 0 * u.pA}
        rule = bs.BlockModel(tuple(sizes[columns].tolist()), None, tuple(sizes[rows].tolist()), n=chosen)
        delay = bs.Normal(ms * u.ms, 0.5 * ms * u.ms).truncate(low=DT / 2).clip(low=DT)
        net.connect(
            net[_name(pre)],
            net[_name(post)],
            rule if stored else bs.Procedural(rule),
            receptor="syn",
            weight=bs.Normal(weight * u.pA, abs(SPREAD * weight) * u.pA).truncate(**bounds),
            delay=delay if stored else _mean(delay),
        )


def _mean(delay: bs.connectivity.Distribution) -> Any:
    """Of a distribution of delays: of its quantiles in the middle of 1,000 parts."""
    return np.mean(delay.quantile((np.arange(1000) + 0.5) / 1000, u.ms)) * u.ms


def sizes_of(anatomy: Anatomy, scale: float) -> np.ndarray:
    """Neurons of all populations in a network of a scale."""
    return np.round(anatomy.sizes * scale).astype(int)


def experiment(
    data: str | PathLike | Anatomy, scale: float = 0.01, duration: Any = DURATION, after: Any = 200.0 * u.ms, **options
) -> dict[str, dict[str, float]]:
    """Rate (Hz) of each population, by area, without the first ``after`` of a run; options as in :func:`build`."""
    anatomy = data if isinstance(data, Anatomy) else load(data, options.pop("stable", None))
    net = build(anatomy, scale, **options)
    rec = bs.simulate(net, duration + after, dt=DT, record=[f"{name}.spikes" for name in net.populations])
    seconds, found = float(duration.to_decimal(u.second)), {}
    for area in (area for area in anatomy.types if _name(area) in net.populations):
        train, counts = rec.spikes[_name(area)], sizes_of(anatomy, scale)[anatomy.ranges[area]]
        late = train.indices[train.times > rec.start + after]
        spikes = np.histogram(late, np.concatenate([[0], np.cumsum(counts)]))[0]
        found[area] = dict(zip(anatomy.types[area], (spikes / counts / seconds).tolist(), strict=True))
    return found
