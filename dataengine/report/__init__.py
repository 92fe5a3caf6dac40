"""What a run did: read from its artifacts, told as plain values, drawn as one self-contained page."""
