"""A training job packed into the store, for a machine that shares nothing else with this one.

The document names, as artifacts: the base's files, the adapter to go on from, and one tar ball with the records and
their pictures. On the other machine it becomes a folder and the same specification with that folder's paths.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError, InputError
from dataengine.core.identity import canonical_json
from dataengine.core.ports import JobSpec, Store
from dataengine.wire.documents import Document
from dataengine.wire.trees import fetch_tree, put_tree

_RECORDS = "records.jsonl"


class TrainingParcel(Document):
    """`specification` is a `TrainingJob` without the paths that are given here. `base` is empty where the other machine
    has the folder of that name."""

    specification: dict[str, object]
    base: dict[str, ArtifactRef] = Field(default_factory=dict)
    adapter: dict[str, ArtifactRef] = Field(default_factory=dict)
    lesson: ArtifactRef


class TrainingParcels:
    """The `Parcels` of training jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, spec: JobSpec, own: str, shared: str, present: Sequence[Path] = ()) -> ArtifactRef:
        """See `Parcels.pack`. Raises InputError for records or folders that are not there."""
        specification = json.loads(spec.document)
        base, adapter = Path(specification["base"]), specification.get("previous_adapter")
        there = any(base.is_relative_to(folder) for folder in present)
        left_out = {"records", "out", "previous_adapter"}
        parcel = TrainingParcel(
            specification={name: value for name, value in specification.items() if name not in left_out},
            base={} if there else self._put(f"{shared}/base", base),
            adapter=self._put(f"{own}/previous", Path(adapter)) if adapter else {},
            lesson=self._put_lesson(own, Path(specification["records"]), spec.folder / "lesson.tar"),
        )
        return self._store.put(f"{own}/parcel.json", parcel.encode())

    def bring_back(self, spec: JobSpec, files: Mapping[str, ArtifactRef]) -> None:
        """See `Parcels.bring_back`: the specification's folder `out` appears whole."""
        out = Path(json.loads(spec.document)["out"])
        if not out.exists():
            held = fetch_tree(self._store, files, spec.folder / "results")
            held.rename(out)

    def _put(self, prefix: str, folder: Path) -> dict[str, ArtifactRef]:
        if not folder.is_dir():
            raise InputError("there is no such folder of weights", where=str(folder), todo="Check student.base")
        return put_tree(self._store, prefix, folder)

    def _put_lesson(self, own: str, records: Path, ball: Path) -> ArtifactRef:
        try:
            _write_lesson(records, ball)
            return self._store.put_file(f"{own}/lesson.tar", ball)
        except FileNotFoundError as error:
            raise InputError("records or a picture of theirs are gone", where=str(error.filename)) from error
        finally:
            ball.unlink(missing_ok=True)


def _write_lesson(records: Path, ball: Path) -> None:
    """Records and pictures in one tar ball: the same content gives the same bytes."""
    names: dict[str, str] = {}
    lines = []
    with tarfile.open(ball, "w") as tar:
        for line in records.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            picture = record.get("picture")
            if picture and picture not in names:
                names[picture] = f"pictures/{len(names):06d}{Path(picture).suffix}"
                _add(tar, names[picture], Path(picture).read_bytes())
            lines.append(canonical_json({**record, "picture": names.get(picture)}) + b"\n")
        _add(tar, _RECORDS, b"".join(lines))


def open_parcel(store: Store, document: bytes, folder: Path) -> bytes:
    """Unpack a parcel into `folder`; the specification of the job, with paths below `folder`.

    Raises ContractError for a document that is no parcel, and what the store raises.
    """
    try:
        parcel = TrainingParcel.model_validate_json(document)
    except ValidationError as error:
        raise ContractError(f"is no training parcel: {error.errors()[0]['msg']}", where="parcel") from error
    specification = {
        **parcel.specification,
        "records": str(_open_lesson(store.local(parcel.lesson), folder / "lesson")),
        "out": str(folder / "out"),
    }
    if parcel.base:
        specification["base"] = str(fetch_tree(store, parcel.base, folder / "weights"))
    if parcel.adapter:
        specification["previous_adapter"] = str(fetch_tree(store, parcel.adapter, folder / "weights"))
    return canonical_json(specification)


def _open_lesson(ball: Path, folder: Path) -> Path:
    """The records' file; their pictures' paths are made absolute."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(ball) as tar:
        tar.extractall(folder, filter="data")
    records = folder / _RECORDS
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    placed = [
        {**record, "picture": str(folder / record["picture"])} if record["picture"] else record for record in lines
    ]
    records.write_text("".join(json.dumps(record) + "\n" for record in placed))
    return records


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member without owner and time, so that equal content gives equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
