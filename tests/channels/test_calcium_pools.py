"""Pools of several states: buffers, pumps, shells, diffusion along the cell; against closed forms and NumPy."""

import brainunit as u
import jax
import numpy as np
import pytest
from scipy.linalg import expm

import brainsim as bs
from brainsim import channels

A = u.uA / u.cm2


def point(pool):
    net = bs.Network()
    net.E = bs.neurons.ConductanceBased(1, pools=dict(Ca=pool))
    return net


def test_a_buffer_keeps_what_there_is_and_slows_decay():
    """Without a pump free and bound add up; with one what is small decays 1 + kappa times as slowly."""
    with jax.enable_x64(True):
        closed = dict(J_max=0.0 * u.mM * u.cm / u.second, concentration=2e-3 * u.mM)
        net = point(channels.BufferedCalcium(**closed))
        total = lambda: float((net.E.Ca.concentration + net.E.Ca.buffered)[0].to_decimal(u.mM))
        before = total()
        bs.simulate(net, 200 * u.ms, dt=0.1 * u.ms)
        np.testing.assert_allclose(total(), before, rtol=1e-12)
        c, b = (float(getattr(net.E.Ca, name)[0].to_decimal(u.mM)) for name in ("concentration", "buffered"))
        np.testing.assert_allclose(b, 0.05 * c / (c + 1e-3), rtol=1e-9)

        pump = dict(J_max=1e-6 * u.umol / u.cm2 / u.second, K_pump=1 * u.mM, rest=1e-9 * u.mM, depth=0.1 * u.um)
        fast = dict(k_on=1e4 / (u.mM * u.ms), k_off=1e2 / u.ms, B=0.09 * u.mM)  # Kd 0.01 mM: kappa 9
        start = dict(concentration=1e-6 * u.mM, buffered=0.09e-6 / (1e-6 + 0.01) * u.mM)
        net = point(channels.BufferedCalcium(**pump, **fast, **start))
        bs.simulate(net, 100 * u.ms, dt=0.1 * u.ms)
        rate = 1e-6 * 1e-6 / (1e-5 * 1e-6) * 1e-3  # J_max / (K d): umol/cm2/s over mM and 0.1 um, per ms
        found = float(net.E.Ca.concentration[0].to_decimal(u.mM))
        np.testing.assert_allclose(np.log(found / 1e-6), -rate * 100 / 10, rtol=2e-3)


def test_shells_are_a_matrix():
    """Without buffer and pump, against the exponential of the matrix of a cylinder of four shells."""
    with jax.enable_x64(True):
        kind = channels.radial_calcium(4)
        assert kind is channels.radial_calcium(4)
        start = dict(concentration=1e-3, free_1=2e-4, free_2=1e-4, free_3=5e-4)
        pool = kind(
            diameter=2 * u.um,
            B=0 * u.mM,
            J_max=0 * u.umol / u.cm2 / u.second,
            **{n: x * u.mM for n, x in start.items()},
        )
        net = point(pool)
        bs.simulate(net, 0.5 * u.ms, dt=0.0005 * u.ms)
        edges = np.array([1.0, 0.75, 0.5, 0.25, 0.0])
        volumes = np.pi * (edges[:-1] ** 2 - edges[1:] ** 2)
        matrix = np.zeros((4, 4))
        for k in range(3):
            g = 0.6 * 2 * np.pi * edges[k + 1] / 0.25
            matrix[k, [k, k + 1]] += np.array([-g, g]) / volumes[k]
            matrix[k + 1, [k, k + 1]] += np.array([g, -g]) / volumes[k + 1]
        expected = expm(0.5 * matrix) @ np.array(list(start.values()))
        found = [float(getattr(net.E.Ca, name)[0].to_decimal(u.mM)) for name in start]
        np.testing.assert_allclose(found, expected, rtol=2e-3)
        np.testing.assert_allclose(volumes @ found, volumes @ np.array(list(start.values())), rtol=1e-11)


@pytest.mark.parametrize("count", [1, 2])
def test_diffusion_along_a_cable(count):
    """Cosine modes of a sealed cable decay by the factor of backward Euler, cells side by side."""
    with jax.enable_x64(True):
        N, D, dt, steps = 20, 0.3, 0.1, 50
        cable = bs.cells.cable(100 * u.um, 2 * u.um)
        pool = channels.BufferedCalcium(
            B=0 * u.mM, J_max=0 * u.umol / u.cm2 / u.second, D=D * u.um2 / u.ms, depth=0.5 * u.um
        )
        net = bs.Network()
        net.C = bs.cells.MultiCompartment(count, cable, compartments=N, pools=dict(Ca=pool))
        mode = np.cos(3 * np.pi * (np.arange(N) + 0.5) / N)
        net.C.Ca.concentration = np.repeat(1e-4 * (1 + 0.5 * mode), count) * u.mM
        bs.simulate(net, steps * dt * u.ms, dt=dt * u.ms)
        rate = D * 2 * (1 - np.cos(3 * np.pi / N)) / (100 / N) ** 2
        found = np.asarray(net.C.Ca.concentration.to_decimal(u.mM)).reshape(N, count)
        expected = 1e-4 * (1 + 0.5 * mode / (1 + rate * dt) ** steps)
        np.testing.assert_allclose(found, np.repeat(expected[:, None], count, 1), rtol=1e-9)


def test_current_enters_and_channels_see_it():
    """What enters is the charge over 2 F, over the depth; the Nernst potential is that of what is free."""
    with jax.enable_x64(True):
        leak = channels.CaL_MH1992(E=100 * u.mV, g_max=0.5 * u.mS / u.cm2)
        pool = channels.BufferedCalcium(J_max=0 * u.umol / u.cm2 / u.second)
        cell = bs.neurons.ConductanceBased(
            1, channels=dict(ca=leak), pools=dict(Ca=pool), V=-20 * u.mV, g_L=0 * u.mS / u.cm2
        )
        net = bs.Network()
        net.E = cell
        total = lambda: float((cell.Ca.concentration + cell.Ca.buffered)[0].to_decimal(u.mM))
        before = total()
        rec = bs.simulate(net, 2 * u.ms, dt=0.005 * u.ms, record=["E.V"])
        charge = 1.0 * (rec["E.V"].to_decimal(u.mV)[-1, 0] + 20)  # uF/cm2 mV = nC/cm2
        np.testing.assert_allclose(total() - before, charge * 1e-9 / (2 * 96485.33 * 0.25e-4) * 1e6, rtol=1e-2)
        np.testing.assert_allclose(
            float(cell.Ca.reversal(1e-4 * u.mM).to_decimal(u.mV)), 13.32 * np.log(2e4), rtol=1e-3
        )


def test_what_is_refused():
    with pytest.raises(ValueError, match="from 2 to 50"):
        channels.radial_calcium(1)
    with pytest.raises(ValueError, match=r"Ca.D lets it diffuse along the cell, and the cells here are points"):
        point(channels.BufferedCalcium(D=0.2 * u.um2 / u.ms))
    with pytest.raises(ValueError, match="stands everywhere"):
        pools = dict(Ca=channels.BufferedCalcium(D_B=0.2 * u.um2 / u.ms).on("soma"))
        bs.cells.MultiCompartment(1, bs.cells.ball_and_stick(), pools=pools)
    with pytest.raises(ValueError, match="positive"):
        point(channels.BufferedCalcium(K_pump=-1 * u.mM))
