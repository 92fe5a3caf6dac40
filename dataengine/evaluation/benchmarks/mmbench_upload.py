"""The spreadsheet that MMBench's evaluation server takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dataengine.core.errors import ConfigurationError
from dataengine.core.questions import Question

_COLUMNS = ("index", "question", "A", "B", "C", "D", "answer", "prediction", "split")


def write_mmbench_upload(questions: Sequence[Question], predictions: Mapping[str, str], target: Path) -> None:
    """One row per asked row, in the file's order; an unanswered one has an empty prediction.

    Raises ConfigurationError unless the spreadsheet library is installed and `target` ends in .xlsx.
    """
    if target.suffix != ".xlsx":
        raise ConfigurationError(f"MMBench's server takes .xlsx, not {target.name}", todo="Name the file with .xlsx")
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigurationError("openpyxl is not installed", todo="pip install 'dataengine[xlsx]'") from error
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(_COLUMNS)
    for question in questions:
        letters = question.extra.get("letters", ())
        options = dict(zip(letters if isinstance(letters, tuple) else (), question.choices, strict=True))
        row = {
            "index": int(question.question_id),
            "question": question.text,
            **options,
            "answer": question.extra.get("answer"),
            "prediction": predictions.get(question.question_id),
        }
        sheet.append([row.get(column) for column in _COLUMNS])
    book.save(target)
