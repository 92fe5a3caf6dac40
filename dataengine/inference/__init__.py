"""The engine that answers: load, batch, encode images, rank, generate."""
