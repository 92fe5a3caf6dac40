"""Which partition an event goes to: that of its key, as everywhere on Kafka, but numbered pieces of a thing in turn.

By their keys' hashes alone 24 tasks would lie in about 15 of 24 partitions, three of them in one: replicas would stand
idle while one of them has its tasks wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.partitioner import DefaultPartitioner

_by_hash = DefaultPartitioner()
_DIGITS = 9
"""Of a piece's number. Somebody else's key may end in any number: it is none of our pieces then."""


def partition_of(key: bytes, all_partitions: Sequence[int], available: Sequence[int]) -> int:
    """A partition for `key`, always the same one while their number stays: pieces `THING/0`, `THING/1`, … lie in
    neighbouring ones, from the partition of `THING` on."""
    thing, slash, piece = key.rpartition(b"/")
    if not (slash and piece.isdigit() and len(piece) <= _DIGITS):
        return int(_by_hash(key, all_partitions, available))
    return (int(_by_hash(thing, all_partitions, available)) + int(piece)) % len(all_partitions)
