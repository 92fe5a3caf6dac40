"""Generate `dataengine/wire/generated/` from the protos, or check that it has not drifted (`--check`)."""

from __future__ import annotations

import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).parent
PACKAGE = "dataengine/events/v1"
TARGET = PROTOS.parent / "dataengine" / "wire" / "generated"
_NOTE = '"""Generated from protos/ by `python -m protos.generate`; do not edit."""\n'


def generate(into: Path) -> None:
    """Write one module per proto file, with type stubs, into the folder `into`, as one flat package."""
    sources = sorted(str(path) for path in (PROTOS / PACKAGE).glob("*.proto"))
    wellknown = str(resources.files("grpc_tools") / "_proto")
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{PROTOS}", f"-I{wellknown}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main([*arguments, *sources]) != 0:
            raise SystemExit("protoc failed: see its message above")
        into.mkdir(parents=True, exist_ok=True)
        (into / "__init__.py").write_text(_NOTE)
        for path in sorted(Path(folder, PACKAGE).iterdir()):
            text = path.read_text().replace(
                f"from {PACKAGE.replace('/', '.')} import", "from dataengine.wire.generated import"
            )
            (into / path.name).write_text(text)


def drifted() -> list[str]:
    """Names of generated files that differ from what the protos give now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = {path.name: path.read_text() for path in Path(folder).iterdir()}
    committed = {path.name: path.read_text() for path in TARGET.glob("*.py*")}
    return sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))


def main() -> int:
    """Entry point; exit code 1 if `--check` finds drift."""
    if "--check" not in sys.argv[1:]:
        generate(TARGET)
        return 0
    names = drifted()
    if names:
        print(f"generated code has drifted from protos/: {', '.join(names)}. Run: python -m protos.generate")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
