"""What every `PictureSource` promises, as tests: subclass and give a `source` fixture."""

from __future__ import annotations

import pytest

from dataengine.core.errors import InputError
from dataengine.core.ports import PictureSource
from dataengine.data.picture_files import decode

_LOOKED_AT = 20


class SourceContract:
    """Inherit as `class TestX(SourceContract)` with a fixture named `source` that holds a picture or more."""

    def test_pictures_have_an_order_and_names_of_their_own(self, source: PictureSource) -> None:
        """Draws by seed are repeatable, and a sample's path leads to one picture."""
        pictures = source.pictures()
        assert pictures
        assert list(pictures) == list(source.pictures())
        assert len({picture.picture_id for picture in pictures}) == len(pictures)
        assert len({picture.path for picture in pictures}) == len(pictures)

    def test_paths_say_nothing_of_this_machine(self, source: PictureSource) -> None:
        """Samples are moved and published."""
        for picture in source.pictures():
            assert not picture.path.startswith(("/", "."))
            assert ".." not in picture.path.split("/")

    def test_a_picture_decodes_and_has_the_size_that_is_told(self, source: PictureSource) -> None:
        """Boxes are in its pixels."""
        for picture in source.pictures()[:_LOOKED_AT]:
            assert decode(source.read(picture.path), picture.path).size == (picture.width, picture.height)

    def test_annotations_are_of_the_picture_that_was_asked_for(self, source: PictureSource) -> None:
        """Phrases have words, and boxes run from top left to bottom right."""
        for picture in source.pictures()[:_LOOKED_AT]:
            known = source.annotations(picture.picture_id)
            assert known.picture == picture
            for region in (*known.regions, *known.objects, *known.text_lines):
                assert region.phrase == region.phrase.strip() != ""
                x1, y1, x2, y2 = region.box
                assert x1 <= x2
                assert y1 <= y2

    def test_an_unknown_picture_has_no_annotations(self, source: PictureSource) -> None:
        """And the error says which."""
        with pytest.raises(InputError, match="no-such-picture"):
            source.annotations("no-such-picture")

    @pytest.mark.parametrize("path", ["no/such/picture.png", "", "/etc/hostname", "../../etc/hostname"])
    def test_an_unknown_path_has_no_bytes(self, source: PictureSource, path: str) -> None:
        """Nor does a path that leaves the source."""
        with pytest.raises(InputError):
            source.read(path)

    def test_no_path_leads_out_of_the_source(self, source: PictureSource) -> None:
        """Not even one that begins like a good one."""
        good = source.pictures()[0].path
        head, _, _ = good.rpartition("/")
        for bad in (f"{head}/..", f"{head}/../../secret.png", f"{head}/no-such-picture.png"):
            with pytest.raises(InputError):
                source.read(bad)
