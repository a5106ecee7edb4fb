"""Compile the loop of a run so that each population's variables are advanced in one pass over its neurons.

XLA's CPU compiler writes one loop per variable unless its option for multi-output fusion is on. With it membranes
whose step is plain arithmetic advance 1.3 to 2 times faster, but reverse-mode derivatives of scans several times
slower, so it cannot be a flag of the process, and ``jax.jit`` takes no such option for one function. Hence this file:
it hands the lowered program to the compiler itself. Where anything on that way has changed in JAX, `fused` is
`jax.jit`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import jax
import numpy as np

OPTION = "xla_cpu_use_multi_output_fusion"
# Fields of CompileOptionsProto, ExecutableBuildOptionsProto and DebugOptions, unchanged since 2023.
_BUILD_OPTIONS, _DEBUG_OPTIONS, _EXTRA_OPTIONS, _VECTOR_WIDTH = 3, 3, 500, 308


class Fused:
    """``jax.jit(function, static_argnums=(0, 1))`` for the CPU, compiled with multi-output fusion.

    Parameters
    ----------
    function : callable
        Takes two static arguments and then trees of arrays.
    when : callable
        Told the static arguments; where it says no, and on other devices, this is plain ``jax.jit``.
    """

    def __init__(self, function: Callable, when: Callable):
        self.when = when
        self._jit = jax.jit(function, static_argnums=(0, 1), keep_unused=True)
        self._programs: dict = {}

    def __call__(self, *arguments):
        static, trees = arguments[:2], arguments[2:]
        leaves, structure = jax.tree.flatten(trees)
        leaves = [leaf if isinstance(leaf, jax.Array) else jax.numpy.asarray(leaf) for leaf in leaves]
        devices = set().union(*(leaf.devices() for leaf in leaves))
        key = (
            *static,
            structure,
            tuple((leaf.shape, leaf.dtype) for leaf in leaves),
            frozenset(devices),
            jax.config.jax_enable_x64,
        )
        if key not in self._programs:
            self._programs[key] = self._compile(static, structure.unflatten(leaves), devices)
        return self._programs[key](leaves, structure)

    def _cache_size(self) -> int:
        """Number of compiled programs."""
        return len(self._programs)

    def _compile(self, static, trees, devices):
        def plain(leaves, structure):
            return self._jit(*static, *structure.unflatten(leaves))

        here = len(devices) == 1 and next(iter(devices)).platform == "cpu"
        if not here or not self.when(*static) or "xla_backend_extra_options" in os.environ.get("XLA_FLAGS", ""):
            return plain
        lowered = self._jit.lower(*static, *trees)
        # Two scatters with the same indices abort this pass (jaxlib 0.10.2)
        if "stablehlo.scatter" in lowered.as_text():
            return plain
        try:
            execute = _load(lowered, next(iter(devices)))
        except Exception:  # private parts of JAX: whatever has changed there, jit is right
            return plain
        result = jax.tree.structure(lowered.out_info)
        return lambda leaves, structure: jax.tree.unflatten(result, execute(leaves))


def _load(lowered, device) -> Callable:
    """A function from the flat arguments of a lowered program to its flat results."""
    from jaxlib import _jax

    options = _jax.CompileOptions()
    fusion = _field(_EXTRA_OPTIONS, _field(1, OPTION.encode()) + _field(2, b""))
    width = _varint(_VECTOR_WIDTH << 3) + _varint(512)  # plain arithmetic gains from the widest registers there are
    extra = _field(_BUILD_OPTIONS, _field(_DEBUG_OPTIONS, fusion + width))
    options = _jax.CompileOptions.ParseFromString(options.SerializeAsString() + extra)
    options.num_replicas = options.num_partitions = 1
    options.device_assignment = _jax.DeviceAssignment.create(np.array([[device.id]]))
    module = lowered.compiler_ir("stablehlo")
    started = time.perf_counter()
    program = device.client.compile_and_load(module, _jax.DeviceList((device,)), options)
    jax.monitoring.record_event_duration_secs(
        "/jax/core/compile/backend_compile_duration", time.perf_counter() - started
    )

    def execute(leaves):
        return [shards[0] for shards in program.execute_sharded(leaves).disassemble_into_single_device_arrays()]

    return execute


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol buffer; appending one to a message merges it in."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
