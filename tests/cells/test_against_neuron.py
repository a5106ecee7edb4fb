"""Random trees in NEURON and here: areas, resistances, numbers of segments and impedances. Needs NEURON."""

import brainunit as u
import numpy as np
import pytest

from brainsim.cells import Branch, DLambda, Electrotonics, Morphology, at, discretise

pytestmark = pytest.mark.slow
SOURCE, HERTZ = (5, 0.6), 100.0


def random_tree(seed, branches=12):
    """Branches of random cones, with rings, that grow from ends and sides. NEURON keeps points as float32."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(branches):
        points = int(rng.integers(2, 9))
        parent = int(rng.integers(0, k)) if k else -1
        xyz = np.cumsum(rng.normal(size=(points, 3)) * rng.uniform(1, 30), 0)
        if points > 3:
            xyz[2] = xyz[1]
        xyz, radius = (np.float32(a).astype(float) for a in (xyz, rng.uniform(0.2, 4, points)))
        made.append(Branch(xyz, radius, parent=parent, at=float(rng.choice([0, 1, 1, 1, 0.5, 0.3, 0.77]))))
    return Morphology(made), rng.integers(1, 12, branches)


@pytest.fixture(scope="module")
def h():
    neuron = pytest.importorskip("neuron")
    neuron.h.load_file("stdlib.hoc")
    return neuron.h


def sections(h, shape, counts):
    made = []
    for branch in shape:
        section = h.Section()
        for (x, y, z), r in zip(branch.xyz, branch.radius):
            section.pt3dadd(x, y, z, 2 * r)
        section.Ra, section.cm = 100, 1
        if branch.parent >= 0:
            section.connect(made[branch.parent](branch.at), 0)
        section.insert("pas")
        section.g_pas = 5e-5
        made.append(section)
    recipe = [int((s.L / (0.1 * h.lambda_f(100, sec=s)) + 0.9) / 2) * 2 + 1 for s in made]
    for section, n in zip(made, counts):
        section.nseg = int(n)
    h.finitialize(-65)
    return made, recipe


@pytest.mark.parametrize("seed", range(8))
def test_random_trees(h, seed):
    shape, counts = random_tree(seed)
    made, recipe = sections(h, shape, counts)
    segments = [segment for section in made for segment in section]
    c = discretise(shape, counts)
    np.testing.assert_allclose(c.area, [s.area() for s in segments], rtol=1e-6)
    np.testing.assert_allclose(c.diameter, [s.diam for s in segments], rtol=1e-6)
    inner = np.setdiff1d(np.arange(len(c)), c.first)
    resistance = c.r_own[: len(c)].copy()
    resistance[inner] += c.r_parent[inner]
    np.testing.assert_allclose(resistance, [s.ri() for s in segments], rtol=1e-6)
    assert np.diff(discretise(shape, DLambda(R_a=100 * u.ohm * u.cm)).first).tolist() == recipe

    impedance = h.Impedance()
    impedance.loc(made[SOURCE[0]](SOURCE[1]))
    impedance.compute(HERTZ, 0)
    cell = Electrotonics(c, g=5e-5 * u.siemens / u.cm**2, R_a=100 * u.ohm * u.cm)
    z = cell.input_impedance("all", HERTZ * u.Hz).to_decimal(u.Mohm)
    np.testing.assert_allclose(np.abs(z), [impedance.input(s) for s in segments], rtol=1e-6)
    z = cell.transfer_impedance(at(*SOURCE), "all", HERTZ * u.Hz).to_decimal(u.Mohm)[0]
    np.testing.assert_allclose(np.abs(z), [impedance.transfer(s) for s in segments], rtol=1e-6)
    turned = np.exp(1j * np.array([impedance.transfer_phase(s) for s in segments]))
    np.testing.assert_allclose(z / np.abs(z), turned, atol=1e-6)
