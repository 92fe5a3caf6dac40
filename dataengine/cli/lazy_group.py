"""The commands by name: listed without an import, imported when one of them is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup


class Lazy(NamedTuple):
    """A command: module and name of its function or group below `dataengine.cli`, and its line in the list."""

    module: str
    name: str
    line: str
    hidden: bool = False


_ASIDE = "Events that were set aside with their error."

COMMANDS: Mapping[str, Lazy] = {
    "demo": Lazy("demo", "demo", "Make a small world, and take a real LLaVA through the closed loop on it."),
    "run": Lazy("run", "run", "Turn the closed loop of a run file until it rests."),
    "publish": Lazy("publish", "publish", "Put an event on the bus."),
    "status": Lazy("inspect", "status", "Show where a run is."),
    "history": Lazy("inspect", "history", "Show a run's rounds: scores, decisions with their reasons, weights."),
    "lineage": Lazy("lineage", "lineage", "Follow a sample back to its bad cases, and forth to its checkpoints."),
    "report": Lazy("inspect", "report", "Write the run's report again, and print where it lies."),
    "export": Lazy("inspect", "export", "Write all samples that a run generated, with a dataset card."),
    "gc": Lazy("gc", "gc", "Find what a run left in the store that no manifest names."),
    "experiment": Lazy("experiment", "experiment", "Run arms x seeds at equal budget, and compare them."),
    "doctor": Lazy("doctor", "doctor", "Look at each backend that the environment names."),
    "prepare": Lazy("doctor", "prepare", "Make the topics and the bucket that are not there."),
    "policy": Lazy("policy", "policy", "Print the S3 policy of a service, as JSON."),
    "service": Lazy("service", "service", "Be one of the four services until SIGTERM."),
    "benchmarks": Lazy("benchmarks", "list_benchmarks", "List the benchmarks."),
    "check": Lazy("benchmarks", "check", "Read a benchmark's files, and report what is missing or broken."),
    "score": Lazy("benchmarks", "score", "Score predictions as the benchmark's own tool does."),
    "compare": Lazy("benchmarks", "compare", "Compare two prediction files on the same questions."),
    "classify": Lazy("classify", "classify", "Let a teacher give every question one of gen-1's 18 types."),
    "dead-letters": Lazy("dead_letters", "app", _ASIDE),
    "parked": Lazy("dead_letters", "app", _ASIDE, hidden=True),  # its name before 0.2
    "data": Lazy("data", "app", "What is done once to a data set, before runs use it."),
    "student": Lazy("student", "app", "The model: looked at, and handed over."),
    "prompt": Lazy("prompt", "app", "The words in which the teacher is asked."),
}


class LazyGroup(TyperGroup):
    """All of `COMMANDS`. Only `get_command` imports one."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, in the order of the list."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        found = getattr(import_module(f"dataengine.cli.{lazy.module}"), lazy.name)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
            single.command(cmd_name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name, command.hidden = cmd_name, lazy.hidden
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list, without an import."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.line) for name, lazy in COMMANDS.items() if not lazy.hidden])
