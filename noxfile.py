"""A part of the tests on every supported Python and JAX that is at hand: ``make matrix``; the two ends: ``make ends``."""

import glob
import os
import shutil
import subprocess

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
JAX = ("0.10.0", "0.11.*", "newest")  # the oldest, one between, the newest that there is for the Python
TESTS = (  # what meets the parts of JAX, flax and orbax that change between versions
    "tests/test_package.py",
    "tests/events/test_library.py",
    "tests/simulation/test_function.py",
    "tests/simulation/test_one_pass.py",
    "tests/simulation/test_storage.py",
)
nox.options.sessions = ["matrix"]
nox.options.reuse_existing_virtualenvs = True


def interpreter(version: str) -> str | None:
    """A Python of this version that runs: on the path, or one that pyenv keeps."""
    kept = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions", f"{version}.*")
    found = [shutil.which(f"python{version}"), *sorted(glob.glob(os.path.join(kept, "bin", "python")))]
    for python in filter(None, found):
        asked = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
        said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
        if said.stdout.strip() == version:
            return python
    return None


def run(session: nox.Session, python: str, jax: str) -> None:
    """The tests with one Python and one JAX, in an environment of their own."""
    path = interpreter(python)
    if path is None:
        session.skip(f"Python {python} is not here")
    home = os.path.join(session.create_tmp(), f"{python}-{jax.replace('*', 'x')}")
    session.run(path, "-m", "venv", home, external=True)  # one that was left half-made is made whole
    inside = os.path.join(home, "bin", "python")
    pins = [name if jax == "newest" else f"{name}=={jax}" for name in ("jax", "jaxlib")]
    # The tests import a part of what is installed: the rest need not be compiled to bytecode.
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--upgrade")
    try:
        session.run(inside, *install, *pins, external=True)
    except nox.command.CommandFailed:
        session.skip(f"there is no JAX {jax} for Python {python}")
    kept = {"BRAINSIM_OBJECTS": "kept"}  # compiled kernels are those of the clone
    session.run(inside, *install, ".[test]", "pytest-xdist>=3.6", "hypothesis>=6.100", *pins, external=True, env=kept)
    session.run(inside, "-m", "pip", "list", "--format=freeze", external=True, silent=True)
    session.run(
        inside, "-c", "import jax, sys; print('Python', sys.version.split()[0], 'JAX', jax.__version__)", external=True
    )
    # `python -m pytest` would import the sources in place, and so would the folder that the tests have on their path.
    pytest = os.path.join(home, "bin", "pytest")
    session.run(
        *(pytest, "-q", "--optimised", "-o", "pythonpath=", *TESTS, *session.posargs),
        external=True,
        env={"PYTHONPATH": "", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""},
    )


@nox.session(python=False)
@nox.parametrize("jax", JAX)
@nox.parametrize("python", PYTHONS)
def matrix(session: nox.Session, python: str, jax: str) -> None:
    """Each pair that is at hand."""
    run(session, python, jax)


@nox.session(python=False)
@nox.parametrize("end", ["oldest", "newest"])
def ends(session: nox.Session, end: str) -> None:
    """The oldest Python with the oldest JAX, and the newest that there is with the newest."""
    here = [python for python in PYTHONS if interpreter(python) is not None]
    run(session, *((here[0], JAX[0]) if end == "oldest" else (here[-1], "newest")))
