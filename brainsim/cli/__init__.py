"""The command ``brainsim``: run a model file, once or over a grid, list models, say what is installed.

Nothing heavy is imported here: a mistyped flag is refused before JAX starts.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version

from brainsim._errors import suggestion


class UsageError(Exception):
    """What the user typed cannot be used; shown as one line."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest accepted flag."""

    def __init__(self, **options):
        super().__init__(**options, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)

    def flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]

    def error(self, message):
        raise UsageError(f"{self.prog}: {message}")


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(prog="brainsim", description="Simulate spiking circuits.")
    parser.add_argument("--version", action="version", version=f"brainsim {version('brainsim')}")
    commands = parser.add_subparsers(dest="command", metavar="{run,sweep,models,info,nmodl,new,completion}")

    run = commands.add_parser(
        "run",
        help="build and simulate the network of a model file",
        description=(
            "Build the network of a model file and simulate it.\n\n"
            "A model file is Python with a function build(seed=0, ...) that returns a Network, and optional constants\n"
            "RECORD (list of paths), DURATION, DT and PRECISION (float64 or float32); a function inputs(seed=0) gives\n"
            "what simulate() is to feed in, arrays of one row per step by path. A build() that takes mesh= gets the devices of\n"
            "--devices and --distributed, for Network(mesh=...): each process then builds its part."
        ),
        epilog=(
            "example:\n  brainsim run models/coba_lif.py --duration 1s --set E.tau=18ms --set 'E->I.weight=5nS' \\\n"
            "      --record E.spikes --record 'E.V[:5]' --plot out.png"
        ),
    )
    _add_model(run)
    run.add_argument("--plot", metavar="FILE", help="write a figure of the recording (.png, .pdf, .svg)")
    run.add_argument("--save", metavar="FILE", help="write the recording (HDF5)")
    run.add_argument(
        "--devices", metavar="N", help="divide the network among so many devices; a CPU stands for several"
    )
    run.add_argument(
        "--distributed",
        metavar="HOST:PORT,PROCESSES,NUMBER",
        nargs="?",
        const="",
        help="one of several processes that run the network together: the address of process 0, how many there are, and"
        " which this is; nothing behind it under SLURM or Open MPI",
    )

    sweep = commands.add_parser(
        "sweep",
        help="run a model over a grid of values and seeds",
        description="Build the network of a model file and run it for every combination of values and seeds.",
        epilog=(
            "example:\n  brainsim sweep models/coba_lif.py --duration 1s --vary E.tau=10ms:30ms:5 --seeds 8 --out results.zarr\n\n"
            "The same command goes on where an earlier one stopped."
        ),
    )
    _add_model(sweep)
    sweep.add_argument(
        "--vary",
        metavar="PATH=VALUES",
        action="append",
        default=[],
        help="FIRST:LAST:NUMBER, such as 10ms:30ms:5, or a list, such as '[10, 20] ms'; repeatable",
    )
    sweep.add_argument("--seeds", metavar="N", help="how many seeds of the noise, or which: 3,5,9")
    sweep.add_argument("--wiring", action="store_true", help="draw wiring and parameters anew for each seed too")
    sweep.add_argument("--out", metavar="FILE.zarr", help="store of the recordings, which the same command fills up")
    sweep.add_argument("--batch-size", metavar="N", help="runs at a time; default: as many as fit into memory")
    sweep.add_argument("--workers", metavar="N", help="processes; default: this one")

    models = commands.add_parser(
        "models", help="list the model files of a folder", description="List the model files of a folder."
    )
    models.add_argument("folder", nargs="?", help="default: models/ of the present folder")

    info = commands.add_parser(
        "info", help="versions, devices, kernels", description="Versions, devices, compiled kernels, precision."
    )

    nmodl = commands.add_parser(
        "nmodl",
        help="the Python class of an NMODL file",
        description="Write the Python source of the class that an NMODL file (.mod) stands for.",
    )
    nmodl.add_argument("file", help="NMODL file")
    nmodl.add_argument("--out", metavar="FILE", help="where to; default: the standard output")

    new = commands.add_parser(
        "new",
        help="a file to start from",
        description="Print a neuron, receptor, stimulus, rule of plasticity or model to start from.",
        epilog="example:\n  brainsim new neuron MyNeuron --out my_neuron.py",
    )
    new.add_argument(
        "kind", help="neuron, receptor, terminal, synapse, channel, mass, stimulus, plasticity, modulator or model"
    )
    new.add_argument("name", help="of the class, or of the model")
    new.add_argument("--out", metavar="FILE", help="where to; default: the standard output")

    completion = commands.add_parser(
        "completion",
        help="completion for a shell",
        description="Print what a shell reads to complete commands and flags.",
        epilog='example:\n  eval "$(brainsim completion bash)"',
    )
    completion.add_argument("shell", help="bash, zsh or fish")
    found = {"run": run, "sweep": sweep, "models": models, "info": info, "nmodl": nmodl, "new": new}
    found["completion"] = completion
    completion.set_defaults(flags={name: one.flags() for name, one in found.items()})
    return parser, found


def _add_model(parser: _Parser) -> None:
    """The flags of what is run, alike for all commands that run a model."""
    parser.add_argument("model", help="model file, or the name of one in models/")
    parser.add_argument(
        "--duration", metavar="TIME", help="biological time, such as 1s or 500ms; default: the model's DURATION"
    )
    parser.add_argument("--dt", metavar="TIME", help="length of a step; default: the model's DT, or 0.1ms")
    parser.add_argument("--seed", metavar="N", help="seed of wiring, initial values and noise")
    parser.add_argument(
        "--arg", metavar="NAME=VALUE", action="append", default=[], help="argument of build(); repeatable"
    )
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], help="parameter or state; repeatable"
    )
    parser.add_argument(
        "--record", metavar="PATH", action="append", help="what to record; default: the model's RECORD, or all spikes"
    )
    parser.add_argument(
        "--sample-every", metavar="TIME", help="interval between samples of what is not spikes; default: every step"
    )
    parser.add_argument(
        "--precision", metavar="KIND", help="float32 or float64; default: the model's PRECISION, or JAX's"
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error comes from")


def _parse(argv) -> argparse.Namespace:
    parser, commands = _parser()
    if not argv:
        parser.print_help()
        raise SystemExit(0)
    if argv[0] not in commands and not argv[0].startswith("-"):
        raise UsageError(f"brainsim: there is no command {argv[0]!r}.{suggestion(argv[0], commands)}")
    options, extra = parser.parse_known_args(argv)
    if extra:
        mine = commands.get(options.command, parser)
        flag = extra[0].partition("=")[0]
        what = "flag" if flag.startswith("-") else "further argument"
        raise UsageError(f"{mine.prog}: there is no {what} {flag!r}.{suggestion(flag, mine.flags())}")
    return options


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 2 for what cannot be used as typed, 1 for a run that failed."""
    try:
        options = _parse(sys.argv[1:] if argv is None else argv)
        if options.command == "models":
            from brainsim.cli.models import list_models as command
        elif options.command == "info":
            from brainsim.cli.info import info as command
        elif options.command == "sweep":
            from brainsim.cli.sweep import sweep as command
        elif options.command == "new":
            from brainsim.cli.new import new as command
        elif options.command == "completion":
            from brainsim.cli.completion import completion as command
        elif options.command == "nmodl":
            from brainsim.cli.nmodl import nmodl as command
        else:
            from brainsim.cli.run import run as command
        status = command(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads has seen enough, as in `brainsim models | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer goes nowhere
        return 128 + 13  # what a shell reports for a program that ends with a broken pipe
    except OSError as error:  # of the output
        print(f"brainsim: {error}", file=sys.stderr)
        return 1
    except UsageError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("brainsim: interrupted.", file=sys.stderr)
        return 130
