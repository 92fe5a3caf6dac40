"""Exit codes of every command."""

DONE = 0
FAILED = 1
WRONG_USAGE = 2
"""Wrong usage or configuration."""
SHORT_OF_GOAL = 3
"""The run rested without a checkpoint better than the base."""
INTERRUPTED = 130
"""Stopped by a signal; the same command goes on."""
