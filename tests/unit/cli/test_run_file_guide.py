from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from dataengine.cli.run_file_guide import EXAMPLE, guide
from dataengine.generation.filters.registry import FILTERS
from dataengine.runtime.generation_sections import Section
from dataengine.runtime.runfile import read_run_file
from dataengine.teachers.registry import KINDS
from dataengine.training.recipe import Recipe

ROOT = Path(__file__).parents[3]


def test_the_guide_in_the_repository_is_the_one_that_the_code_writes() -> None:
    written = (ROOT / "docs" / "guides" / "run-file.md").read_text(encoding="utf-8")
    assert written == guide(), "run `python -m dataengine.cli.run_file_guide`"


def test_every_key_of_every_section_has_a_row_with_its_meaning() -> None:
    rows = [line for line in guide().splitlines() if line.startswith("| `")]
    sections = [kind for kind in Section.__subclasses__() if kind.__module__.startswith("dataengine.runtime.")]
    kinds: list[type[BaseModel]] = [Recipe, *sections, *KINDS.values()]
    for kind in kinds:
        for name in kind.model_fields:
            row = next(row for row in rows if row.startswith(f"| `{name}` |"))
            assert row.rstrip("| ") and not row.endswith("|  |"), row
    assert len(rows) == sum(len(kind.model_fields) for kind in kinds) + len(FILTERS)


def test_types_bounds_and_defaults_are_told() -> None:
    text = guide()
    assert "| `alpha` | number, > 0, < 1 | `0.05` |" in text
    assert "| `kind` | `annotations` | `annotations` |" in text
    assert "| `kind` | `openai` | `openai` |" in text
    assert "| `budget` | whole number, ≥ 1 | **required** |" in text
    assert "| `guard` | list or `all` | `all` |" in text


def test_the_guides_example_is_a_run_file(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(EXAMPLE)
    assert read_run_file(tmp_path / "run.yaml").run == "mine"
