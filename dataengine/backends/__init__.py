"""The outside: one foreign library, one file."""
