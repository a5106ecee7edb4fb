"""Compile the loop of a run with registers that suit it, and so that each population's variables are advanced in one pass.

XLA's CPU compiler writes one loop per variable unless its option for multi-output fusion is on. With it membranes
whose step is plain arithmetic advance 1.3 to 2 times faster, but reverse-mode derivatives of scans several times
slower, so it cannot be a flag of the process, and ``jax.jit`` takes no such option for one function. Hence this file:
it hands the lowered program to the compiler itself. Where anything on that way has changed in JAX, the program is
compiled by JAX's own way, with one warning.
"""

from __future__ import annotations

import functools
import os
import re
import time
import warnings
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray

from brainsim.simulation import one_loop

OPTION, WIDTH = "xla_cpu_use_multi_output_fusion", "xla_cpu_prefer_vector_width"
# Of LLVM: how many pairs of arrays a loop may compare when it begins, to know that they are apart; every number counts as one
CHECKS = "-vectorize-memory-check-threshold"
NOT_HERE = ("stablehlo.scatter", "callback", "stablehlo.create_token", "stablehlo.after_all")
# Functions of which XLA's compiler has no form for the widest registers: it may take them apart, one number after the other
NARROW = re.compile(
    r"\b(?:chlo\.erf_inv|(?:chlo|stablehlo)\.tan|stablehlo\.(?:sine|cosine|log_plus_one))\b.*tensor<\d+x"
    r"|\bstablehlo\.(?:log|power)\b.*tensor<(?:\d+x)+f64"
)
# Fields of CompileOptionsProto, ExecutableBuildOptionsProto and DebugOptions, unchanged since 2023.
_BUILD_OPTIONS, _DEBUG_OPTIONS, _EXTRA_OPTIONS, _VECTOR_WIDTH = 3, 3, 500, 308


def options(lowered, device) -> dict[str, str | bool] | None:
    """Options of the compiler for a lowered program on a device: registers as wide as serves it, unless ``XLA_FLAGS`` says how wide."""
    if device.platform != "cpu" or WIDTH in os.environ.get("XLA_FLAGS", ""):
        return None
    return {WIDTH: str(width(lowered.as_text()))}


def width(program: str) -> int:
    """Bits of the registers that serve a program: the widest there are, or half of that.

    XLA keeps to half of the 64 bytes that AVX-512 has, for early processors that slowed down; exponentials of gates take 1.3
    times as long then. Some functions take two to four times as long in the widest: inverse error functions, which make
    normal numbers of uniform ones, sines of arrays, and logarithms and powers in float64.
    """
    return 256 if NARROW.search(program) else 512


def load(lowered, device) -> Callable | None:
    """A function from the flat arguments of a lowered program to its flat results, compiled for one device.

    None where ``lowered.compile()`` is right: on other devices than CPUs; for a program with callbacks into Python or with
    typed random keys, as dropout has, which need the care of JAX; for two scatters with the same indices, which abort the pass
    (jaxlib 0.10.2); where ``XLA_FLAGS`` has extra options of its own; and with ``BRAINSIM_FUSION=0``.
    """
    if device.platform != "cpu" or os.environ.get("BRAINSIM_FUSION", "1") == "0":
        return None
    if "xla_backend_extra_options" in os.environ.get("XLA_FLAGS", ""):
        return None
    arrays = jax.tree.leaves((lowered.in_avals, lowered.out_info))
    if any(jnp.issubdtype(array.dtype, jax.dtypes.extended) for array in arrays):
        return None
    text = lowered.as_text()
    if any(word in text for word in NOT_HERE):
        return None
    try:
        return _load(lowered, device, width(text))
    except Exception as error:  # private parts of JAX: whatever has changed there, its own way is right
        _warn_once(f"{type(error).__name__}: {error}")
        return None


@functools.cache
def _warn_once(reason: str) -> None:
    warnings.warn(
        f"brainsim.simulation: this version of JAX ({jax.__version__}) does not compile membranes of plain arithmetic in"
        f" one pass ({reason.splitlines()[0]}), so they run up to twice slower; results are the same. Set"
        " BRAINSIM_FUSION=0 to silence this warning.",
        RuntimeWarning,
        stacklevel=2,
    )


def _load(lowered, device, bits: int) -> Callable:
    from jaxlib import _jax  # type: ignore  # it is compiled

    program, place = _compiled(_jax, lowered, [device], True, bits), jax.sharding.SingleDeviceSharding(device)
    types = [ShapedArray(array.shape, array.dtype) for array in jax.tree.leaves(lowered.out_info)]
    # To ask each result for its place takes as long as to make it
    made = [_jax.array_result_handler(kind, place, committed=True, _skip_checks=True) for kind in types]

    def execute(leaves):
        return program.execute_sharded(leaves).consume_with_handlers(made)

    return execute


def load_replicas(lowered, devices: Sequence, one_pass: bool) -> Callable:
    """A function from the flat arguments of a lowered program, on all devices, to the flat results, of each device one,
    compiled for devices that run the same program, each with arrays of its own.

    Parameters
    ----------
    lowered : jax.stages.Lowered
        Of the program of one device.
    devices : sequence of jax.Device
    one_pass : bool
        Whether variables are best advanced in one pass.
    """
    from jaxlib import _jax  # type: ignore  # it is compiled

    program = _compiled(_jax, lowered, devices, one_pass, width(lowered.as_text()))

    def execute(leaves):
        return program.execute_sharded(leaves).disassemble_into_single_device_arrays()

    return execute


def _compiled(_jax, lowered, devices, one_pass: bool, bits: int):
    options = _jax.CompileOptions()
    more = {OPTION: ""} | ({CHECKS: "1000"} if one_loop.SERVES else {}) if one_pass else {}
    fusion = b"".join(
        _field(_EXTRA_OPTIONS, _field(1, name.encode()) + _field(2, value.encode())) for name, value in more.items()
    )
    said = devices[0].platform == "cpu" and (one_pass or WIDTH not in os.environ.get("XLA_FLAGS", ""))
    registers = _varint(_VECTOR_WIDTH << 3) + _varint(bits) if said else b""
    extra = _field(_BUILD_OPTIONS, _field(_DEBUG_OPTIONS, fusion + registers))
    options = _jax.CompileOptions.ParseFromString(options.SerializeAsString() + extra)
    options.num_replicas, options.num_partitions = len(devices), 1
    options.device_assignment = _jax.DeviceAssignment.create(np.array([[device.id] for device in devices]))
    module = lowered.compiler_ir("stablehlo")
    if one_pass:
        module = one_loop.with_loops(module)
    started = time.perf_counter()
    program = devices[0].client.compile_and_load(module, _jax.DeviceList(tuple(devices)), options)
    jax.monitoring.record_event_duration_secs(
        "/jax/core/compile/backend_compile_duration", time.perf_counter() - started
    )
    return program


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol buffer; appending one to a message merges it in."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
