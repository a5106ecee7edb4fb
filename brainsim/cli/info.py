"""What is installed."""

from __future__ import annotations

import importlib.metadata
import platform


def info(_options) -> int:
    """``brainsim info``."""
    import jax

    import brainsim
    from brainsim import events
    from brainsim.events.cuda import toolkit

    facts = {"brainsim": brainsim.__version__, "python": platform.python_version()}
    facts |= {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "flax", "brainunit")}
    facts["devices"] = ", ".join(str(device) for device in jax.devices())
    compiled = [name for name, there in events.kernels().items() if there]
    facts["kernels"] = ", ".join(compiled) or "none: plain JAX, many times slower on a CPU"
    if any(device.platform == "gpu" for device in jax.devices()):
        facts["on a GPU"] = f"compiled by {toolkit.chosen()}" if toolkit.available() else "none: plain JAX"
    wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    facts["precision"] = "float64" if wide else "float32 (float64 with JAX_ENABLE_X64=1)"
    for name, fact in facts.items():
        print(f"{name:<10} {fact}")
    return 0
