"""Build the documentation site: `python -m docs.build_site [--quiet]`. Nothing is fetched.

Pages are laid out below `.site/pages` first, because links of a page that is read in the repository lead out of
`docs/`. A link to what the site shows becomes one to that page, a link to any other file of the repository becomes its
name. What ends the build with exit code 1: a link to what is not there, a page that the navigation leaves out, and
whatever Zensical warns of.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = ROOT / ".site"
PAGES = SITE / "pages"
HTML = SITE / "html"
BESIDE = {"ARCHITECTURE.md": "architecture.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the repository that are pages too; and the README of each example and service, see `pages`."""
COMMANDS = "reference/commands.md"
DECISIONS = "decisions.md"
_LINK = re.compile(r"`[^`]*`|(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_TITLED_FENCE = re.compile(r"^```(\w+) (\S+)$")
_ELSEWHERE = ("http://", "https://", "mailto:", "#")


def main(quiet: bool) -> int:
    """Lay out, build, and say where it lies; problems go to stderr."""
    shutil.rmtree(PAGES, ignore_errors=True)
    problems = [*lay_out(), *unlisted()]
    if not problems:
        problems = built(quiet)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems and not quiet:
        print(HTML / "index.html")
    return 1 if problems else 0


def pages() -> dict[Path, str]:
    """Every file that the site shows, and its name there."""
    shown = {path: path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*")) if _shown(path)}
    shown |= {ROOT / name: page for name, page in BESIDE.items()}
    for folder in ("examples", "services"):
        shown |= {path: f"{folder}/{path.parent.name}.md" for path in sorted((ROOT / folder).glob("*/README.md"))}
    return shown


def _shown(path: Path) -> bool:
    return path.is_file() and path.suffix in {".md", ".png", ".svg", ".css"}


def lay_out() -> list[str]:
    """Write every page; what is wrong with their links."""
    shown, problems = pages(), list[str]()
    for path, page in shown.items():
        out = PAGES / page
        out.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            out.write_text("\n".join(_lines(path, page, shown, problems)) + "\n")
        else:
            shutil.copyfile(path, out)
    list(
        _lines(ROOT / "README.md", "index.md", shown, problems)
    )  # no page of the site, but its links must lead somewhere
    (PAGES / COMMANDS).write_text(commands())
    (PAGES / DECISIONS).write_text(decisions(shown))
    return problems


def _lines(path: Path, page: str, shown: Mapping[Path, str], problems: list[str]) -> Iterator[str]:
    """The page's lines with links as the site has them; nothing inside a fence is a link."""
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            yield _TITLED_FENCE.sub(r'``` { .\1 title="\2" }', line)
        elif fenced:
            yield line
        else:
            where = f"{path.relative_to(ROOT)}:{number}"
            yield _LINK.sub(lambda match: _link(match, path, page, shown, where, problems), line)  # noqa: B023


def _link(
    match: re.Match[str], path: Path, page: str, shown: Mapping[Path, str], where: str, problems: list[str]
) -> str:
    image, text, target = match.groups()
    if target is None or target.startswith(_ELSEWHERE):  # None: code, in which nothing is a link
        return match.group()
    name, _, anchor = target.partition("#")
    file = Path(os.path.normpath(path.parent / name))
    there = DECISIONS if file == DOCS / "decisions" else shown.get(file) or shown.get(file / "README.md")
    if there is not None:
        relative = os.path.relpath(PAGES / there, (PAGES / page).parent)
        return f"{image}[{text}]({relative}{'#' + anchor if anchor else ''})"
    if not file.exists():
        problems.append(f"{where}: links to {target}, which is not there")
    return text if "`" in text else f"`{text}`"


def unlisted() -> list[str]:
    """Pages that the navigation does not lead to. Decisions are listed by their own page."""
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    listed = set(_entries(configuration["nav"]))
    written = {path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md")}
    missing = sorted(page for page in written - listed if not page.startswith("decisions/"))
    return [f"mkdocs.yml: the navigation leaves out {page}" for page in missing]


def _entries(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _entries(entry)


def decisions(shown: Mapping[Path, str]) -> str:
    """A page that lists the decisions by their titles."""
    rows = [
        f"- [{path.read_text().splitlines()[0].lstrip('# ')}]({page})"
        for path, page in sorted(shown.items())
        if page.startswith("decisions/")
    ]
    return "# Decisions\n\nChoices that somebody could question, each with its reasons.\n\n" + "\n".join(rows) + "\n"


def commands() -> str:
    """A page with every command's help."""
    from dataengine.cli.main import app

    lines = ["# Commands and options", "", "What `--help` says. By task: [Commands](../commands.md).", ""]
    for name, command in _leaves("dataengine", typer.main.get_command(app)):
        lines += [f"## `{name}`", "", *_help(command), "", "| option | default | meaning |", "|---|---|---|"]
        lines += [_row(parameter) for parameter in command.params if parameter.name != "help"] + [""]
    return "\n".join(lines)


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        yield name, command
        return
    for part in command.list_commands(None):
        child = command.get_command(None, part)
        if not child.hidden:
            yield from _leaves(f"{name} {part}", child)


def _help(command: Any) -> Iterator[str]:
    for line in (command.help or "").splitlines():
        example = line.strip().removeprefix("Example: ")
        yield f"Example: `{example}`" if example != line.strip() else line.strip().replace("<", "&lt;")


def _row(parameter: Any) -> str:
    option = parameter.param_type_name == "option"
    names = parameter.opts if option else [parameter.metavar or parameter.name.upper()]
    default = parameter.default
    told = "" if default in (None, False) or callable(default) else f"`{default}`"
    meaning = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    shown = ", ".join(f"`{name}`" for name in names)
    return f"| {shown} | {'**required**' if parameter.required else told} | {meaning} |"


def built(quiet: bool) -> list[str]:
    """Have Zensical build the site; what it says if it will not."""
    shutil.copyfile(ROOT / "mkdocs.yml", SITE / "mkdocs.yml")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    done = subprocess.run(command, cwd=SITE, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    if not quiet:
        print(done.stdout, end="")
    said = done.stderr.partition("Traceback (most recent call last)")[0]  # of a strict build's end
    return [] if done.returncode == 0 else [done.stdout + said]


if __name__ == "__main__":
    sys.exit(main("--quiet" in sys.argv[1:]))
