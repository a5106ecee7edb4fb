"""``brainsim new``: a file to start from."""

from __future__ import annotations

import argparse
import keyword
from pathlib import Path

from brainsim._errors import suggestion
from brainsim.cli import UsageError
from brainsim.cli.templates import HEAD, TEMPLATES


def template(kind: str, name: str) -> str:
    """The text of a file to start from.

    Parameters
    ----------
    kind : str
        ``"neuron"``, ``"receptor"``, ``"terminal"``, ``"synapse"``, ``"channel"``, ``"mass"``, ``"stimulus"``,
        ``"plasticity"``, ``"modulator"`` or ``"model"``.
    name : str
        Of the class, or of the model.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        For another kind, or what cannot be a name.
    """
    if kind not in TEMPLATES:
        raise UsageError(f"brainsim new: there is no template of {kind!r}.{suggestion(kind, TEMPLATES)}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"brainsim new: {name!r} cannot be a name; use letters, digits and underscores.")
    text = TEMPLATES[kind].format(name=name)
    return HEAD.format(more="import jax.numpy as jnp\n" if "jnp." in text else "") + text


def new(options: argparse.Namespace) -> int:
    """Write a template."""
    text = template(options.kind, options.name)
    if options.out is None:
        print(text, end="")
        return 0
    path = Path(options.out)
    if path.exists():
        raise UsageError(f"brainsim new: {path} is there already; give another --out.")
    path.write_text(text, encoding="utf-8")
    return 0
