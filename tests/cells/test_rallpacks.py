"""Rallpacks: passive cable, passive tree, active cable.

U. S. Bhalla, D. H. Bilitch, J. M. Bower, Rallpacks: a set of benchmarks for neuronal simulators, Trends Neurosci. 15:453
(1992). 1 and 2 against cable theory; 3, which has no solution, against NEURON 9.0.2 with the same 1,000 compartments,
``secondorder = 2`` and ``usetable_hh = 0``.
"""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, channels

OPTIMISED = True  # they run long

R_A, R_M, C_M, CURRENT = 1.0, 4.0, 0.01, 1e-10  # ohm m, ohm m2, F/m2, A


def cylinder(t_ms, x, L, d):
    """V of a sealed cylinder with a current into one end, in mV; lengths in m."""
    lam, tau, r_a = np.sqrt(d * R_M / (4 * R_A)), R_M * C_M, 4 * R_A / (np.pi * d**2)
    length, place, T = L / lam, x / lam, t_ms * 1e-3 / tau
    steady = CURRENT * r_a * lam * np.cosh(length - place) / np.sinh(length)
    fading = np.exp(-T) / length
    for n in range(1, 2000):
        b = n * np.pi / length
        fading = fading + 2 / length * np.cos(b * place) * np.exp(-(1 + b * b) * T) / (1 + b * b)
    return -65 + 1e3 * (steady - CURRENT * r_a * lam * fading)


def cable(n=1000):
    """1 mm long, 1 um thick."""
    ends, radii = np.array([[0, 0, 0], [1000.0, 0, 0]]), np.full(2, 0.5)
    return cells.discretise(cells.Morphology([cells.Branch(ends, radii, "dend")]), n)


def tree():
    """Ten levels of branches that halve by the 3/2 rule, each of 0.008 length constants: 1,023 compartments."""
    branches, level = [cells.Branch(np.array([[0, 0, 0], [32.0, 0, 0]]), np.full(2, 8.0), "dend")], [0]
    for depth in range(1, 10):
        length, radius, grown = 32.0 * 2 ** (-depth / 3), 8.0 * 2 ** (-2 * depth / 3), []
        for parent in level:
            for side in (-1, 1):
                start = branches[parent].xyz[-1]
                end = start + length * np.array([np.cos(side * 0.5), np.sin(side * 0.5), 0])
                branches.append(cells.Branch(np.stack([start, end]), np.full(2, radius), "dend", parent))
                grown.append(len(branches) - 1)
        level = grown
    return cells.discretise(cells.Morphology(branches), 1)


def run(cut, dt, record, **values):
    net = bs.Network()
    g_L = (1 / (R_M * u.ohm * u.meter**2)).to(u.mS / u.cm2)
    given = dict(R_a=R_A * 100 * u.ohm * u.cm, g_L=g_L, E_L=-65 * u.mV, V=-65 * u.mV) | values
    net.cell = cells.MultiCompartment(1, cut, method="staggered_crank_nicolson", **given)
    net.cell.add_stimuli(clamp=bs.stimuli.Constant(0.1 * u.nA).on(cells.at(0, 0.0)))
    rec = bs.simulate(net, 250 * u.ms, dt=dt * u.ms, record=[f"cell.V[{k}]" for k in record])
    return rec.times.to_decimal(u.ms), *(rec[f"cell.V[{k}]"].mantissa[:, 0].astype(float) for k in record)


def rms(x):
    return np.sqrt(np.mean(x**2))


@pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
def test_rallpack_1(wide):
    """0.036 mV where the current enters, of the ringing of Crank-Nicolson in the first ms; it is NEURON's, too."""
    with jax.enable_x64(wide):
        t, near, far = run(cable(), 0.05, (0, 999))
    assert rms(near - cylinder(t, 0.5e-6, 1e-3, 1e-6)) == pytest.approx(
        0.03571234513661978, rel=1e-3 if not wide else 1e-9
    )
    assert rms((near - cylinder(t, 0.5e-6, 1e-3, 1e-6))[100:]) < 0.03
    assert rms(far - cylinder(t, 1e-3 - 0.5e-6, 1e-3, 1e-6)) < (4e-5 if not wide else 2e-5)


@pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
def test_rallpack_2(wide):
    """The tree is a cylinder of 320 um and 16 um."""
    with jax.enable_x64(wide):
        t, near, far = run(tree(), 0.05, (0, 1022))
    assert rms(near - cylinder(t, 16e-6, 320e-6, 16e-6)) < 0.03
    assert rms(far - cylinder(t, (320 - 16) * 1e-6, 320e-6, 16e-6)) < 0.03


def crossings(V, dt):
    V = np.concatenate([[-65.0], V])
    k = np.flatnonzero((V[1:] > 0) & (V[:-1] <= 0))
    return (k - V[k] / (V[k + 1] - V[k])) * dt


@pytest.mark.parametrize(
    ("dt", "wide", "atol"),
    [(0.025, False, 2e-4), (0.025, True, 1e-8), pytest.param(0.005, True, 1e-8, marks=pytest.mark.slow)],
)
def test_rallpack_3(dt, wide, atol):
    """18 spikes at each end; the last one comes 0.042 ms earlier with dt = 0.005 ms."""
    expected = {
        0.025: ([1.29371582, 15.80280087, 245.15325679644093], [4.04192169, 18.48137489, 247.84036988800838]),
        0.005: ([1.29259088, 15.79932791, 245.1116391567232], [4.03772988, 18.47480608, 247.79572300219576]),
    }
    squid = lambda: dict(na=channels.Na_HH1952(), k=channels.K_HH1952())
    with jax.enable_x64(wide):
        _, *V = run(cable(), dt, (0, 999), channels=squid(), E_L=(-65 + 10.613) * u.mV)
    for end, times in zip(V, expected[dt]):
        found = crossings(end, dt)
        assert len(found) == 18
        np.testing.assert_allclose(found[[0, 1, -1]], times, atol=atol)
