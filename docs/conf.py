"""Sphinx configuration. `make docs` builds the pages and executes the examples in them."""

import inspect
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # for the examples' kernels

import brainsim  # noqa: E402
from brainsim._core import State, _Declared  # noqa: E402

project = "brainsim"
author = "the brainsim authors"
version = release = brainsim.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "brainsim"
default_role = "code"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"no-value": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
templates_path = ["_templates"]


def parameter_table(app, what, name, obj, options, lines):
    """After the docstring of a model: what it declares, with defaults and units, read from the class."""
    declared = getattr(obj, "_declared", None) if inspect.isclass(obj) else None
    if not declared:
        return
    shown = {k: d for k, d in declared.items() if k not in ("spikes", "refractory_steps")}
    if not shown:
        return
    lines += ["", ".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    rows = [("", "name", "default", "unit", "meaning")]
    rows += [("state" if isinstance(d, State) else "parameter", f"``{k}``", *default(d), d.__doc__) for k, d in shown.items()]
    for row in rows:
        lines += [f"   {'*' if k == 0 else ' '} - {cell}" for k, cell in enumerate(row)]
    lines.append("")


def default(declared):
    value, unit = declared.default, declared.unit
    if callable(value):
        value = "from the others"
    elif value is None:
        value = "none"
    else:
        value = f"{getattr(value, 'mantissa', value):g}" if not isinstance(value, bool) else str(value)
    return value, {"input_unit": "input", "g_unit": "receptor", "weight_unit": "weight"}.get(unit, unit if isinstance(unit, str) else str(unit))


def skip_declared(app, what, name, obj, skip, options):
    return True if isinstance(obj, _Declared) else None


def setup(app):
    app.connect("autodoc-process-docstring", parameter_table, priority=900)
    app.connect("autodoc-skip-member", skip_declared)
