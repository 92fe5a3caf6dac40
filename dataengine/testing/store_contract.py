"""What every `Store` promises, as tests: subclass and give a `store` fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.core.identity import digest_of
from dataengine.core.ports import Store


class StoreContract:
    """Inherit as `class TestX(StoreContract)` with a fixture named `store`."""

    def test_what_was_put_can_be_got_by_its_ref(self, store: Store) -> None:
        """Bytes, digest and size agree."""
        ref = store.put("runs/a/x.bin", b"bytes")
        assert store.get(ref) == b"bytes"
        assert (ref.digest, ref.size) == (digest_of(b"bytes"), 5)
        assert store.local(ref).read_bytes() == b"bytes"

    def test_putting_the_same_twice_is_putting_it_once(self, store: Store) -> None:
        """Equal content under an equal name has an equal key."""
        assert store.put("runs/a/x.bin", b"1") == store.put("runs/a/x.bin", b"1")
        assert len(list(store.keys("runs/a/"))) == 1

    def test_other_content_under_the_same_name_is_another_artifact(self, store: Store) -> None:
        """Nothing is overwritten."""
        first, second = store.put("runs/a/x.bin", b"1"), store.put("runs/a/x.bin", b"2")
        assert (store.get(first), store.get(second)) == (b"1", b"2")

    def test_a_file_is_put_as_its_bytes_are(self, store: Store, tmp_path: Path) -> None:
        """`put_file` is `put` of the content."""
        path = tmp_path / "big.bin"
        path.write_bytes(b"x" * 100_000)
        assert store.put_file("runs/a/x.bin", path) == store.put("runs/a/x.bin", b"x" * 100_000)

    def test_the_first_claim_of_a_key_wins(self, store: Store) -> None:
        """The second writer is told what stands there."""
        first = store.claim("runs/a/manifest.json", b"first")
        second = store.claim("runs/a/manifest.json", b"second")
        assert first == second
        assert store.get(second) == b"first"

    def test_a_claimed_key_is_found_and_an_unclaimed_is_not(self, store: Store) -> None:
        """`find` goes by the exact key."""
        ref = store.claim("runs/a/manifest.json", b"x")
        assert store.find("runs/a/manifest.json") == ref
        assert store.find("runs/a/manifest") is None

    def test_keys_lists_a_prefix_in_order(self, store: Store) -> None:
        """And nothing of a sibling whose name merely begins alike."""
        for key in ("runs/a/2", "runs/a/1", "runs/ab/1"):
            store.claim(key, b"x")
        assert list(store.keys("runs/a/")) == ["runs/a/1", "runs/a/2"]

    def test_absent_bytes_are_rejected(self, store: Store) -> None:
        """An artifact that is not there can never be read."""
        absent = ArtifactRef("artifact://runs/a/none", "0" * 64, 1)
        with pytest.raises(Rejected, match="no such artifact"):
            store.get(absent)
        with pytest.raises(Rejected, match="no such artifact"):
            store.local(absent)

    def test_bytes_of_another_digest_are_rejected(self, store: Store) -> None:
        """Every read is checked."""
        ref = store.claim("runs/a/x", b"bytes")
        lying = ArtifactRef(ref.uri, digest_of(b"others"), ref.size)
        with pytest.raises(Rejected, match="digest"):
            store.get(lying)
        with pytest.raises(Rejected, match="digest"):
            store.local(lying)

    def test_empty_bytes_are_bytes(self, store: Store) -> None:
        """A part may have no samples."""
        assert store.get(store.put("runs/a/empty.jsonl", b"")) == b""
