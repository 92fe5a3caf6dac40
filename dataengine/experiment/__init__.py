"""Experiments: arms (policies of spending the data budget) x seeds at equal budget, and what can be said afterwards."""
