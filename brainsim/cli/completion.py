"""``brainsim completion``: what a shell completes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from brainsim._errors import suggestion
from brainsim.cli import UsageError

BASH = """\
_brainsim() {{
    local words="{commands}"
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
    [ "$COMP_CWORD" -eq 1 ] && words="{commands}"
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _brainsim brainsim
"""
SHELLS = ("bash", "fish", "zsh")


def script(shell: str, flags: Mapping[str, list[str]]) -> str:
    """What a shell reads to complete commands and their flags.

    Parameters
    ----------
    shell : str
        ``"bash"``, ``"zsh"`` or ``"fish"``.
    flags : mapping from str to list of str
        Flags of each command.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        For another shell.
    """
    if shell not in SHELLS:
        raise UsageError(f"brainsim completion: there is none for {shell!r}.{suggestion(shell, SHELLS)}")
    if shell == "fish":
        first = "not __fish_seen_subcommand_from " + " ".join(flags)
        lines = [f'complete -c brainsim -n "{first}" -a "{name}"' for name in flags]
        lines += [
            f'complete -c brainsim -n "__fish_seen_subcommand_from {name}" -l {flag.removeprefix("--")}'
            for name, own in flags.items() for flag in own
        ]  # fmt: skip
        return "\n".join(lines) + "\n"
    cases = "\n".join(f'        {name}) words="{" ".join(own)}" ;;' for name, own in flags.items())
    text = BASH.format(commands=" ".join(flags), cases=cases)
    return text if shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{text}"


def completion(options: argparse.Namespace) -> int:
    """Write what a shell reads."""
    print(script(options.shell, options.flags), end="")
    return 0
