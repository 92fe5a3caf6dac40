"""Scoring what somebody else's tool predicted: no model, no image, no network."""
