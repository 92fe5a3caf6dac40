"""The Helm chart, and what is generated from the description of its values."""
