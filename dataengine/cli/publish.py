"""`dataengine publish`: put an event on the bus, and so start an iteration from any of the four topics."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataengine.cli.options import HomeOption, JsonOption
from dataengine.cli.run_backends import bus_of, store_of
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError
from dataengine.core.events import CheckpointReady, DataReady, EvalDone, Event, WeaknessReport
from dataengine.core.ports import Store
from dataengine.embedded import base_checkpoint
from dataengine.hosting.backends import on_servers
from dataengine.runtime.model_hub import with_model
from dataengine.runtime.run_directory import RunDirectory
from dataengine.runtime.runfile import RunFile, read_run_file
from dataengine.wire.documents import AnalysisDoc, EvaluationDoc, PlanDoc
from dataengine.wire.events import encode


class Topic(StrEnum):
    """Where an iteration can be started from."""

    CHECKPOINT_READY = "checkpoint-ready"
    EVAL_DONE = "eval-done"
    WEAKNESS_REPORT = "weakness-report"
    DATA_READY = "data-ready"


def publish(
    topic: Annotated[Topic, typer.Argument(help="The event's topic.")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN.yaml", help="The run file.")],
    round_number: Annotated[int, typer.Option("--round", min=0, help="The event's round; 0 is the base.")] = 0,
    home: HomeOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Put an event on the bus. What it names is taken from the run's artifacts.

    The bus and the store are those that the environment names (DATAENGINE_KAFKA_…, DATAENGINE_S3_…), from any machine
    that reaches them; without any, the run's folder.

    `checkpoint-ready` of round 0 begins a run. The services that turn the run pick the event up; without any,
    `dataengine run RUN.yaml` does. An event that was served before has its outcome told again, not its work repeated.

    Example: dataengine publish checkpoint-ready --run examples/scenes/run.yaml
    """
    loaded = with_model(read_run_file(run))
    store = store_of(home)
    directory = RunDirectory(home, loaded.run)
    if not on_servers():
        directory.make()
    event = event_of(store, loaded, topic, round_number)
    asyncio.run(_send(directory, event))
    if as_json:
        print(json.dumps({"topic": event.topic, "id": event.event_id, "run": event.run, "round": event.round}))
    else:
        print(f"published {event.topic} of round {event.round}, {event.event_id}")


def event_of(store: Store, run: RunFile, topic: Topic, number: int) -> Event:
    """The event of that topic and round, with the artifacts that it names. Raises ConfigurationError for missing ones,
    or if the run was begun with another configuration."""
    keys = RunKeys(run.run)
    config = store.claim(keys.config, run.encode())
    if not run.is_what(store.get(config)):
        raise ConfigurationError(f"the run {run.run!r} was begun with another configuration", where=keys.config)
    if topic is Topic.CHECKPOINT_READY:
        if number == 0:
            store.claim(keys.round(0, "checkpoint.json"), base_checkpoint(run).encode())
        return CheckpointReady(run.run, config, number, _found(store, keys, number, "checkpoint.json"))
    if topic is Topic.EVAL_DONE:
        evaluation = _found(store, keys, number, "evaluation.json")
        return EvalDone(run.run, config, number, EvaluationDoc.load(store, evaluation).checkpoint, evaluation)
    if topic is Topic.WEAKNESS_REPORT:
        analysis = _found(store, keys, number, "analysis.json")
        return WeaknessReport(run.run, config, number, analysis, AnalysisDoc.load(store, analysis).best)
    plan = PlanDoc.load(store, _found(store, keys, number, "plan.json"))
    return DataReady(run.run, config, number, _found(store, keys, number, "dataset.json"), plan.start_from)


def _found(store: Store, keys: RunKeys, number: int, name: str) -> ArtifactRef:
    ref = store.find(keys.round(number, name))
    if ref is None:
        raise ConfigurationError(
            f"round {number} of the run {keys.run!r} has no {name} yet",
            where=keys.round(number, name),
            todo="Publish an earlier event instead",
        )
    return ref


async def _send(directory: RunDirectory, event: Event) -> None:
    async with bus_of(directory) as bus:
        await bus.publish([encode(event, "command")])
