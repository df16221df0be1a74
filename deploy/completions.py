"""Completions for bash, zsh and fish, which start no Python: every word that they offer is in them."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.commands import Command, Option, Takes, every

_BASH_WORDS = {
    Takes.FILE: 'compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur"))',
    Takes.INTERFACE: 'COMPREPLY=($(compgen -W "$(ls /sys/class/net)" -- "$cur"))',
    Takes.WORD: "COMPREPLY=()",
}
_BASH = """\
# bash completion of {name}, generated
_{name}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} command={name} word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in
      {commands}) command="{name} $word"; break ;;
    esac
  done
  COMPREPLY=()
  case "$command:$prev" in
{values}
  esac
  case "$command" in
{words}
  esac
}}
complete -F _{name} {name}
"""


def bash(program: Command) -> str:
    values, words = [], []
    for command in every(program):
        for option in command.options:
            if option.takes is not Takes.NOTHING:
                pattern = "|".join(f'"{command.name}:{name}"' for name in option.names)
                values.append(f"    {pattern}) {_bash_value(option)}; return ;;")
        offered = [name for option in command.options for name in option.names]
        offered += [below.word for below in command.commands]
        line = f'COMPREPLY=($(compgen -W "{" ".join(offered)}" -- "$cur"))'
        if any(argument.takes is Takes.FILE for argument in command.arguments):
            line += f"; [[ $cur == -* ]] || {{ {_BASH_WORDS[Takes.FILE]}; }}"
        words.append(f'    "{command.name}") {line} ;;')
    names = "|".join(below.word for below in program.commands) or "''"
    return _BASH.format(name=program.name, commands=names, values="\n".join(values), words="\n".join(words))


def _bash_value(option: Option) -> str:
    if option.takes is Takes.CHOICE:
        return f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$cur"))'
    return _BASH_WORDS[option.takes]


# ---------------------------------------------------------------------------------------------- zsh

_ZSH_VALUES = {Takes.FILE: "_files", Takes.INTERFACE: "_net_interfaces", Takes.WORD: " "}


def zsh(program: Command) -> str:
    lines = [f"#compdef {program.name}", "# generated", ""]
    for command in program.commands:
        lines += _zsh_function(command, f"_{program.name}_{command.word.replace('-', '_')}")
    names = [f"    {_zsh_quote(f'{below.word}:{below.summary}')}" for below in program.commands]
    lines += [f"_{program.name}() {{", "  local -a commands", "  commands=(", *names, "  )"]
    lines += ["  if (( CURRENT > 2 )); then", "    case $words[2] in"]
    for below in program.commands:
        function = f"_{program.name}_{below.word.replace('-', '_')}"
        lines.append(f"      {below.word}) shift words; (( CURRENT-- )); {function}; return ;;")
    lines += ["    esac", "  fi", "  (( CURRENT == 2 )) && _describe command commands"]
    lines += [*_zsh_arguments(program), "}", "", f'_{program.name} "$@"', ""]
    return "\n".join(lines)


def _zsh_function(command: Command, function: str) -> list[str]:
    return [f"{function}() {{", *_zsh_arguments(command), "}", ""]


def _zsh_arguments(command: Command) -> list[str]:
    specs = [spec for option in command.options for spec in _zsh_specs(option)]
    specs += [f":{argument.metavar}:{_ZSH_VALUES[argument.takes]}" for argument in command.arguments]
    return ["  _arguments \\", *(f"    {_zsh_quote(spec)} \\" for spec in specs), "    && return"]


def _zsh_specs(option: Option) -> Iterator[str]:
    text = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    star = "*" if option.multiple else ""
    for name in option.names:
        if option.takes is Takes.NOTHING:
            yield f"{star}{name}[{text}]"
        elif option.takes is Takes.CHOICE:
            yield f"{star}{name}[{text}]:value:({' '.join(option.choices)})"
        else:
            yield f"{star}{name}[{text}]:{option.metavar.strip('[]').replace(':', ' ')}:{_ZSH_VALUES[option.takes]}"


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# ---------------------------------------------------------------------------------------------- fish

_FISH_VALUES = {Takes.FILE: "-r -F", Takes.INTERFACE: "-x -a '(command ls /sys/class/net)'", Takes.WORD: "-x"}


def fish(program: Command) -> str:
    lines = ["# generated"]
    words = " ".join(below.word for below in program.commands)
    for below in program.commands:
        condition = f"'not __fish_seen_subcommand_from {words}'"
        lines.append(f"complete -c {program.name} -n {condition} -f -a {below.word} -d {_fish_quote(below.summary)}")
    for command in every(program):
        own = command is program
        condition = f"not __fish_seen_subcommand_from {words}" if own else f"__fish_seen_subcommand_from {command.word}"
        lines += [f"complete -c {program.name} -n '{condition}' {_fish_option(option)}" for option in command.options]
        if not any(argument.takes is Takes.FILE for argument in command.arguments):
            lines.append(f"complete -c {program.name} -n '{condition}' -f")
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    value = f"-x -a '{' '.join(option.choices)}'" if option.choices else _FISH_VALUES.get(option.takes, "")
    return " ".join(filter(None, [*names, value, f"-d {_fish_quote(option.help)}"]))


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
