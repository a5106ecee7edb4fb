"""Driver and compiler: what is compiled, what is kept, and what is said where they are not there."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events
from brainsim.events import _library
from brainsim.events.cuda import toolkit
from brainsim.events.cuda.call import program

PROGRAMS = {
    "deliver.cuh": dict(Real="float", MOST_DELIVERIES=1, MOST_TARGETS=1, HALVES=1),
    "together.cuh": dict(Real="float", MOST_DELIVERIES=8, MOST_TARGETS=8, Spike="bool", MOST_POPULATIONS=2),
    "back.cuh": dict(Real="float"),
    "pass_on.cuh": dict(Real="float"),
    "plasticity.cuh": dict(Real="float"),
    "procedural.cuh": dict(Real="float"),
    "line.cuh": dict(Item="unsigned char"),
    "random.cuh": dict(Mean="float", Item="int"),
    "inputs.cuh": dict(Mean="float", MOST_INPUTS=16),
    "record.cuh": dict(Spike="bool", MOST_POPULATIONS=2),
}
LARGE = dict(Real="float", HALVES=1, MOST_DELIVERIES=64, MOST_TARGETS=64, Spike="bool", MOST_POPULATIONS=32)


def nvrtc():
    return importlib.util.find_spec("nvidia") is not None and next(toolkit.compilers(), "").startswith("/")


@pytest.fixture(scope="module")
def compiler(request):
    """NVRTC, and no driver."""
    if not _library.can_launch() or not nvrtc():
        pytest.skip("NVRTC is not installed, or the kernels are not compiled")
    with pytest.MonkeyPatch.context() as patch:
        folder = request.config.cache.mkdir("nvrtc")
        patch.setattr(toolkit, "cache_folder", lambda: folder)
        assert toolkit.opened(None, next(toolkit.compilers())) == ""
        yield toolkit.compiled_size
    toolkit.opened(None, None)


def test_every_source_is_a_program():
    """What is included by others has no kernels of its own."""
    kernels = {name for name, text in toolkit.sources().items() if "KERNEL(" in text and name != "shim.cuh"}
    assert kernels - set(PROGRAMS) == {"folds.cuh"}


@pytest.mark.parametrize("source", PROGRAMS)
def test_nvrtc_compiles_every_kernel(source, compiler):
    assert compiler(program(source, **PROGRAMS[source]), 90) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [80, 90, 100, 120])
@pytest.mark.parametrize("source", PROGRAMS)
def test_nvrtc_compiles_for_every_architecture(source, architecture, compiler):
    names = PROGRAMS[source]
    for real in ("float", "double"):
        own = {name: real if name in ("Real", "Mean", "Spike") else x for name, x in names.items()}
        assert compiler(program(source, **own), architecture) > 1000


@pytest.mark.slow
def test_many_deliveries_are_one_program(compiler):
    assert compiler(program("together.cuh", **LARGE), 90) > 1000


def test_what_does_not_compile_is_said(compiler):
    with pytest.raises(RuntimeError, match="NVRTC: error 6 for --gpu-architecture=sm_90"):
        compiler("this is no program", 90)


def test_programs_are_kept_on_disk(device, tmp_path, monkeypatch):
    """By text, architecture and compiler; a file that is broken is made anew."""
    library = device._name
    monkeypatch.setattr(toolkit, "cache_folder", lambda: tmp_path)
    text = program("line.cuh", Item="unsigned short")
    try:
        assert toolkit.opened(library, library) == ""
        size = toolkit.compiled_size(text, 90)
        (file,) = tmp_path.iterdir()
        file.write_bytes(file.read_bytes()[:-100])
        toolkit.opened(library, library)
        assert toolkit.compiled_size(text, 90) == size
        written = file.stat().st_mtime_ns
        toolkit.opened(library, library)
        assert toolkit.compiled_size(text, 90) == size and file.stat().st_mtime_ns == written
        toolkit.compiled_size(text, 80)
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        monkeypatch.undo()
        toolkit.opened(library, library)


def deliver():
    conn = events.FixedFanOut(np.array([[0, 1], [1, 2]]), 3)
    return jax.jit(lambda s: events.deliver(conn, s, 1.0, jnp.zeros(3)))


def text_for_a_gpu():
    return deliver().trace(jnp.ones(2, bool)).lower(lowering_platforms=("cuda",)).as_text()


@pytest.fixture
def asked_anew():
    toolkit.available.cache_clear()
    yield
    toolkit.available.cache_clear()


def test_without_a_gpu_kernels_are_lowered(asked_anew):
    assert "brainsim.launch" in text_for_a_gpu()
    with events.served_by("plain"):
        assert "brainsim" not in text_for_a_gpu()


def test_without_a_compiler_plain_jax_serves_with_one_warning(asked_anew, monkeypatch):
    monkeypatch.setattr(toolkit, "_devices", lambda: ["a GPU"])
    monkeypatch.setattr(toolkit, "compilers", lambda: iter(["/nowhere/libnvrtc.so"]))
    with pytest.warns(RuntimeWarning, match=r"NVRTC or the driver .*/nowhere/libnvrtc.so: .*jax\[cuda12\]") as warned:
        assert "brainsim" not in text_for_a_gpu()
        assert "brainsim" not in text_for_a_gpu()
    assert len(warned) == 1


class Gpu:
    local_hardware_id = 0


def test_with_a_gpu_programs_are_loaded_when_they_are_lowered(device, asked_anew, monkeypatch):
    """The first compiler whose programs can be loaded is taken."""
    library = device._name
    monkeypatch.setattr(toolkit, "_devices", lambda: [Gpu()])
    monkeypatch.setattr(toolkit, "DRIVER", library)
    monkeypatch.setattr(toolkit, "compilers", lambda: iter(["/nowhere/libnvrtc.so", library]))
    monkeypatch.setattr(toolkit, "cache_folder", lambda: Path(library).parent)
    assert "brainsim.launch" in text_for_a_gpu()
    assert toolkit.has_large_parameters()
    Gpu.local_hardware_id = 3
    try:
        with pytest.raises(RuntimeError, match=r"could not be loaded on .*: cuDeviceGet: not here \(101\)"):
            toolkit.prepare(*toolkit.TRIAL)
    finally:
        Gpu.local_hardware_id = 0


def test_kernels_that_are_switched_off_are_not_lowered(asked_anew, monkeypatch):
    monkeypatch.setattr(_library, "_loaded", False)
    assert "brainsim" not in text_for_a_gpu()


def test_an_exported_program_says_what_it_calls(asked_anew):
    """It runs where brainsim is imported."""
    check = jax.export.DisabledSafetyCheck.custom_call("brainsim.launch")
    exported = jax.export.export(deliver(), platforms=["cuda"], disabled_checks=[check])(jnp.ones(2, bool))
    assert exported.platforms == ("cuda",) and "brainsim.launch" in exported.mlir_module()


def passes(text: str, ring, spikes, step):
    """A call of the line's kernel, of which nothing was prepared: what it gives back."""
    empty = [(0, 0, 0)] * 4
    entry = [(0, x, 0) for x in (1, 1, 1, 1, 1, 1)]
    slots = [*entry, (1, 0, 0), *empty, (1, 1, 0), *empty, (2, 0, 0), *empty, (1, 2, 0), (0, 2, 0), (0, 3, 0)]
    numbers = [0, 1, 0, 1, 32, 7, 0, 6, 11, 16, 21, 22, 23, len(slots), *np.ravel(slots)]
    call = jax.ffi.ffi_call("brainsim.launch_here", [jax.ShapeDtypeStruct((3,), np.uint8)])
    return call(ring, spikes, step, numbers=np.array(numbers, np.int64), program=text, kernels="pass")[0]


@pytest.mark.parametrize("captured", [False, True])
def test_a_program_that_was_exported_elsewhere_finds_the_libraries(captured, device, monkeypatch):
    """When it is first run, and where XLA captures it, in which time nothing else can be loaded."""
    library = device._name
    monkeypatch.setattr(toolkit, "DRIVER", library)
    monkeypatch.setattr(toolkit, "compilers", lambda: iter([library]))
    toolkit.opened(None, None)
    toolkit.when_needed()
    ring = np.array([[4, 5, 6], [7, 8, 9]], np.uint8)
    try:
        device.device_capturing(int(captured))
        found = passes(toolkit.TRIAL[0], ring, np.ones(3, np.uint8), np.int32(3))
        np.testing.assert_array_equal(found, [7, 8, 9])
        toolkit.opened(None, None)
        with pytest.raises((ValueError, jax.errors.JaxRuntimeError), match="the driver was not found"):
            jax.block_until_ready(passes(toolkit.TRIAL[0], ring, np.ones(3, np.uint8), np.int32(3)))
    finally:
        device.device_capturing(0)
        toolkit.opened(library, library)


@pytest.mark.parametrize("change", ["short", "kernel", "buffer", "slot"])
def test_numbers_of_no_launch_are_refused(change, device):
    """Numbers that do not fit start nothing."""
    spikes, ring = np.ones(3, np.uint8), np.zeros((2, 3), np.uint8)
    operand = [[1, 0, 0], *[[0, 0, 0]] * 4]
    slots = [[0, 1, 0], [0, 0, 0], *[[0, 1, 0]] * 4, *operand]
    numbers = [0, 1, 0, 1, 32, 2, 0, 6, len(slots), *np.ravel(slots)]
    if change == "short":
        numbers = numbers[:-1]
    elif change == "kernel":
        numbers[2] = 5
    elif change == "buffer":
        numbers[:1] = [1, 0, 7]
    else:
        numbers[7] = 99
    call = jax.ffi.ffi_call("brainsim.launch_here", [jax.ShapeDtypeStruct((3,), np.uint8)])
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT: brainsim\.launch: "):
        jax.block_until_ready(
            call(spikes, ring, numbers=np.array(numbers, np.int64), program='#include "shim.cuh"\n', kernels="pass")
        )
