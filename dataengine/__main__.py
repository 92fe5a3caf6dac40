"""`python -m dataengine`: the `dataengine` command."""

from __future__ import annotations

from dataengine.cli.main import main

if __name__ == "__main__":
    main()
