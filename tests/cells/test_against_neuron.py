"""NEURON and brainsim side by side: random trees, a file, a spiking cell, a mechanism. Needs NEURON."""

import shutil
import subprocess
import sys
from pathlib import Path

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim.cells import Branch, DLambda, Electrotonics, Morphology, at, discretise
from tests.io import mechanisms

pytestmark = pytest.mark.slow
SOURCE, HERTZ = (5, 0.6), 100.0
SWC = """1 1 0 0 0 8 -1
2 1 0 -8 0 8 1
3 1 0 8 0 8 1
4 3 10 0 0 1.5 1
5 3 40 0 0 1.2 4
6 3 60 20 0 0.8 5
7 3 60 -20 5 0.9 5
8 3 90 -25 5 0.4 7
9 2 -9 0 0 0.7 1
10 2 -60 0 0 0.5 9
"""


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


def compiled(folder, name, text):
    """NMODL text in a file, and NEURON with the mechanism."""
    (folder / f"{name}.mod").write_text(text)
    compiler = Path(sys.executable).with_name("nrnivmodl")
    compiler = str(compiler) if compiler.exists() else shutil.which("nrnivmodl")
    if compiler is None:
        pytest.skip("nrnivmodl is not there")
    subprocess.run([compiler, "."], cwd=folder, check=True, capture_output=True)
    pytest.importorskip("neuron").load_mechanisms(str(folder))
    return folder / f"{name}.mod"


def fires(h, section, amplitude, steps, dt):
    """V of the middle of a section at rest at -65 mV, under a current in nA from the beginning."""
    clamp = h.IClamp(section(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0, 1e9, amplitude
    h.usetable_hh, h.dt, h.celsius = 0, dt, 6.3
    h.finitialize(-65)
    found = []
    for _ in range(steps):
        h.fadvance()
        found.append(section(0.5).v)
    return np.array(found)


def fires_here(parts, amplitude, steps, dt):
    """The same of a sphere of 20 um here."""
    net, shape = bs.Network(), bs.cells.cylinder(20 * u.um, 20 * u.um, type="soma")
    net.c = bs.cells.MultiCompartment(1, shape, compartments=1, V=-65 * u.mV, **parts)
    net.c.add_stimuli(drive=bs.stimuli.Constant(amplitude * u.nA))
    return bs.simulate(net, steps * dt * u.ms, dt=dt * u.ms, record="c.V")["c.V"].to_decimal(u.mV)[:, 0]


def test_a_spiking_cell(h):
    """Hodgkin and Huxley's membrane, V in every one of 2,000 steps."""
    section = h.Section()
    section.L = section.diam = 20
    section.insert("hh")
    expected = fires(h, section, 0.15, 2000, 0.025)
    with jax.enable_x64(True):
        ch, mS = bs.channels, u.mS / u.cm2
        own = dict(na=ch.Na_HH1952(), k=ch.K_HH1952())
        found = fires_here(dict(channels=own, g_L=0.3 * mS, E_L=-54.3 * u.mV), 0.15, 2000, 0.025)
    assert expected.max() > 20
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_mechanism(h, tmp_path):
    """An NMODL file of two ions with gates, in both programs."""
    path = compiled(tmp_path, "gates", mechanisms.GATES)
    section = h.Section()
    section.L = section.diam = 20
    section.insert("gates")
    h.usetable_gates = 0
    expected = fires(h, section, 0.15, 800, 0.025)
    with jax.enable_x64(True):
        found = fires_here(dict(channels=dict(x=bs.io.read_mod(path)()), g_L=0 * u.mS / u.cm2), 0.15, 800, 0.025)
    assert np.ptp(expected) > 20
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_areas_of_a_file(h, tmp_path):
    """Import3d's sections of an SWC file with a soma of three points, a branching and a change of type."""
    path = tmp_path / "cell.swc"
    path.write_text(SWC)
    h.load_file("import3d.hoc")
    reader = h.Import3d_SWC_read()
    reader.input(str(path))
    h.Import3d_GUI(reader, 0).instantiate(None)
    made = [s for s in h.allsec() if any(kind in s.name() for kind in ("soma", "dend", "axon"))]
    shape = bs.cells.read_swc(path)
    area = {s.name(): sum(segment.area() for segment in s) for s in made}
    assert set(area) == {branch.name for branch in shape}
    np.testing.assert_allclose(shape.measures.areas.to_decimal(u.um2), [area[b.name] for b in shape], rtol=1e-5)
