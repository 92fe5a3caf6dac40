"""`run --check`: everything that a run needs, looked at before anything starts. Each library looks at its own."""

from __future__ import annotations

from pathlib import Path

from dataengine.core.findings import Findings
from dataengine.evaluation import preflight as evaluation
from dataengine.generation import preflight as generation
from dataengine.preflight.round_plan import plan_lines
from dataengine.runtime.runfile import RunFile
from dataengine.training import preflight as training


def check(run: RunFile, home: Path = Path()) -> Findings:
    """Look at weights, questions, images, teacher, prompt, filters, base data, recipe, memory and disk, and at all of
    them even if one is broken; then say what each round is expected to take. Changes no file. Reads every file that the
    run will read, but of weights only the headers, and of a pool of more than 5,000 images only 500."""
    found = training.preflight(run, home) + evaluation.preflight(run) + generation.preflight(run)
    if found.is_broken("training", "prompt"):
        return found
    return found + Findings(plan_lines(run, found.counts))
