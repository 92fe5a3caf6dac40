"""Bad cases, the run's history and the round's decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.analysis.bad_cases import without_near_duplicates, wrong_answers
    from dataengine.analysis.comparing import compare_predictions
    from dataengine.analysis.handler import AnalyzerHandler
    from dataengine.analysis.history import diagnose_history
else:
    __getattr__ = lazily(
        __name__,
        {
            "AnalyzerHandler": "handler",
            "compare_predictions": "comparing",
            "wrong_answers": "bad_cases",
            "without_near_duplicates": "bad_cases",
            "diagnose_history": "history",
        },
    )

__all__ = ["AnalyzerHandler", "compare_predictions", "diagnose_history", "without_near_duplicates", "wrong_answers"]
