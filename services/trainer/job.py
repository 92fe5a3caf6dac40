"""`python -m services.trainer.job`: the name by which charts and Jobs before 0.2 start a training."""

from __future__ import annotations

import sys

from dataengine.training.child import main

if __name__ == "__main__":
    sys.exit(main())
