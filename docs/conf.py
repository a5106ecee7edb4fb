"""Sphinx configuration. `make docs` builds the pages and executes the examples in them."""

import importlib.metadata
import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]
# For the examples' kernels. Compiling in one thread by the older of two ways takes two thirds of the time; see tests/conftest.py.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
quickly = ["--xla_cpu_parallel_codegen_split_count=1"]
quickly += ["--xla_cpu_use_fusion_emitters=false"] * importlib.metadata.version("jaxlib").startswith("0.10.")
os.environ["XLA_FLAGS"] = " ".join([*quickly, os.environ.get("XLA_FLAGS", "")])

import _examples  # noqa: E402
import _gallery  # noqa: E402
import _kernel  # noqa: E402

import brainsim  # noqa: E402
from brainsim import Parameter, State  # noqa: E402

project = "brainsim"
author = "the brainsim authors"
version = release = brainsim.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
extensions += ["sphinx-mathjax-offline"]  # MathJax lies beside the pages: equations show without a network
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = "brainsim"
html_static_path = ["_static"]
html_css_files = ["brainsim.css"]
default_role = "code"
# Words in types, as n in "(n_synapses,)", are looked up as attributes of any class; that some have several homes is no
# fault.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
kernels = tempfile.TemporaryDirectory()
_kernel.begin(Path(kernels.name))  # before anything is computed here

autosummary_generate = True
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_default_options = {"no-value": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("States", "params_style")]
templates_path = ["_templates"]


def skip_declared(app, what, name, obj, skip, options):
    return True if isinstance(obj, Parameter | State) else None


def tidy(app, what, name, obj, options, lines):
    """What Sphinx would misread: several attributes on one line; initials of an author as the letter of a list."""
    new = []
    for k, line in enumerate(lines):
        several = re.match(r"(\w+(?:, \w+)+) : (.*)", line)
        if several and "Attributes" in lines[:k]:
            text = [follower for follower in lines[k + 1 : k + 2] if follower.startswith("    ")]
            for attribute in several[1].split(", ")[:-1]:
                new += [f"{attribute} : {several[2]}", *text]
            line = f"{several[1].split(', ')[-1]} : {several[2]}"
        new.append(re.sub(r"^(\s*[A-Z])\. ", r"\1\\. ", line))
    lines[:] = new


def sidebar(app, pagename, templatename, context, doctree):
    """It opens the chapter of its page; of the reference no more than the name, as 700 names on each of 700 pages take minutes."""
    if whole := context.get("toctree"):
        levels = 1 if pagename.startswith("api/") else -1
        context["toctree"] = lambda **options: whole(**options | {"collapse": True, "maxdepth": levels})


def setup(app):
    app.connect("builder-inited", lambda app: _gallery.make(HERE / "gallery"))
    app.connect("builder-inited", lambda app: _examples.make(HERE / "examples"))
    app.connect("html-page-context", sidebar, priority=100)  # before the theme reads it
    app.connect("autodoc-process-docstring", tidy, priority=100)
    app.connect("autodoc-skip-member", skip_declared)
