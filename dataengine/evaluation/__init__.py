"""Benchmarks, scorers, splits, prediction files and inference runs: one way from answers to scores and tests."""
