"""Exit codes by which a training process tells whoever waits for it how it ended; 0 is success, any other a crash."""

from __future__ import annotations

REJECTED = 2
"""The job can never be done as it is specified: another try ends the same way."""
TERMINATED = 143
"""Stopped by SIGTERM, after a checkpoint was written."""
