"""`dataengine student merge` and `push`: a run's model, to be used without this project."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from dataengine.cli.options import HomeOption
from dataengine.cli.run_lookup import RunHandle, find_run
from dataengine.core.errors import ConfigurationError, InputError
from dataengine.report.model_card import model_card
from dataengine.report.views import RoundView, RunView
from dataengine.wire.trees import fetch_tree

RunArg = Annotated[str, typer.Argument(metavar="RUN", help="The run's name, or the path of its folder.")]
RoundOption = Annotated[str, typer.Option("--round", metavar="best|N", help="Whose checkpoint: the best one's, or N.")]
_TODO = "Check the name, and that HF_TOKEN may write there (HF_ENDPOINT names another hub)"


def merge(
    run: RunArg,
    out: Annotated[Path, typer.Option(help="Folder to write into; it must be empty or not be there.")],
    round_: RoundOption = "best",
    home: HomeOption = Path(),
) -> None:
    """Write full weights, processor and model card of a run's checkpoint; `from_pretrained` and vLLM read them.

    Example: dataengine student merge scenes --round best --out scenes-model
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigurationError("is not empty", where=str(out), todo="Give another folder")
    found = find_run(run, home)
    view = found.view()
    print(_written(found, view, _round_of(view, round_), out, merged=True))


def push(
    run: RunArg,
    to: Annotated[
        str, typer.Option("--to", metavar="ORG/NAME", help="The repository; made (private) if it is not there.")
    ],
    round_: RoundOption = "best",
    merged: Annotated[bool, typer.Option("--merged/--adapter", help="Full weights, or the adapter alone.")] = False,
    home: HomeOption = Path(),
) -> None:
    """Upload a run's checkpoint with its model card to the hub (HF_TOKEN), or to what HF_ENDPOINT names.

    Example: dataengine student push scenes --to my-org/scenes --merged
    """
    if to.count("/") != 1 or not all(to.split("/")):
        raise ConfigurationError(f"{to!r} is no ORG/NAME", where="--to")
    found = find_run(run, home)
    view = found.view()
    chosen = _round_of(view, round_)
    with tempfile.TemporaryDirectory(prefix="dataengine-push-") as folder:
        print(_uploaded(_written(found, view, chosen, Path(folder) / "model", merged=merged), to, view, chosen))


def _round_of(view: RunView, wanted: str) -> RoundView:
    number = view.best_round if wanted == "best" else int(wanted) if wanted.isdecimal() else None
    chosen = next((round_ for round_ in view.rounds if round_.number == number), None)
    if chosen is None or chosen.checkpoint is None:
        known = ", ".join(str(round_.number) for round_ in view.rounds if round_.checkpoint is not None) or "none"
        raise ConfigurationError(
            f"there is no checkpoint of round {wanted!r}", where=view.run, todo=f"There are: {known}"
        )
    return chosen


def _written(found: RunHandle, view: RunView, chosen: RoundView, out: Path, *, merged: bool) -> Path:
    """The folder that is handed over, with its card."""
    checkpoint = chosen.checkpoint
    assert checkpoint is not None
    if not merged and not checkpoint.adapter:
        raise ConfigurationError("the base has no adapter", where=f"round {chosen.number}", todo="Choose --merged")
    with tempfile.TemporaryDirectory(prefix="dataengine-adapter-") as cache:
        adapter = fetch_tree(found.store, checkpoint.adapter, Path(cache)) if checkpoint.adapter else None
        if merged:
            from dataengine.inference.merging import write_merged  # torch
            from dataengine.student.registry import family

            base = Path(checkpoint.base)
            if not base.is_dir():
                raise InputError("the run's base is not on this machine", where=str(base), todo="Put it there")
            write_merged(family(checkpoint.family), base, adapter, out)
        else:
            assert adapter is not None
            shutil.copytree(adapter, out)
    (out / "README.md").write_text(model_card(view, chosen, merged=merged), encoding="utf-8")
    return out


def _uploaded(folder: Path, to: str, view: RunView, chosen: RoundView) -> str:
    from huggingface_hub import HfApi, errors

    api = HfApi()
    try:
        api.create_repo(to, private=True, exist_ok=True)
        done = api.upload_folder(
            repo_id=to, folder_path=folder, commit_message=f"Run {view.run}, round {chosen.number}, by dataengine"
        )
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError, ValueError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"the hub did not take it: {first}", where=to, todo=_TODO) from error
    return str(done.commit_url)
