"""What a run did: read from its artifacts, told as plain values, drawn as one self-contained page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.report.lineage import SampleLineage, find_sample
    from dataengine.report.page import report_page
    from dataengine.report.reading import list_runs, read_run
    from dataengine.report.views import RoundView, RunView
else:
    __getattr__ = lazily(
        __name__,
        {
            "read_run": "reading",
            "list_runs": "reading",
            "RunView": "views",
            "RoundView": "views",
            "report_page": "page",
            "find_sample": "lineage",
            "SampleLineage": "lineage",
        },
    )

__all__ = ["RoundView", "RunView", "SampleLineage", "find_sample", "list_runs", "read_run", "report_page"]
