"""Generated from protos/ by `python -m protos.generate`; do not edit."""
