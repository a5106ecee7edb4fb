"""What every exported neuron must do; a new one is tested by being exported."""

import brainunit as u
import pytest

from brainsim import neurons
from brainsim.testing.neurons import *  # noqa: F403

# A cell of the same make as another, with other numbers or channels, and one of whose make another has more, is left to the slow
# tests.
ALIKE = ("ReducedTraub", "TraubMiles", "WangBuzsaki", "GLIF2", "GLIF3")
MODELS = [
    pytest.param(getattr(neurons, name), marks=[pytest.mark.slow] if name in ALIKE else [])
    for name in neurons.__all__
    # These are to be completed
    if isinstance(kind := getattr(neurons, name), type)
    and issubclass(kind, neurons.Neuron)
    and name not in ("Neuron", "ConductanceBased")
]
VALUES = {
    # The COBA-HH and CA3 cells fire on their own; they rest with their leak 5 mV lower.
    "TraubMiles": dict(E_L=-65.0 * u.mV, V=-65.0 * u.mV),
    "PinskyRinzel": dict(E_L=-65.0 * u.mV, V=-64.6 * u.mV, V_d=-64.6 * u.mV),
    # Slow cells, made fast enough to fire within these tests: ten and five times.
    # Nearer to its window of firing
    "MorrisLecar": dict(C=2.0 * u.uF / u.cm2, phi=0.4 / u.ms, E_L=-40.0 * u.mV, V=-44.03 * u.mV),
    "FitzHughNagumo": dict(tau_V=0.2 * u.ms, tau_w=2.5 * u.ms),
}
