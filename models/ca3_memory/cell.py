"""The pyramidal cell of CA3 in two compartments, and its regimes: silence, bursts, doublets, tonic spikes.

The soma has the currents of the spike, the dendrite calcium and the potassium currents that calcium opens
(:class:`brainsim.neurons.PinskyRinzel`). A somatic spike calls up a calcium spike of the dendrite, whose current comes
back to the soma: the two play ping-pong for 20 ms, then the slow potassium current ends the burst and sets the interval
to the next. Bursting needs a coupling between: isolated from the dendrite the soma fires tonically, and merged with it
both make single broad spikes. Between doublets and tonic spikes, at 2.4 to 2.5 uA/cm2, both are stable, and rounding
decides which of them is found.

    brainsim run models/ca3_memory/cell.py --plot cell.png
    python -m models.ca3_memory.cell

References
----------
P. F. Pinsky, J. Rinzel, J. Comput. Neurosci. 1:39 (1994), erratum 2:275 (1995).
"""

from __future__ import annotations

from typing import NamedTuple

import brainunit as u
import numpy as np

import brainsim as bs

DT = 0.025 * u.ms
DURATION = 2.0 * u.second
RECORD = ["cell.spikes", "cell.V", "cell.V_d"]
CURRENT, CONDUCTANCE = u.uA / u.cm2, u.mS / u.cm2
# Soma silent, bursting (sparse and canonical), doublets, tonic.
CURRENTS = (-0.5, 0.5, 0.75, 2.0, 2.5)


def build(
    seed: int = 0, *, I=CURRENTS * CURRENT, I_d=0.0 * CURRENT, g_c=2.1 * CONDUCTANCE, method: str = "rk4"
) -> bs.Network:
    """Cells, each with its own current; they are not connected.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    I, I_d : quantity, current per area, () or (n,)
        Into soma and dendrite, per area of the whole cell.
    g_c : quantity, conductance per area, () or (n,)
        Coupling of the compartments.
    method : str
        Integrator; ``"rk4"`` gives the same tables at 0.01 to 0.025 ms.

    Returns
    -------
    Network
        With the population ``cell``.
    """
    n = max(np.size(u.get_mantissa(value)) for value in (I, I_d, g_c))
    net = bs.Network(seed=seed)
    rest = dict(V=-64.6 * u.mV, V_d=-64.5 * u.mV, h=0.999, n=0.001, s=0.009, c=0.007, q=0.01, Ca=0.2)  # at I = -0.5
    net.cell = bs.neurons.PinskyRinzel(n, g_c=g_c, method=method, **rest)
    net.cell.add_stimuli(soma=bs.stimuli.Constant(I), dendrite=bs.stimuli.Constant(I_d, into="I_d"))
    return net


class Regime(NamedTuple):
    """How cells fire: per second, the events that begin after 25 ms of silence and the spikes, and whether the dendrite
    has calcium spikes.
    """

    events: np.ndarray
    spikes: np.ndarray
    calcium: np.ndarray

    @property
    def per_event(self) -> np.ndarray:
        """Spikes in an event."""
        return self.spikes / np.maximum(self.events, 1e-12)


def somatic_spikes(V: np.ndarray, times: np.ndarray, high: float = -30.0, low: float = -45.0) -> np.ndarray:
    """Times at which V (mV) rises above ``high``, of those before which it has been below ``low``."""
    spikes, armed = [], True
    for t, before, now in zip(times[1:], V[:-1], V[1:]):
        if armed and before <= high < now:
            spikes.append(t)
            armed = False
        armed = armed or now < low
    return np.array(spikes)


def beginnings(spikes: np.ndarray, silence: float = 25.0) -> np.ndarray:
    """Those of sorted spike times (ms) that follow ``silence``: where events begin."""
    return spikes[np.diff(spikes, prepend=-np.inf) > silence]


def regimes(duration=4.0 * u.second, settle=2.0 * u.second, dt=DT, **options) -> Regime:
    """Firing of the cells of ``build(**options)`` over ``duration``, after ``settle``."""
    net = build(**options)
    bs.simulate(net, settle, dt=dt, progress=False)
    rec = bs.simulate(net, duration, dt=dt, record=["cell.V", "cell.V_d"], sample_every=0.1 * u.ms, progress=False)
    soma, dendrite, times = (np.asarray(x) for x in (rec["cell.V"] / u.mV, rec["cell.V_d"] / u.mV, rec.times / u.ms))
    seconds = float(duration / u.second)
    spikes = [somatic_spikes(V, times) for V in soma.T]
    per_second = lambda trains: np.array([len(train) for train in trains]) / seconds
    return Regime(per_second(map(beginnings, spikes)), per_second(spikes), dendrite.max(0) > -10.0)


def fI_curve(currents=np.arange(-0.5, 3.01, 0.25), **options) -> tuple[np.ndarray, Regime]:
    """Firing by somatic current, in uA/cm2."""
    return np.asarray(currents), regimes(I=np.asarray(currents) * CURRENT, **options)


def experiment(**options) -> tuple[np.ndarray, Regime]:
    """:func:`fI_curve` with ``options``."""
    return fI_curve(**options)


def main() -> None:
    """Print firing by somatic current, by coupling and by dendritic current."""

    def table(title, names, found):
        print(title)
        for name, events, spikes, calcium in zip(names, *found):
            print(
                f"  {name:6.2f}: {events:6.2f} events/s, {spikes:6.1f} spikes/s{', calcium spikes' if calcium else ''}"
            )

    table("I (uA/cm2)", *fI_curve())
    couplings = np.array([0.0, 0.5, 1.0, 1.5, 2.1, 3.0, 5.0, 10.0, 20.0, 50.0])
    table("g_c (mS/cm2) at I = 0.75", couplings, regimes(I=np.full(10, 0.75) * CURRENT, g_c=couplings * CONDUCTANCE))
    dendritic = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 6.0, 10.0, 15.0])
    table("I_d (uA/cm2) at I = -0.5", dendritic, regimes(I=np.full(10, -0.5) * CURRENT, I_d=dendritic * CURRENT))


if __name__ == "__main__":
    main()
