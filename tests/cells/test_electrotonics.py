"""Impedances and lengths: against NEURON 9.0.2, cables whose solution is known, and dense matrices."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

from brainsim._errors import UnitError
from brainsim.cells import (
    Compartments,
    DLambda,
    Electrotonics,
    Morphology,
    at,
    by_region,
    discretise,
    read_swc,
)
from tests.cells.shapes import cable, forked

DENSITY = u.siemens / u.cm**2
LEAK, R_A = 5e-5 * DENSITY, 100 * u.ohm * u.cm
CELL = discretise(forked(), [1, 3, 2, 1, 2])

# NEURON 9.0.2, class Impedance on `forked`, pas with g 5e-5, Ra 100, cm 1, every segment: input(x) and, from dend[1](0.75),
# transfer(x) in megohm, transfer_phase(x), ratio(x); at 0 Hz and at 100 Hz.
INPUT = [795.476462172233, 795.1276276531495, 795.5952209448423, 799.1976636663923, 840.1605785445498] + [
    955.5089644707501,
    866.0459026656074,
    810.3302898088006,
    847.5694199679226,
]
TRANSFER = [762.2278436021323, 762.857418547601, 765.5148012446973, 772.9516530924882, 828.1788633956319] + [
    955.5089644707501,
    776.1981460135154,
    761.3268300027207,
    760.3263985332435,
]
INPUT_100 = [65.21527344033792, 65.02094625362001, 64.68033979209763, 64.86307296849238, 89.93092792782436] + [
    191.8611149651243,
    109.54833821308269,
    69.94191355298506,
    92.00925828502848,
]
TRANSFER_100 = [57.704361365065054, 57.75704657841241, 58.0379692712155, 59.33435283093397, 87.25824626843432] + [
    191.8611149651243,
    61.33123668584119,
    57.62314404331678,
    57.539579206959196,
]
PHASE_100 = [-1.8892796602535333, -1.8789130412098298, -1.8353787663275798, -1.716398792707205, -1.08224445579139] + [
    -0.5775901943369351,
    -1.6746289915633101,
    -1.9041201798404745,
    -1.9206316826826768,
]
RATIO_100 = [0.884828941457338, 0.8882836978890755, 0.8973046440041482, 0.9147632098737596, 0.9702807285438547] + [
    1.0,
    0.5598554728100548,
    0.8238714258177096,
    0.625367275852955,
]
# NEURON 9.0.2, Import3d, d_lambda 0.1 at 100 Hz, the same membrane: segments, input resistance of soma[0](0.5), the largest.
FILES = {
    "allen_485574832": (307, 432.40966459478216, 2991.3568168608294),
    "ca1_n120": (626, 93.14225359387282, 1752.885118012276),
    "l5pc_with_axon": (1626, 53.81704218080588, 2519.1995959959113),
    "minimal": (4, 13428.525882118067, 13429.189832972),
    "soma_both_ends": (3, 54881.20372744145, 54881.32665982584),
    "3_types": (3, 795792.6083605146, 795792.6083605147),
}
DATA = Path(__file__).parents[3] / "shared" / "data" / "swc"


def test_impedances_are_those_of_neuron():
    cell = Electrotonics(CELL, g=LEAK, R_a=R_A)
    place = at("dend[1]", 0.75)
    np.testing.assert_allclose(cell.input_resistance().to_decimal(u.Mohm), INPUT, rtol=1e-6)
    both = [0, 100] * u.Hz
    np.testing.assert_allclose(np.abs(cell.input_impedance("all", both).to_decimal(u.Mohm)[1]), INPUT_100, rtol=1e-6)
    z = cell.transfer_impedance(place, frequency=both).to_decimal(u.Mohm)[:, 0]
    np.testing.assert_allclose(z[0], TRANSFER, rtol=1e-6)
    np.testing.assert_allclose(np.abs(z[1]), TRANSFER_100, rtol=1e-6)
    np.testing.assert_allclose(np.angle(z[1]), PHASE_100, rtol=1e-6)
    ratio = cell.attenuation("all", place, 100 * u.Hz)[:, 0]
    np.testing.assert_allclose(1 / ratio, RATIO_100, rtol=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_reconstructions_have_the_input_resistance_that_neuron_finds(name):
    path = DATA / f"{name}.swc"
    if not path.exists():
        pytest.skip("needs the reconstructions of shared/data/swc")
    segments, soma, largest = FILES[name]
    c = discretise(read_swc(path), DLambda(R_a=R_A))
    resistance = Electrotonics(c, g=LEAK, R_a=R_A).input_resistance().to_decimal(u.Mohm)
    assert len(c) == segments
    np.testing.assert_allclose(
        [resistance[at("soma[0]", 0.5).indices(c)[0]], resistance.max()], [soma, largest], rtol=1e-5
    )


def test_a_sealed_cable():
    # Z(x, x) = r / gamma cosh(gamma x) cosh(gamma (L - x)) / sinh(gamma L) with gamma = sqrt(1 + i w tau) / lambda.
    length, radius, hertz = 0.08, 1e-4, 70.0  # cm
    r = 100 / (np.pi * radius**2)
    gamma = np.sqrt((5e-5 + 2j * np.pi * hertz * 1e-6) * 2 * np.pi * radius * r)
    error = []
    for n in (15, 45):
        cell = Electrotonics(discretise(cable(length=800.0), n), g=LEAK, R_a=R_A)
        got = cell.input_impedance([0, n // 2], hertz * u.Hz).to_decimal(u.Mohm)
        x = np.array([length / n / 2, length / 2])
        z = 1e-6 * r / gamma * np.cosh(gamma * x) * np.cosh(gamma * (length - x)) / np.sinh(gamma * length)
        error.append(np.abs(got / z - 1))
    np.testing.assert_allclose(np.log(error[0] / error[1]) / np.log(3), 2, atol=0.2)  # of second order
    assert error[1].max() < 1e-3
    # At a sealed end at rest: R_inf coth(L / lambda).
    cell = Electrotonics(discretise(cable(length=800.0), 2001), g=LEAK, R_a=R_A)
    gamma = np.sqrt(5e-5 * 2 * np.pi * radius * r)
    np.testing.assert_allclose(
        cell.input_resistance(at(0, 0)).to_decimal(u.Mohm), 1e-6 * r / gamma / np.tanh(gamma * length), rtol=1e-3
    )
    np.testing.assert_allclose(cell.length_constant().to_decimal(u.um), 1e4 / gamma, rtol=1e-10)
    np.testing.assert_allclose(cell.distance()[-1], 0.08 * gamma, rtol=1e-3)


def test_finer_compartments_change_little_and_other_branches_nothing():
    whole = Electrotonics(discretise(cable(pieces=1), 12), g=LEAK, R_a=R_A)
    parts = Electrotonics(discretise(cable(pieces=4), 3), g=LEAK, R_a=R_A)
    np.testing.assert_allclose(parts.input_resistance().mantissa, whole.input_resistance().mantissa, rtol=1e-10)
    np.testing.assert_allclose(parts.distance(), whole.distance(), rtol=1e-10)
    # Against a very fine cut: an error of second order.
    places = at("dend[1]", 0.5) + at("axon", 0.5) + at("soma", 0.5)
    found = [
        Electrotonics(discretise(forked(), n), g=LEAK, R_a=R_A).input_impedance(places, 100 * u.Hz).mantissa
        for n in (5, 15, 1215)
    ]
    error = [np.abs(one / found[2] - 1).max() for one in found[:2]]
    assert error[0] / error[1] > 6  # 9 for second order; the axon joins a compartment, not a point
    assert error[1] < 2e-3


def test_any_tree_and_values_against_a_dense_matrix():
    two = Compartments.join([discretise(forked(), 3), discretise(cable(pieces=2), 2)])
    g = by_region({"soma": 1e-3 * DENSITY, "dend": 2e-5 * DENSITY}, default=0 * DENSITY)
    R_a = by_region({"dend": 150 * u.ohm * u.cm}, default=70 * u.ohm * u.cm)
    cell = Electrotonics(two.with_spines(np.where(two.type == "dend", 1.5, 1)), g=g, R_a=R_a, C=0.8 * u.uF / u.cm**2)
    n, nodes = len(two), two.n_nodes
    Y = np.zeros((nodes, nodes), complex)
    density = g.on(two).to_decimal(DENSITY) + 2j * np.pi * 40 * 0.8e-6
    Y[range(n), range(n)] = 1e-2 * cell.compartments.area * density
    for i, (p, c) in enumerate(zip(two.parent, two.coupling(R_a.on(two)).to_decimal(u.uS))):
        if p >= 0:
            Y[[i, p], [i, p]] += c
            Y[[i, p], [p, i]] -= c
    Z = np.linalg.inv(Y)[:n, :n]
    np.testing.assert_allclose(cell.input_impedance("all", 40 * u.Hz).to_decimal(u.Mohm), np.diag(Z), rtol=1e-9)
    got = cell.transfer_impedance("all", "all", 40 * u.Hz).to_decimal(u.Mohm)
    np.testing.assert_allclose(got, Z, rtol=1e-9, atol=1e-12)
    assert (got[:15, 15:] == 0).all()
    attenuation = cell.attenuation("axon", "dend", 40 * u.Hz)
    inverse = np.abs(Z / np.diag(Z)[:, None])[np.ix_(two.type == "axon", two.type == "dend")]
    np.testing.assert_allclose(1 / attenuation, inverse, rtol=1e-9)
    assert np.isinf(attenuation[inverse == 0]).all()


def test_distances_in_length_constants():
    c = discretise(forked(), [1, 3, 2, 1, 2])
    cell = Electrotonics(c, g=LEAK, R_a=R_A)
    half = c.length / 2 / cell.length_constant().to_decimal(u.um)
    X = cell.distance()
    np.testing.assert_allclose(X[1], 2 * half[0] + half[1])
    np.testing.assert_allclose(X[4], 2 * half[:4].sum() + half[4])
    np.testing.assert_allclose(X[7], half[0] + half[7])  # from the soma's centre
    from_tip = cell.distance(at("dend[1]", 1))
    np.testing.assert_allclose(from_tip[6], half[5] + 2 * half[4] + half[6])
    np.testing.assert_allclose(from_tip[7], half[5] + 2 * half[[4, 3, 2, 1]].sum() + half[0] + half[7])
    # Sines reach less far: lambda_f / lambda = sqrt(2 / (1 + sqrt(1 + (w tau)^2))), tau = 20 ms.
    short = cell.length_constant(100 * u.Hz).to_decimal(u.um) / cell.length_constant().to_decimal(u.um)
    np.testing.assert_allclose(short, np.sqrt(2 / (1 + np.hypot(1, 2 * np.pi * 100 * 0.02))))
    spiny = Electrotonics(c.with_spines(4.0), g=LEAK, R_a=R_A)
    np.testing.assert_allclose(spiny.length_constant().mantissa, cell.length_constant().mantissa / 2)
    trees = discretise(Morphology([*forked(), *cable()]), 1)
    assert np.isinf(Electrotonics(trees, g=LEAK, R_a=R_A).distance(at("soma", 0.5))[-1])


def test_what_is_refused():
    with pytest.raises(UnitError, match="Electrotonics: g"):
        Electrotonics(CELL, g=5e-5, R_a=R_A)
    with pytest.raises(ValueError, match=r"R_a must be positive, given -1\.0 at soma\(0\.5\)"):
        Electrotonics(CELL, g=LEAK, R_a=by_region({"soma": -1 * u.ohm * u.cm}, default=R_A))
    with pytest.raises(ValueError, match="nothing leaks from the tree of soma"):
        Electrotonics(CELL, g=0 * DENSITY, R_a=R_A).input_resistance()
    with pytest.raises(ValueError, match="frequencies"):
        Electrotonics(CELL, g=LEAK, R_a=R_A).input_impedance("all", -5 * u.Hz)
    with pytest.raises(ValueError, match="origin is one place"):
        Electrotonics(CELL, g=LEAK, R_a=R_A).distance(at("dend", 0.5))
