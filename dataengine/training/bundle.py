"""A training job packed into the store, for a machine that shares nothing else with this one.

The document names, as artifacts: the base's files, the adapter to go on from, and one tar file with the records of each
data set and their images. On the other machine it becomes a folder and the same specification with that folder's
paths. Weights and images that both machines have under the same path are named and not packed.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError, InputError
from dataengine.core.identity import canonical_json
from dataengine.core.names import below, name_fault
from dataengine.core.ports import JobSpec, Store
from dataengine.core.text import plain
from dataengine.images import check_image
from dataengine.wire.documents import Document
from dataengine.wire.trees import fetch_tree, put_tree


class JobBundle(Document):
    """`specification` is a `TrainingJob` without the paths that are given here. `base` is empty where the other machine
    has the folder of that name."""

    specification: dict[str, object]
    base: dict[str, ArtifactRef] = Field(default_factory=dict)
    adapter: dict[str, ArtifactRef] = Field(default_factory=dict)
    lesson: ArtifactRef


class JobBundler:
    """The `Bundler` of training jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, spec: JobSpec, own: str, shared: str, present: Sequence[Path] = ()) -> ArtifactRef:
        """See `Bundler.pack`. Raises InputError for records or folders that are not there."""
        specification = json.loads(spec.document)
        base, adapter = Path(specification["base"]), specification.get("previous_adapter")
        there = any(base.is_relative_to(folder) for folder in present)
        left_out = {"out", "previous_adapter"}
        records = [Path(path) for path in _paths(specification)]
        bundle = JobBundle(
            specification={name: value for name, value in _moved(specification).items() if name not in left_out},
            base={} if there else self._put(f"{shared}/base", base),
            adapter=self._put(f"{own}/previous", Path(adapter)) if adapter else {},
            lesson=self._put_records(own, records, spec.folder / "lesson.tar", present),
        )
        return self._store.put(f"{own}/parcel.json", bundle.encode())

    def bring_back(self, spec: JobSpec, files: Mapping[str, ArtifactRef]) -> None:
        """See `Bundler.bring_back`: the specification's folder `out` appears whole."""
        out = Path(json.loads(spec.document)["out"])
        if not out.exists():
            held = fetch_tree(self._store, files, spec.folder / "results")
            held.rename(out)

    def _put(self, prefix: str, folder: Path) -> dict[str, ArtifactRef]:
        if not folder.is_dir():
            raise InputError("there is no such folder of weights", where=str(folder), todo="Check student.base")
        return put_tree(self._store, prefix, folder, links_out=True)  # a downloaded base is links into its cache

    def _put_records(self, own: str, records: Sequence[Path], archive: Path, present: Sequence[Path]) -> ArtifactRef:
        try:
            _Tar(present).write(records, archive)
            return self._store.put_file(f"{own}/lesson.tar", archive)
        except FileNotFoundError as error:
            raise InputError("records or a picture of theirs are gone", where=str(error.filename)) from error
        finally:
            archive.unlink(missing_ok=True)


def _paths(specification: Mapping[str, Any]) -> list[str]:
    """The files of records that a specification names."""
    mix = specification.get("mix")
    return [part["records"] for part in mix["sets"]] if mix else [specification["records"]]


def _moved(specification: Mapping[str, Any], folder: Path = Path()) -> dict[str, Any]:
    """The specification with its files of records below `folder`, under the names that they have in a tar file."""
    mix = specification.get("mix")
    if not mix:
        return {**specification, "records": str(folder / _name(0))}
    sets = [{**part, "records": str(folder / _name(number))} for number, part in enumerate(mix["sets"])]
    return {**specification, "mix": {**mix, "sets": sets}}


def _name(number: int) -> str:
    return f"records-{number:03d}.jsonl"


class _Tar:
    """Records and images in one tar file: the same content gives the same bytes."""

    def __init__(self, present: Sequence[Path]) -> None:
        self._present = present
        self._names: dict[str, str] = {}

    def write(self, records: Sequence[Path], archive: Path) -> None:
        """Raises FileNotFoundError where records or an image are gone."""
        part = archive.with_suffix(".part")
        try:
            with tarfile.open(archive, "w") as tar:
                for number, path in enumerate(records):
                    with part.open("wb") as file:
                        file.writelines(self._lines(path, tar))
                    with part.open("rb") as file:
                        member = tarfile.TarInfo(_name(number))
                        member.size = part.stat().st_size
                        tar.addfile(member, file)
        finally:
            part.unlink(missing_ok=True)

    def _lines(self, records: Path, tar: tarfile.TarFile) -> Iterator[bytes]:
        """The records with their images' names in the tar file; a new image is put there."""
        with records.open(encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                image = record.get("picture")
                if image and not any(Path(image).is_relative_to(folder) for folder in self._present):
                    image = self._packed(image, tar)
                yield canonical_json({**record, "picture": image}) + b"\n"

    def _packed(self, image: str, tar: tarfile.TarFile) -> str:
        if image not in self._names:
            name = f"pictures/{len(self._names):06d}{Path(image).suffix}"
            data = Path(image).read_bytes()
            check_image(data, image)  # nothing but an image leaves this machine as one
            _add(tar, name, data)
            self._names[image] = name
        return self._names[image]


def open_bundle(store: Store, document: bytes, folder: Path) -> bytes:
    """Unpack a bundle into `folder`; the specification of the job, with paths below `folder`.

    Raises ContractError for a document that is no bundle, and what the store raises.
    """
    try:
        bundle = JobBundle.model_validate_json(document)
    except ValidationError as error:
        raise ContractError(f"is no job bundle: {error.errors()[0]['msg']}", where="bundle") from error
    inputs = folder / "inputs"
    specification = {**_moved(bundle.specification, inputs), "out": str(folder / "out")}
    _unpack(store.local(bundle.lesson), inputs, _paths(specification))
    if bundle.base:
        specification["base"] = str(fetch_tree(store, bundle.base, folder / "weights"))
    if bundle.adapter:
        specification["previous_adapter"] = str(fetch_tree(store, bundle.adapter, folder / "weights"))
    return canonical_json(specification)


def _unpack(archive: Path, folder: Path, records: Sequence[str]) -> None:
    """Unpack the tar file; the paths of packed images are made absolute."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:  # extractall has its filters only since Python 3.11.4
                _extract(tar, member, folder)
        _place_records(folder, records)
    except (tarfile.TarError, FileNotFoundError, NotADirectoryError, IsADirectoryError, EOFError) as error:
        raise ContractError(f"is torn: {type(error).__name__}", where="bundle") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ContractError(f"holds what are no records: {type(error).__name__}", where="bundle") from error


def _place_records(folder: Path, records: Sequence[str]) -> None:
    for path in map(Path, records):
        packed = path.rename(path.with_suffix(".packed"))
        with packed.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as placed:
            for line in lines:
                record = json.loads(line)
                image = record["picture"]
                if image and not Path(image).is_absolute():  # an absolute one is there under the same path
                    image = str(below(folder, image, where="bundle"))
                placed.write(json.dumps({**record, "picture": image}) + "\n")
        packed.unlink()


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """One file, and only below `folder`. Raises ContractError for anything else."""
    content = tar.extractfile(member) if member.isfile() else None
    if content is None or name_fault(member.name):
        shown = plain(member.name, longest=120, one_line=True)
        raise ContractError(f"has a member that is no file of it: {shown}", where="bundle")
    target = below(folder, member.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member without owner and time, so that equal content gives equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
