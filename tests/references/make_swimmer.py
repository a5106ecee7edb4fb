"""Write swimmer.npz: the swimmer of the DeepMind Control Suite in MuJoCo's own engine (``pip install mujoco``).

The model is written here from its description (links of mass 0.01 and length 0.1, armature 1e-6, gear 5e-4, density
3000, soft limits), started from drawn angles and velocities, and driven by drawn commands over 40 control steps of 15
steps of 2 ms.
"""

from pathlib import Path

import mujoco
import numpy as np


def xml(links):
    limit = 360 / links
    body, tail = "", ""
    for k in range(1, links):
        body += (
            f'<body name="s{k}" pos="0 .1 0"><geom type="box" size=".001 .05 .01" mass=".01"/><joint name="j{k}"'
            f' type="hinge" axis="0 0 1" pos="0 -.05 0" range="{-limit} {limit}" limited="true" armature="1e-6"'
            ' solreflimit=".05 1" solimplimit="0 .8 .1"/>'
        )
        tail += "</body>"
    motors = "".join(f'<motor joint="j{k}" gear="5e-4" ctrllimited="true" ctrlrange="-1 1"/>' for k in range(1, links))
    return f"""<mujoco><compiler angle="degree"/><option timestep="0.002" density="3000" integrator="Euler"><flag contact="disable"/></option>
    <worldbody><body name="head" pos="0 0 0"><geom type="box" size=".001 .05 .01" mass=".01"/>
    <joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/><joint name="yaw" type="hinge" axis="0 0 1"
    pos="0 -.05 0"/>{body}{tail}</body></worldbody><actuator>{motors}</actuator></mujoco>"""


def run(links, steps=40):
    model = mujoco.MjModel.from_xml_string(xml(links))
    data = mujoco.MjData(model)
    rng = np.random.default_rng(links)
    limit = 2 * np.pi / links
    data.qpos[2] = rng.uniform(-np.pi, np.pi)
    data.qpos[3:] = rng.uniform(-limit, limit, links - 1)
    data.qvel[:] = rng.normal(0, 0.1, links + 2)
    qpos, qvel, commands = [data.qpos.copy()], [data.qvel.copy()], []
    held = np.zeros(links - 1)
    for step in range(steps):
        if step % 8 == 0:  # held for long enough to press joints against their limits
            held = rng.uniform(-1.2, 1.2, links - 1)
        commands.append(held)
        data.ctrl[:] = held
        for _ in range(15):
            mujoco.mj_step(model, data)
        qpos.append(data.qpos.copy())
        qvel.append(data.qvel.copy())
    beyond = np.abs(np.array(qpos)[:, 3:]).max() - limit
    print(links, "links; farthest beyond a limit:", beyond, "invweight0", model.dof_invweight0[3:])
    return {"qpos": qpos, "qvel": qvel, "commands": commands, "compliance": model.dof_invweight0[3:]}


if __name__ == "__main__":
    arrays = {f"{name}_{links}": np.array(value) for links in (3, 6, 12) for name, value in run(links).items()}
    np.savez_compressed(Path(__file__).parent / "swimmer.npz", **arrays)
