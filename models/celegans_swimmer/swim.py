"""The swimmer as a network: circuit and body step together, and every weight is a parameter.

    brainsim run models/celegans_swimmer/swim.py --plot swim.png
    brainsim run models/celegans_swimmer/swim.py --arg joints=9 --set worm.contra=-0.5
    brainsim run models/celegans_swimmer/swim.py --set worm.right=0.5

The circuit is :class:`~models.celegans_swimmer.ncap.NCAP`, the body :class:`~models.celegans_swimmer.body.Swimmer`; a
step is one of control, 30 ms. :mod:`~models.celegans_swimmer.task` runs the same pair as a pure function, for training.

References
----------
N. X. Bhattasali, A. M. Zador, T. A. Engel, "Neural circuit architectural priors for embodied control", NeurIPS (2022).
"""

from __future__ import annotations

import brainunit as u
import jax
import numpy as np

import brainsim as bs
from models.celegans_swimmer.body import CONTROL_STEP, BodyState, Swimmer
from models.celegans_swimmer.ncap import NCAP

DT = CONTROL_STEP * 1e3 * u.ms
DURATION = 9.0 * u.second
RECORD = ["worm.angle", "worm.B", "worm.muscle", "worm.speed"]


class SwimmingWorm(bs.masses.Mass):
    r"""B-type motor neurons, (2, joints), dorsal and ventral, each with a muscle, in a body that they bend and whose
    stretch they feel.

    One step: the neurons see the joints as they are and the oscillator of this step; neurons, muscles and commands
    follow at once; the body moves for 30 ms under the commands.

    Parameters
    ----------
    size : (2, joints)
        Neurons, from head to tail.
    oscillator, proprioception : bool
        Whether these parts of the circuit are there.
    period : int
        Of the oscillator, in control steps.
    **values
        Parameters and initial states by name.
    """

    prop = bs.Parameter(1.0, "weight of stretch", shape=())
    osc = bs.Parameter(1.0, "weight of the oscillator", shape=())
    ipsi = bs.Parameter(1.0, "weight of B neurons on muscles of their side", shape=())
    contra = bs.Parameter(-1.0, "weight of B neurons on muscles across", shape=())
    slowing = bs.Parameter(-1.0, "weight of the command to slow down", shape=())
    turn = bs.Parameter(1.0, "weight of the commands to turn", shape=())
    pace = bs.Parameter(1.0, "command, 0 (halt) to 1 (full speed)", shape=())
    right = bs.Parameter(0.0, "command, 0 to 1", shape=())
    left = bs.Parameter(0.0, "command, 0 to 1", shape=())

    B = bs.State(0.0, "activity of the B neurons")
    muscle = bs.State(0.0, "activity of the muscles")
    angle = bs.State(0.0, "bend of the joints, over their range", shape="joints")
    speed = bs.State(0.0 * u.meter / u.second, "of the head, forward", shape=())
    nose = bs.State(0.0 * u.meter, "x and y of the nose", shape="plane")
    heading = bs.State(0.0, "of the links, in radians", shape="links")
    nose_velocity = bs.State(0.0 * u.meter / u.second, "of the nose", shape="plane")
    turning = bs.State(0.0 * u.Hz, "of the links, in radians per second", shape="links")

    plane = 2

    def __init__(self, size, *, oscillator=True, proprioception=True, period=NCAP.period, **values):
        _, self.joints = size
        self.links = self.joints + 1
        self.body = Swimmer(self.joints)
        self.circuit = NCAP(
            self.joints, oscillator=oscillator, proprioception=proprioception, commands=True, period=period
        )
        super().__init__(size, **values)

    def prepare(self, step_ms):
        if abs(step_ms - 1e3 * CONTROL_STEP) > 1e-9:
            raise ValueError(
                f"{self.path}: a step is one of control, {1e3 * CONTROL_STEP:g} ms; given dt = {step_ms:g} ms."
            )

    def update(self, clock, drives):
        state = BodyState(*(self.plain(name) for name in BodyState._fields))
        weights = {name: self.plain(name) for name in ("prop", "osc", "ipsi", "contra", "turn")} | {
            "speed": self.plain("slowing")
        }
        commands = (self.plain(name) for name in ("pace", "right", "left"))
        circuit = self.circuit.activity(weights, self._bend(state), clock.step, *commands)
        state = self.body.control_step(state, circuit["command"])
        activity = {name: circuit[name].ravel() for name in ("B", "muscle")}
        for name, value in (
            activity | {"angle": self._bend(state), "speed": self.body.speed(state)} | state._asdict()
        ).items():
            self.put(name, value)

    def _bend(self, state):
        return self.body.angles(state) / self.body.range


def build(
    seed: int = 0, *, joints: int = 5, oscillator: bool = True, proprioception: bool = True, period: int = NCAP.period
) -> bs.Network:
    """A network with one population, ``worm``, at rest in a random posture.

    Parameters
    ----------
    seed : int
        Seed of the posture.
    joints : int
        Of the body.
    oscillator, proprioception : bool
        Whether these parts of the circuit are there.
    period : int
        Of the oscillator, in control steps of 30 ms.

    Returns
    -------
    Network
    """
    start = Swimmer(joints).initial(jax.random.PRNGKey(seed))
    net = bs.Network(seed=seed)
    net.worm = SwimmingWorm(
        (2, joints),
        oscillator=oscillator,
        proprioception=proprioception,
        period=period,
        heading=np.asarray(start.heading),
    )
    return net
