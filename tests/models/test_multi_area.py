"""The multi-area model on an anatomy that was made up, in the format of the authors' program."""

import json

import brainunit as u
import numpy as np
import pytest
from scipy.stats import norm

import brainsim as bs
from models import multi_area, pd14

KINDS = ("23E", "23I", "4E", "4I", "5E", "5I", "6E", "6I")
AREAS = {"V1": KINDS, "7a": KINDS, "TH": tuple(kind for kind in KINDS if kind[0] != "4")}
DISTANCES = {"V1": {"V1": 0.0, "7a": 7.0, "TH": 21.0}, "7a": {"V1": 7.0, "7a": 0.0, "TH": 14.0},
             "TH": {"V1": 21.0, "7a": 14.0, "TH": 0.0}}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """As written by the authors' program: numbers of synapses also of populations that there are not."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("anatomy")
    sizes = {
        area: {kind: float(rng.integers(20, 60)) if kind in kinds else 0.0 for kind in KINDS}
        for area, kinds in AREAS.items()
    }
    numbers = {}
    for post, there in sizes.items():
        numbers[post] = {}
        for kind, n in there.items():
            of_areas = {}
            for pre, sources in sizes.items():
                between = {
                    source: 0.0 if pre != post and source[-1] == "I" else float(rng.integers(1, 6)) for source in KINDS
                }
                of_areas[pre] = {source: x * n * (sources[source] > 0) for source, x in between.items()}
            numbers[post][kind] = of_areas | {"external": {"external": 1000.0 * n}}
    data = {
        "area_list": list(AREAS),
        "structure": AREAS,
        "neuron_numbers": sizes,
        "synapses": numbers,
        "distances": DISTANCES,
    }
    (folder / "data.json").write_text(json.dumps(data))
    rates = {area: {kind: [2.0 + len(kind)] for kind in KINDS} for area in AREAS}
    (folder / "rates.json").write_text(json.dumps(rates))
    return folder / "data.json", folder / "rates.json"


def test_the_anatomy_is_read(files, tmp_path):
    anatomy = multi_area.load(files[0])
    assert anatomy.sizes.shape == (22,) and anatomy.ranges["TH"] == slice(16, 22)
    data = json.loads(files[0].read_text())
    there = data["synapses"]["7a"]["5I"]["TH"]["6E"] / data["neuron_numbers"]["7a"]["5I"]
    assert anatomy.indegrees[8 + 5, 16 + 4] == pytest.approx(there) and there >= 1
    np.testing.assert_allclose(anatomy.external, 1000)
    np.save(tmp_path / "stable.npy", 2 * anatomy.indegrees)
    np.testing.assert_array_equal(multi_area.load(files[0], tmp_path / "stable.npy").indegrees, 2 * anatomy.indegrees)
    np.save(tmp_path / "small.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"shape \(22, 22\), given \(3, 3\)"):
        multi_area.load(files[0], tmp_path / "small.npy")
    with pytest.raises(ValueError, match="no anatomy of the multi-area model: it has no area_list"):
        multi_area.load(files[1])


def test_weights_are_those_of_the_paper(files):
    """Tables 1 to 4 of Schmidt et al. (2018): 87.8 pA of 0.15 mV, twice from 4E to 2/3E, g = -11."""
    found = multi_area.weights(multi_area.load(files[0]), chi=1.9, chi_inhibitory=2.0)
    peak = 87.8
    assert found[0, 0] == pytest.approx(peak, rel=1e-3)
    assert found[0, 2] == pytest.approx(2 * peak, rel=1e-3)  # 4E to 2/3E of one area
    assert found[0, 3] == pytest.approx(-11 * peak, rel=1e-3)
    assert found[0, 8 + 2] == pytest.approx(1.9 * peak, rel=1e-3)  # from another area
    assert found[1, 8 + 2] == pytest.approx(2 * 1.9 * peak, rel=1e-3)


@pytest.fixture(scope="module")
def net(files):
    return multi_area.build(files[0], scale=1.0, inputs=1.0)


def test_synapses_that_are_not_stored_are_as_many(files, net):
    made_anew = multi_area.build(files[0], scale=1.0, inputs=1.0, stored=False)
    numbers = {name: projection.n_synapses for name, projection in net.projections.items()}
    assert {name: projection.n_synapses for name, projection in made_anew.projections.items()} == numbers
    ms = made_anew["V1->area_7a"].delay / u.ms
    assert ms == pytest.approx(2 + norm.pdf(1.95) / norm.cdf(1.95), rel=2e-3)  # truncated half a step above zero


def test_synapses_are_as_many_as_the_anatomy_says(files, net):
    anatomy = multi_area.load(files[0])
    areas = list(anatomy.types)
    found = np.zeros_like(anatomy.indegrees)
    ends = {area: np.concatenate([[0], np.cumsum(anatomy.sizes[anatomy.ranges[area]])]) for area in areas}
    for projection in net.projections.values():
        pre, post = (name.removeprefix("area_") for name in (projection.pre, projection.post))
        counts = np.histogram2d(*projection.pairs()[::-1], bins=(ends[post], ends[pre]))[0]
        found[anatomy.ranges[post], anatomy.ranges[pre]] += counts
    np.testing.assert_array_equal(found, np.round(anatomy.indegrees * anatomy.sizes[:, None]))
    assert np.all(net.V1.background.sources == 1000)
    # one projection between areas; within excitation, inhibition, and from 4E to 2/3E, which TH has none of
    assert len(net.projections) == 3 * 2 + 3 + 3 + 2


def test_delays_between_areas_are_distance_over_speed(net):
    ms = u.get_mantissa(net["V1->area_7a"].delay)  # normal, with half its mean as deviation, truncated at zero
    assert ms.mean() == pytest.approx(2 + norm.pdf(2) / norm.cdf(2), abs=4 * 0.9 / np.sqrt(len(ms)))
    weights = u.get_mantissa(net["V1->area_7a"].weight)
    assert weights.mean() == pytest.approx(87.8, rel=0.01) and weights.std() == pytest.approx(8.78, rel=0.1)


def weights_and_events(population):
    """Weight (pA) and spikes a second of each neuron, of all that comes from outside."""
    stimuli = [
        p for name, p in population.parts(bs.stimuli.PoissonInput).items() if name == "background" or "others" in name
    ]
    return [(float(u.get_mantissa(p.weight)), np.asarray(p.sources) * 10.0) for p in stimuli]


@pytest.mark.parametrize("lacking", ["poisson", "current"])
def test_the_mean_input_is_that_of_the_whole(files, lacking):
    """With all areas at full scale, with a quarter of the inputs, and with two areas left out."""
    anatomy = multi_area.load(files[0])
    rates = multi_area.rates_of(files[1], anatomy)
    mean = multi_area.weights(anatomy)
    whole = (mean * anatomy.indegrees) @ rates + anatomy.external * 10 * pd14.current_of(0.15)
    variance = (mean**2 * anatomy.indegrees) @ rates + anatomy.external * 10 * pd14.current_of(0.15) ** 2
    first = np.concatenate([[0], np.cumsum(anatomy.sizes[:8])[:-1]]).astype(int)  # a neuron of each population of V1
    for inputs, areas in ((1.0, ["V1"]), (0.25, ["V1"]), (0.25, None)):
        net = multi_area.build(anatomy, 1.0, inputs=inputs, rates=rates, areas=areas, lacking=lacking)
        gain, there = (1 if lacking == "poisson" else 2) if inputs < 1 else 1, slice(0, 8 if areas else None)
        total = inputs * gain * ((mean * anatomy.indegrees)[:8, there] @ rates[there])
        squares = inputs * gain**2 * ((mean**2 * anatomy.indegrees)[:8, there] @ rates[there])
        for weight, events in weights_and_events(net.V1):
            total, squares = total + weight * events[first], squares + weight**2 * events[first]
        direct = net.V1.parts(bs.stimuli.Constant)
        total = total * pd14.TAU_SYN * 1e-3
        if direct:
            total = total + np.asarray(u.get_mantissa(direct["direct"].amplitude))[first]
        assert bool(direct) == (lacking == "current" and inputs < 1)
        np.testing.assert_allclose(total, whole[:8] * pd14.TAU_SYN * 1e-3, rtol=1e-6)
        np.testing.assert_allclose(squares, variance[:8], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"areas": ["V9"]}, "there is no 'V9'; there are V1, 7a, TH"),
        ({"scale": 0.001}, "leave neurons in each population"),
        ({"inputs": 1.5}, "inputs up to 1"),
        ({"lacking": "noise"}, "lacking: expected 'poisson' or 'current', given 'noise'"),
    ],
)
def test_what_cannot_be_built_is_refused(files, options, words):
    with pytest.raises(ValueError, match=words):
        multi_area.build(files[0], **({"scale": 1.0, "inputs": 1.0} | options))
    with pytest.raises(ValueError, match="give the authors' custom_Data_Model"):
        multi_area.build()


def test_it_runs(files):
    found = multi_area.experiment(files[0], 1.0, 20 * u.ms, 30 * u.ms, inputs=1.0)
    assert found.keys() == AREAS.keys() and list(found["TH"]) == list(AREAS["TH"])
    assert all(0 <= rate < 400 for rates in found.values() for rate in rates.values())
