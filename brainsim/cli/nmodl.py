"""``brainsim nmodl``: an NMODL file as Python."""

from __future__ import annotations

import argparse
from pathlib import Path

from brainsim.cli import UsageError
from brainsim.io import NMODLError, mod_source


def nmodl(options: argparse.Namespace) -> int:
    """Write the source of the class that a file stands for."""
    try:
        source = mod_source(options.file)
    except (NMODLError, FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"brainsim nmodl: {error}") from None
    if options.out is None:
        print(source, end="")
    else:
        Path(options.out).write_text(source, encoding="utf-8")
    return 0
