"""What each library exports."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

LIBRARIES = ("evaluation", "analysis", "generation", "training", "inference", "student", "teachers", "report")


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_exported_name_is_there_and_says_what_it_promises(library: str) -> None:
    face = import_module(f"dataengine.{library}")
    assert face.__doc__
    assert face.__all__
    for name in face.__all__:
        exported = getattr(face, name)
        assert exported.__name__ == name
        assert exported.__doc__, name
        assert exported.__module__.startswith(f"dataengine.{library}."), name


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'dataengine\.evaluation' has no attribute 'nothing'"):
        import_module("dataengine.evaluation").nothing  # noqa: B018


def test_the_faces_alone_import_neither_torch_nor_pydantic() -> None:
    imports = "; ".join(f"import dataengine.{library}" for library in LIBRARIES)
    code = f"import sys; {imports}; print(sorted({{'torch', 'pydantic', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
