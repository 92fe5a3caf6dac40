"""One filter, one file. A filter says why a candidate is refused, or nothing."""
