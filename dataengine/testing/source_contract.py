"""What every `ImageSource` promises, as tests: subclass and give a `source` fixture."""

from __future__ import annotations

from contextlib import suppress

import pytest

from dataengine.core.errors import InputError
from dataengine.core.ports import ImageFiles, ImageSource
from dataengine.images import open_image

_LOOKED_AT = 20


class SourceContract:
    """Inherit as `class TestX(SourceContract)` with a fixture named `source` that holds an image or more."""

    def test_images_have_an_order_and_names_of_their_own(self, source: ImageSource) -> None:
        """Draws by seed are repeatable, and a sample's path leads to one image."""
        images = source.images()
        assert images
        assert list(images) == list(source.images())
        assert len({image.image_id for image in images}) == len(images)
        assert len({image.path for image in images}) == len(images)

    def test_paths_say_nothing_of_this_machine(self, source: ImageSource) -> None:
        """Samples are moved and published."""
        for image in source.images():
            assert not image.path.startswith(("/", "."))
            assert ".." not in image.path.split("/")

    def test_an_image_decodes_and_has_the_size_that_is_told(self, source: ImageSource) -> None:
        """Boxes are in its pixels."""
        for image in source.images()[:_LOOKED_AT]:
            assert open_image(source.read(image.path), image.path).size == (image.width, image.height)

    def test_an_image_that_is_a_file_is_read_in_place(self, source: ImageSource) -> None:
        """The file holds what `read` gives, and no path leads out of the source."""
        if not isinstance(source, ImageFiles):
            return
        for image in source.images()[:_LOOKED_AT]:
            file = source.file(image.path)
            assert file is None or file.read_bytes() == source.read(image.path)
        for path in ("no/such/picture.png", "", "/etc/hostname", "../../etc/hostname"):
            with suppress(InputError):
                assert source.file(path) is None

    def test_annotations_are_of_the_image_that_was_asked_for(self, source: ImageSource) -> None:
        """Phrases have words, and boxes run from top left to bottom right."""
        for image in source.images()[:_LOOKED_AT]:
            known = source.annotations(image.image_id)
            assert known.image == image
            for region in (*known.regions, *known.objects, *known.text_lines):
                assert region.phrase == region.phrase.strip() != ""
                x1, y1, x2, y2 = region.box
                assert x1 <= x2
                assert y1 <= y2

    def test_an_unknown_image_has_no_annotations(self, source: ImageSource) -> None:
        """And the error says which."""
        with pytest.raises(InputError, match="no-such-picture"):
            source.annotations("no-such-picture")

    @pytest.mark.parametrize("path", ["no/such/picture.png", "", "/etc/hostname", "../../etc/hostname"])
    def test_an_unknown_path_has_no_bytes(self, source: ImageSource, path: str) -> None:
        """Nor does a path that leaves the source."""
        with pytest.raises(InputError):
            source.read(path)

    def test_no_path_leads_out_of_the_source(self, source: ImageSource) -> None:
        """Not even one that begins like a good one."""
        good = source.images()[0].path
        head, _, _ = good.rpartition("/")
        for bad in (f"{head}/..", f"{head}/../../secret.png", f"{head}/no-such-picture.png"):
            with pytest.raises(InputError):
                source.read(bad)
