"""``reconsole completion``: what bash, zsh and fish need to complete our words, from the parser itself."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class _Option:
    flags: tuple[str, ...]
    help: str
    takes_value: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Command:
    name: str  # "" for what stands before any command
    help: str
    options: tuple[_Option, ...]
    choices: tuple[str, ...]  # of its first word


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """For one of ``SHELLS``. It is sourced, or put where the shell looks for completions."""
    commands = list(_commands(parser))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


def _commands(parser: argparse.ArgumentParser) -> Iterator[_Command]:
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    names = [choice for group in groups for choice in group._choices_actions]
    yield _Command("", "", tuple(_options(parser)), tuple(str(n.dest) for n in names))
    for group in groups:
        helps = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, sub in group.choices.items():
            words = (a.choices for a in sub._actions if not a.option_strings and a.choices)
            yield _Command(name, helps.get(name, ""), tuple(_options(sub)), tuple(next(words, ())))


def _options(parser: argparse.ArgumentParser) -> Iterator[_Option]:
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            takes = action.nargs != 0
            choices = tuple(map(str, action.choices or ()))
            yield _Option(tuple(action.option_strings), _plain(action), takes, choices)


def _plain(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")


def _bash(commands: list[_Command]) -> str:
    names = "|".join(c.name for c in commands if c.name)
    values, words = [], []
    for command in commands:
        for option in command.options:
            if option.takes_value:
                pattern = "|".join(f"{command.name}:{flag}" for flag in option.flags)
                what = f'-W "{" ".join(option.choices)}"' if option.choices else "-f"
                values.append(f'    {pattern}) COMPREPLY=($(compgen {what} -- "$cur")); return ;;')
        flags = [flag for option in command.options for flag in option.flags]
        words.append(f'    "{command.name}") words="{" ".join([*command.choices, *flags])}" ;;')
    lines = [
        "# bash completion of reconsole: source <(reconsole completion bash)",
        "_reconsole() {",
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= word words=",
        '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        f"    case $word in {names}) command=$word; break ;; esac",
        "  done",
        '  case "$command:$prev" in', *values, "  esac",
        '  case "$command" in', *words, "  esac",
        '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "}",
        "complete -o default -F _reconsole reconsole",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _zsh(commands: list[_Command]) -> str:
    lines = ["#compdef reconsole", "# zsh completion of reconsole: source <(reconsole completion zsh)"]
    for command in commands:
        lines.append(f"_reconsole_{_identifier(command.name)}() {{")
        specs = [_zsh_option(option) for option in command.options]
        if not command.name:
            specs += ["'1: :_reconsole_commands'", "'*:: :_reconsole_arguments'"]
        elif command.choices:
            specs += [f"'1: :({' '.join(command.choices)})'", "'*: :_files'"]
        else:
            specs.append("'*: :_files'")
        lines += ["  _arguments " + " \\\n    ".join(specs), "}"]
    described = " ".join(shlex.quote(f"{c.name}:{c.help}") for c in commands if c.name)
    lines += ["_reconsole_commands() {", f"  local -a found=({described})"]
    lines += ["  _describe command found", "}", "_reconsole_arguments() {", "  case $words[1] in"]
    lines += [f"    {c.name}) _reconsole_{_identifier(c.name)} ;;" for c in commands if c.name]
    lines += ["  esac", "}", "compdef _reconsole_ reconsole"]
    return "\n".join(lines) + "\n"


def _zsh_option(option: _Option) -> str:
    words = option.help.replace("[", "(").replace("]", ")").replace(":", " -").replace("'", "’")
    action = f"({' '.join(option.choices)})" if option.choices else "_files"
    value = f":value:{action}" if option.takes_value else ""
    if len(option.flags) == 1:
        return f"'{option.flags[0]}[{words}]{value}'"
    return f"'({' '.join(option.flags)})'{{{','.join(option.flags)}}}'[{words}]{value}'"


def _fish(commands: list[_Command]) -> str:
    lines = ["# fish completion of reconsole: reconsole completion fish | source"]
    for command in commands:
        seen = f"__fish_seen_subcommand_from {command.name}" if command.name else "__fish_use_subcommand"
        head = f"complete -c reconsole -n {shlex.quote(seen)}"
        if not command.name:
            lines += [
                f"{head} -f -a {other.name} -d {_fish_quote(other.help)}" for other in commands if other.name
            ]
        elif command.choices:
            lines.append(f"{head} -f -a {_fish_quote(' '.join(command.choices))}")
        for option in command.options:
            flags = " ".join(f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in option.flags)
            value = " -r" if option.takes_value else ""
            value += f" -f -a {_fish_quote(' '.join(option.choices))}" if option.choices else ""
            lines.append(f"{head} {flags}{value} -d {_fish_quote(option.help)}")
    return "\n".join(lines) + "\n"


def _fish_quote(words: str) -> str:
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _identifier(name: str) -> str:
    return name.replace("-", "_")
