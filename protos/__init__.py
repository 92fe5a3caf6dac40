"""The event contract, and the command that generates code from it."""
