"""Scoring what somebody else's tool predicted: no model, no picture, no network."""
