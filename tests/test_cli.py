"""The command line, called as the shell calls it: what it prints, where, and its exit status."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.cli import main
from brainsim.cli.templates import TEMPLATES
from brainsim.cli.values import parse

MODEL = '''"""A small circuit for the tests.

More about it."""

import brainunit as u

import brainsim as bs

DURATION = 50 * u.ms
RECORD = ["E.spikes", "E.V[:2]"]


def build(seed=0, n: int = 10, tau=20 * u.ms, kind="plain"):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF(n, tau=tau, R=100 * u.Mohm, V=bs.Normal(-55 * u.mV, 5 * u.mV))
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    if kind == "broken":
        raise ValueError("kind: not like this")
    return net
'''


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "small.py").write_text(MODEL)
    (tmp_path / "models" / "helper.py").write_text("x = 1\n")
    return "models/small.py"


def refused(capsys, *argv):
    """The one line on stderr of a command that is refused."""
    assert main(list(argv)) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "Traceback" not in err and "rate" not in out
    return err


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("18ms", 18, u.ms),
        ("18 ms", 18, u.ms),
        ("-65.5mV", -65.5, u.mV),
        ("3e-2nS", 0.03, u.nS),
        (".5Hz", 0.5, u.Hz),
        ("1s", 1, u.second),
        ("2 nS/um", 2, u.nS / u.um),
        ("2uA/cm^2", 2, u.uA / u.cm**2),
        ("[1, 2]mV", [1, 2], u.mV),
        ("[1e3, -2.5] us", [1000, -2.5], u.us),
        ("100Mohm", 100, u.Mohm),
    ],
)
def test_quantities(text, number, unit):
    value = parse(text)
    np.testing.assert_allclose(value.to_decimal(unit), number)


@pytest.mark.parametrize(
    ("text", "value"), [("0.3", 0.3), ("7", 7), ("-2", -2), ("1e3", 1000.0), ("true", True), ("None", None), ("007", 7)]
)
def test_plain_values(text, value):
    assert parse(text) == value and type(parse(text)) is type(value)


def test_lists():
    np.testing.assert_array_equal(parse("[1, 2.5]"), [1, 2.5])
    assert [value.to_decimal(u.ms) for value in parse("[1ms, 0.002s]")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("18mss", "there is no unit 'mss'. Did you mean 'ms'"),
        ("ms", "cannot read 'ms'; accepted: 0.3, 18ms"),
        ("[]", "empty"),
    ],
)
def test_values_that_are_none(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_run(model, capsys, tmp_path):
    flags = ["--duration", "100ms", "--dt", "0.05ms", "--seed", "3", "--set", "E.tau=18ms", "--set", "E->E.weight=5pA"]
    flags += ["--arg", "n=12", "--record", "E.spikes", "--record", "E.V[:5]", "--plot", "out.png", "--save", "out.h5"]
    assert main(["run", model, *flags]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rec = bs.Recording.load(tmp_path / "out.h5")
    assert rec["E.V[:5]"].shape == (2000, 5) and rec.stop == 100 * u.ms
    rate = float(rec.spikes["E"].rate().to_decimal(u.Hz))
    for line in (
        "neurons     12",
        "synapses    144",
        "wall time   building",
        "real time",
        f"rate        E: {rate:.2f} Hz",
    ):
        assert line in out
    assert (tmp_path / "out.png").stat().st_size > 1000

    net = build_by_hand()
    np.testing.assert_array_equal(rec.spikes["E"].steps, net.spikes["E"].steps)


def build_by_hand():
    namespace = {}
    exec(MODEL, namespace)
    net = namespace["build"](seed=3, n=12)
    net.E.tau = 18 * u.ms
    net["E->E"].weight = 5 * u.pA
    return bs.simulate(net, 100 * u.ms, dt=0.05 * u.ms, record="E.spikes")


def test_the_models_own_defaults_and_its_name_alone(model, capsys):
    assert main(["run", "small", "--sample-every", "1ms", "--arg", "kind=other"]) == 0
    assert "(0.05 s)" in capsys.readouterr().out


def test_precision_by_flag_by_model_and_as_jax_is_set(model, capsys, tmp_path):
    def kind(*flags):
        assert main(["run", model, "--duration", "1ms", "--record", "E.V", "--save", "out.h5", *flags]) == 0
        return bs.Recording.load(tmp_path / "out.h5")["E.V"].mantissa.dtype

    assert kind() == np.float64 and kind("--precision", "float32") == np.float32  # the tests are run in float64
    Path(model).write_text(Path(model).read_text() + "\nPRECISION = 'float32'\n")
    assert kind() == np.float32 and kind("--precision", "float64") == np.float64


def test_what_a_model_feeds_in(model, capsys, tmp_path):
    fed = "\nimport numpy as np\ndef inputs(seed=0):\n    return {'E.V': np.full((500, 10), -60.0 - seed) * u.mV}\n"
    Path(model).write_text(Path(model).read_text() + fed)

    def first(*flags):
        assert main(["run", model, "--record", "E.V", "--save", "out.h5", *flags]) == 0
        return bs.Recording.load(tmp_path / "out.h5")["E.V"][0, 0].to_decimal(u.mV)

    assert first() == pytest.approx(-60, abs=0.2) and first("--seed", "2", "--duration", "1ms") == pytest.approx(
        -62, abs=0.2
    )
    assert "inputs['E.V']: expected shape" in refused(capsys, "run", model, "--duration", "1s")
    Path(model).write_text(
        Path(model).read_text().replace("return {'E.V': ", "return (").replace(") * u.mV}", ") * u.mV)")
    )
    assert "inputs() of models/small.py must return a dict of arrays by path, it returned Quantity" in refused(
        capsys, "run", model
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--duraton", "1s"],
            "brainsim run: there is no flag '--duraton'. Did you mean '--duration'? Accepted: --arg, --devices",
        ),
        (["--devices", "many"], "--devices: expected a whole number from 1 on, given 'many'"),
        (["--distributed", "here"], "--distributed: expected HOST:PORT,PROCESSES,NUMBER, such as localhost:9000,2,0"),
        (["--distributed", "here:1,2,2"], "--distributed: processes are numbered from 0 to 1, given 2"),
        (["--distributed", "here:1,2,1", "--devices", "3"], "--devices: 3 devices are not as many in each of 2"),
        (["--distributed", "--devices", "2"], "--devices: with --distributed alone the network is divided among all"),
        (["--duration"], "brainsim run: argument --duration: expected one argument"),
        (["--duration", "1sec"], "--duration: there is no unit 'sec'."),
        (["--duration", "100"], "duration: expected ms, given a number without unit (100)"),
        (["--duration", "1.05ms"], "duration: 1.05 ms is not a multiple of dt = 0.1 ms; nearest: 1 ms"),
        (["--dt", "soon"], "--dt: cannot read 'soon'; accepted: 0.3, 18ms"),
        (["--precision", "double"], "--precision: 'double' is neither float32 nor float64."),
        (["--sample-every", "0.25ms"], "sample_every: 0.25 ms is not a multiple of dt"),
        (["--seed", "1.5"], "--seed: expected an integer, given '1.5'"),
        (["--set", "E.taau=18ms"], "E has no 'taau'. Did you mean 'tau'? Accepted: E_L"),
        (["--set", "F.tau=18ms"], "Network has no 'F'."),
        (["--set", "tau=18ms"], "--set tau: expected PATH.NAME, such as E.tau."),
        (["--set", "E.tau"], "--set: expected NAME=VALUE, given 'E.tau'"),
        (["--set", "E.tau=18mV"], "E.tau: expected ms, given mV"),
        (["--set", "E.tau=18mz"], "--set E.tau: there is no unit 'mz'."),
        (["--set", "E.tau=[1,2]ms"], "E.tau: expected shape () or (10,), given (2,)"),
        (["--set", "E.tau=-1ms"], "E.tau: values must be positive"),
        (["--arg", "m=3"], "build() of models/small.py takes no 'm'."),
        (["--arg", "kind=broken"], "kind: not like this"),
        (["--arg", "n=0"], "LIF: size must be a positive integer"),
        (["--record", "E.W"], "record: the network has no 'E.W'. Did you mean 'E.V'?"),
        (["--record", "E.V[99]"], "selects what does not exist; the variable has 10 elements"),
        (["--plot", "out.pgn"], "--plot: 'out.pgn' ends in no kind of picture. Did you mean 'png'?"),
        (["--plot", "nowhere/out.png"], "--plot: cannot write 'nowhere/out.png'; its folder must exist"),
        (["--save", "nowhere/out.h5"], "--save: cannot write 'nowhere/out.h5'; its folder must exist"),
        (
            ["--save", "models/small.py"],
            "--save: cannot write 'models/small.py'; Recording: models/small.py is another file",
        ),
        (["--save", "/dev/null"], "--save: cannot write '/dev/null'; /dev/null is not a regular file"),
        (["--save", "/proc/out.h5"], "--save: cannot write '/proc/out.h5'; [Errno 2]"),
        (["--save", "models"], "--save: cannot write 'models'; "),
        (["more"], "there is no further argument 'more'."),
    ],
)
def test_what_is_refused_in_one_line(flags, message, model, capsys):
    before = Path(model).read_text()
    assert message in refused(capsys, "run", model, *flags)
    assert Path(model).read_text() == before and sorted(path.name for path in Path().iterdir()) == ["models"]


def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(model, capsys, monkeypatch):
    monkeypatch.setattr(bs, "simulate", lambda *_, **__: pytest.fail("it was simulated"))
    Path("out.h5").write_text("")
    for place in ("/proc/out.h5", "models/small.py"):
        refused(capsys, "run", model, "--save", place)
    Path("other.png").mkdir()
    refused(capsys, "run", model, "--plot", "other.png")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def build(:\n", "line 1: SyntaxError"),
        ("import nonesuch\n", "ModuleNotFoundError: No module named 'nonesuch'"),
        ("raise SystemExit(3)\n", "brainsim run: SystemExit: 3"),
        ("def build():\n    assert False\n", "brainsim run: AssertionError\n"),
        ("def build():\n    return build()\n", "brainsim run: RecursionError: maximum recursion depth exceeded"),
        ("def build():\n    raise RuntimeError('two\\nlines')\n", "brainsim run: RuntimeError: two lines\n"),
        ("class Own(Exception): ...\ndef build():\n    raise Own('my way')\n", "brainsim run: Own: my way\n"),
        ("x = 1\n", "has no function build(seed=0, ...) that returns a Network"),
        ("def build(seed=0):\n    return 3\n", "build() of bad.py must return a Network, it returned int"),
        (
            "import brainsim as bs\ndef build():\n    n = bs.Network()\n    n.E = bs.neurons.LIF(2)\n    return n\n",
            "give --duration",
        ),
    ],
)
def test_model_files_that_cannot_be_run(content, message, model, capsys, tmp_path):
    (tmp_path / "bad.py").write_text(content)
    assert message in refused(capsys, "run", "bad.py")


def test_a_sweep_fills_a_store_and_goes_on(model, capsys):
    """Rates are those of bs.sweep; the same command finds its store."""
    from brainsim.cli.models import load

    command = ["sweep", "small", "--vary", "E.tau=10ms:30ms:3", "--seeds", "2", "--out", "results.zarr"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    expected = bs.sweep(
        load(Path(model), "test").build(), {"E.tau": [10, 20, 30] * u.ms}, 50 * u.ms, record="E.spikes", seeds=[0, 1]
    )
    rates = [float(rec.spikes["E"].rate() / u.Hz) for rec in expected]
    for k, rate in enumerate(rates):
        assert f"E.tau {(10, 20, 30)[k // 2]} ms, seed {k % 2}: E {rate:.2f} Hz\n" in printed
    assert len(set(rates)) > 2
    assert main(command) == 0 and capsys.readouterr().out == printed
    assert bs.Sweep.open("results.zarr")[2, 1]["E.V[:2]"].shape == (500, 2)
    err = refused(capsys, *command[:-1], "results.h5")
    assert "--out: a store is a folder whose name ends in .zarr" in err
    err = refused(capsys, *command[:4], "--vary", "E.R=1Mohm:2Mohm:2", "--out", "results.zarr")
    assert "holds a sweep of other values" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "nothing to vary; give --vary E.tau=10ms:30ms:5, or --seeds 8"),
        (("--vary", "E.tau=10ms:30ms"), "expected FIRST:LAST:NUMBER"),
        (("--vary", "E.tau=10ms:30:3"), "10ms and 30 are no two numbers of one kind"),
        (("--vary", "E.tau=[10, 20] mz"), "there is no unit 'mz'"),
        (("--vary", "E.taau=10ms:30ms:3"), "Did you mean 'E.tau'"),
        (("--vary", "E.tau=-1ms:30ms:3"), "values must be positive"),
        (("--seeds", "1.5"), "expected how many, such as 8, or which"),
        (("--seeds", "2", "--workers", "0"), "--workers: expected a positive integer"),
        (("--wiring", "--vary", "E.tau=10ms:30ms:3"), "--wiring draws the network anew for each seed; give --seeds 8"),
        (("--seed", "2", "--vari", "x"), "brainsim sweep: there is no flag '--vari'. Did you mean '--vary'"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_line(flags, message, model, capsys):
    assert message in refused(capsys, "sweep", model, *flags)


def test_a_traceback_for_those_who_ask(model):
    with pytest.raises(ValueError, match="kind: not like this"):
        main(["run", model, "--arg", "kind=broken", "--traceback"])


def test_commands_and_models_that_do_not_exist(model, capsys):
    assert (
        "there is no command 'rnu'. Did you mean 'run'? Accepted: completion, info, models, new, nmodl, run, sweep."
        in refused(capsys, "rnu")
    )
    assert "there is no model file 'models/smal.py'. Did you mean 'models/small.py'?" in refused(
        capsys, "run", "models/smal.py"
    )
    assert "there is no model file 'smal'. Did you mean 'small'? Accepted: small." in refused(capsys, "run", "smal")
    assert "there is no folder 'modles'" in refused(capsys, "models", "modles")
    assert "the following arguments are required: model" in refused(capsys, "run")


def test_models_are_listed_without_running_them(model, capsys, tmp_path):
    (tmp_path / "models" / "loud.py").write_text('"""Loud."""\nraise SystemExit\ndef build(seed=0, *, size=3): ...\n')
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert (
        out == "loud\n    Loud.\n    build(seed=0, *, size=3)\n"
        "small\n    A small circuit for the tests.\n    build(seed=0, n=10, tau=20 * u.ms, kind='plain')\n"
    )


def test_a_model_of_several_files_stands_in_a_folder(model, capsys, tmp_path):
    folder = tmp_path / "models" / "circuit"
    folder.mkdir()
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "parts.py").write_text("TAU_MS = 10\n")
    (folder / "whole.py").write_text(
        MODEL.replace("import brainsim as bs\n", "import brainsim as bs\nfrom models.circuit import parts\n")
    )
    done = subprocess.run(
        [sys.executable, "-m", "brainsim", "run", "circuit/whole"], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0 and "neurons     10" in done.stdout, done.stderr
    assert main(["models"]) == 0
    assert "\ncircuit/whole\n    A small circuit for the tests.\n" in capsys.readouterr().out


def environment():
    """For a program that is run elsewhere: brainsim is found also where it is not installed."""
    root = str(Path(bs.__file__).resolve().parents[1])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def test_info(capsys):
    import jax

    assert main(["info"]) == 0
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert facts["brainsim"] == bs.__version__ and facts["jax"] == jax.__version__
    assert facts["precision"].startswith("float64")
    compiled = [name for name, there in bs.events.kernels().items() if there]
    assert facts["kernels"] == (", ".join(compiled) or "none: plain JAX, many times slower on a CPU")
    assert facts.keys() == {
        "brainsim",
        "python",
        "jax",
        "jaxlib",
        "flax",
        "brainunit",
        "devices",
        "kernels",
        "precision",
    }


def test_info_where_nothing_is_compiled(capsys, monkeypatch):
    monkeypatch.setattr("brainsim.events._library._loaded", False)
    assert main(["info"]) == 0
    assert "none: plain JAX" in next(x for x in capsys.readouterr().out.splitlines() if x.startswith("kernels"))


def test_from_a_shell(model):
    """The module as a program: stderr and the exit status are those of the function."""
    done = subprocess.run(
        [sys.executable, "-m", "brainsim", "run", model, "--sett", "x"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("brainsim run: there is no flag '--sett'. Did you mean '--set'?")


def test_a_reader_who_has_seen_enough(model):
    """`brainsim models | head -1`, whose reader is gone before the first line."""
    code = "from brainsim.cli import main; import sys; sys.exit(main(['models']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, env=environment())
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, env=environment())
    assert (done.returncode, done.stderr) == (1, b"brainsim: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("kind", sorted(TEMPLATES.keys() - {"model"}))
def test_templates_run_as_they_are(kind, tmp_path, capsys):
    path = tmp_path / "mine.py"
    assert main(["new", kind, "Mine", "--out", str(path)]) == 0
    runpy.run_path(str(path), run_name="__main__")
    assert any(letter.isdigit() for letter in capsys.readouterr().out)
    assert "is there already" in refused(capsys, "new", kind, "Mine", "--out", str(path))


def test_a_new_model_runs_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "circuit.py"
    assert main(["new", "model", "circuit", "--out", str(path)]) == 0
    assert main(["run", str(path), "--duration", "20ms"]) == 0
    assert main(["new", "model", "circuit"]) == 0
    assert capsys.readouterr().out.endswith(path.read_text())


def test_templates_and_completion_that_do_not_exist(capsys):
    assert "there is no template of 'neurone'. Did you mean 'neuron'?" in refused(capsys, "new", "neurone", "X")
    assert "'a b' cannot be a name" in refused(capsys, "new", "neuron", "a b")
    assert "there is none for 'tcsh'" in refused(capsys, "completion", "tcsh")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags(shell, capsys):
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    for word in ("sweep", "vary", "new", "completion", "nmodl"):
        assert word in out
    if shell == "bash" and shutil.which("bash"):
        ask = 'COMP_WORDS=(brainsim sweep --v); COMP_CWORD=2; _brainsim; echo "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", f"{out}\n{ask}"], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["--vary"]


def test_a_build_that_takes_a_mesh_gets_the_devices(model, capsys):
    path = Path(model)
    path.write_text(
        MODEL.replace("seed=0, n", "seed=0, mesh=None, n").replace(
            "seed=seed)", "seed=seed, mesh=mesh)\n    print('built on', mesh)"
        )
    )
    assert main(["run", model, "--devices", "1", "--duration", "1ms"]) == 0
    assert "built on [" in capsys.readouterr().out
