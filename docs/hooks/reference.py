"""What of the site is made from the code, as Markdown: keys, commands, experiments, metrics."""

from __future__ import annotations

from html import escape
from pathlib import Path

from keys import Key, sections

from mirage import experiments
from mirage.commands.registry import COMMANDS, MULTIRUN, Command, options_of
from mirage.config import Config, SweepConfig
from mirage.config.load import list_experiments
from mirage.metrics.registry import GROUPS


def configuration() -> str:
    """Every key: a section of the configuration each a heading and a table."""
    lines = []
    for section in (*sections(Config), *sections(SweepConfig, "sweep")):
        title = f"`{section.name}`" if section.name else "The run"
        lines += [f"## {title}", "", section.about, ""]
        lines += [*_key_table(section.keys), ""] if section.keys else []
    return "\n".join(lines)


def _key_table(keys: list[Key]) -> list[str]:
    """HTML, in which every key has an anchor, and rows that a narrow screen shows as blocks."""
    rows = [
        f'<tr id="{key.name}"><td><code>{key.name}</code></td>'
        f"<td><code>{escape(key.default)}</code><br><small>{escape(key.type)}</small></td>"
        f"<td>{_in_code(escape(key.meaning))}</td></tr>"
        for key in keys
    ]
    head = "<thead><tr><th>key</th><th>default, type</th><th>meaning</th></tr></thead>"
    return ['<div class="keys"><table>', head, "<tbody>", *rows, "</tbody></table></div>"]


def _in_code(text: str) -> str:
    """What stands in backticks, as code."""
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def commands() -> str:
    """Every command with its keys and an example, as its own help has them."""
    return "\n".join(line for name, command in COMMANDS.items() for line in _command(name, command))


def _command(name: str, command: Command) -> list[str]:
    lines = [f"## `mirage {name}`", "", command.does, "", f"Needs: {command.needs}.", ""]
    lines += ["```bash", command.example, "```", ""]
    words = [*command.described_keys, *[word for word in options_of(name) if word == MULTIRUN[0]]]
    if words:
        lines += ["Takes, beside any key of the [configuration](configuration.md):", ""]
        lines += [f"- `{word}`" for word in words] + [""]
    return lines


def experiment_files() -> str:
    """The files of experiments/, each folded, below the key that names them."""
    folder = Path(str(experiments.__file__)).parent
    lines = []
    for group, names in list_experiments().items():
        lines += [f"## `{group}=NAME`", ""]
        for name, says in names.items():
            text = (folder / group / f"{name}.yaml").read_text()
            lines += [f'??? quote "`{name}`: {says}"', "", "    ```yaml"]
            lines += [f"    {line}" for line in text.splitlines()] + ["    ```", ""]
    return "\n".join(lines)


def metrics() -> str:
    """Every metric: a group each a heading and a table."""
    better, lines = {"up": "more", "down": "less", "none": ""}, []
    for group, members in GROUPS.items():
        lines += [f"## {group[0].upper()}{group[1:]}", ""]
        lines += ["| metric | key | unit, or range | better | needs the truth | meaning |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [
            f"| {one.label} | `{one.name}` | {one.unit or one.bounds} | {better[one.better]} "
            f"| {'yes' if one.needs_truth else ''} | {one.meaning} |"
            for one in members
        ] + [""]
    return "\n".join(lines)


# What of the repository a page links to → what stands there on the site.
GENERATED = {
    "src/mirage/config/": configuration,
    "src/mirage/commands/registry.py": commands,
    "src/mirage/metrics/registry.py": metrics,
    "experiments/": experiment_files,
}
