r"""NCAP: a controller of the swimmer whose architecture is the circuit of the ventral nerve cord of *C. elegans*.

Every joint i has a dorsal and a ventral B-type motor neuron and a muscle on either side. B neurons are driven by the
stretch of the body in front of them, the first ones by a head oscillator; muscles are excited by the B neuron of their
own side and inhibited by that of the other:

.. math::

    b^d_i &= G(w_{prop}\, d_{i-1} + w_{osc}\, o^d\,[i = 0] + w_{speed} (1 - s) + w_{turn}\, right\,[i < n_{turn}]) \\
    m^d_i &= G(w_{ipsi}\, b^d_i + w_{contra}\, b^v_i), \qquad u_i = m^d_i - m^v_i

and the same with dorsal and ventral exchanged (and left for right). :math:`G(z) = \min(\max(z, 0), 1)`; d and v are the
positive and negative part of the joint's angle over its range. The oscillator is dorsal and ventral in turn for 30
control steps each.

All segments share their weights: four numbers swim, six navigate. Their signs are those of the synapses (excitation by
stretch, oscillator and B neurons of the same side, inhibition across), and are enforced by clamping.

References
----------
N. X. Bhattasali, A. M. Zador, T. A. Engel, "Neural circuit architectural priors for embodied control", NeurIPS (2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

PERIOD = 60  # control steps of the oscillator
SIGNS = {"prop": 1, "osc": 1, "ipsi": 1, "contra": -1, "speed": -1, "turn": 1}


@dataclass(frozen=True)
class NCAP:
    """The controller; a variation is a field.

    Parameters
    ----------
    joints : int
        Of the body.
    shared : bool
        One weight of a kind for all segments and both sides, or one for each.
    signed : bool
        Whether weights are clamped to the signs of their synapses.
    oscillator, proprioception : bool
        Whether these parts of the circuit are there.
    commands : bool
        Whether it obeys commands of speed and turning, with the weights ``speed`` and ``turn``.
    period : int
        Of the oscillator, in control steps.
    turning : int
        Number of joints, from the head, that obey commands of turning.
    """

    joints: int = 5
    shared: bool = True
    signed: bool = True
    oscillator: bool = True
    proprioception: bool = True
    commands: bool = False
    period: int = PERIOD
    turning: int = 1

    observes = "angles"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights, by name; a first axis of two is dorsal, ventral."""
        n = self.joints
        each = {
            "prop": (2, n - 1),
            "osc": (2, 1),
            "ipsi": (2, n),
            "contra": (2, n),
            "speed": (2, n),
            "turn": (2, self.turning),
        }
        present = {"prop": self.proprioception, "osc": self.oscillator, "speed": self.commands, "turn": self.commands}
        return {name: () if self.shared else shape for name, shape in each.items() if present.get(name, True)}

    @property
    def n_parameters(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def constant(self) -> dict:
        """The weights that the authors start from: 1, and -1 where a synapse inhibits."""
        return {name: jnp.full(shape, float(SIGNS[name])) for name, shape in self.shapes.items()}

    def random(self, key) -> dict:
        """Weights between 0 and 1 with the sign of their synapse, or between -1 and 1 where signs are free."""
        keys = jax.random.split(key, len(self.shapes))
        low = 0.0 if self.signed else -1.0
        return {
            name: SIGNS[name] * jax.random.uniform(k, shape, minval=low)
            for k, (name, shape) in zip(keys, self.shapes.items())
        }

    def clamped(self, weights: dict) -> dict:
        """The weights as they act."""
        return (
            {name: SIGNS[name] * jnp.maximum(SIGNS[name] * w, 0.0) for name, w in weights.items()}
            if self.signed
            else weights
        )

    def __call__(self, weights: dict, angles, step, speed=1.0, right=0.0, left=0.0):
        """Motor commands (joints,).

        Parameters
        ----------
        weights : dict
        angles : array (joints,)
            Joint angles over the range of a joint.
        step : int
            Control steps since the beginning.
        speed, right, left : float
            Commands between 0 and 1, where the circuit has them.
        """
        return self.activity(weights, angles, step, speed, right, left)["command"]

    def activity(self, weights: dict, angles, step, speed=1.0, right=0.0, left=0.0) -> dict:
        """Activities of the circuit: ``oscillator`` (2,), ``B`` and ``muscle`` (2, joints), and ``command`` (joints,)."""
        w = self.clamped(weights)
        x = jnp.clip(angles, -1, 1)
        dorsal = (
            jnp.asarray(step % self.period < self.period // 2, x.dtype) if self.oscillator else jnp.zeros((), x.dtype)
        )
        oscillator = jnp.stack([dorsal, 1 - dorsal if self.oscillator else dorsal])
        drive = jnp.zeros((2, self.joints), x.dtype)
        if self.proprioception:
            stretch = jnp.stack([jnp.maximum(x, 0), jnp.maximum(-x, 0)])
            drive = drive.at[:, 1:].add(w["prop"] * stretch[:, :-1])
        if self.oscillator:
            drive = drive.at[:, :1].add(w["osc"] * oscillator[:, None])
        if self.commands:
            drive = drive + w["speed"] * (1 - speed)
            drive = drive.at[:, : self.turning].add(
                w["turn"] * jnp.stack([jnp.asarray(right), jnp.asarray(left)])[:, None]
            )
        b = jnp.clip(drive, 0, 1)
        muscle = jnp.clip(w["ipsi"] * b + w["contra"] * b[::-1], 0, 1)
        return {"oscillator": oscillator, "B": b, "muscle": muscle, "command": muscle[0] - muscle[1]}
