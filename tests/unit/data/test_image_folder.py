"""A folder of images as a pool."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.core.errors import InputError
from dataengine.data.image_folder import ImageFolder
from dataengine.testing.images import noisy_image
from tests.unit.data.published_files import image_folder


def test_images_of_all_folders_are_taken_in_the_order_of_their_paths(tmp_path: Path) -> None:
    found = [(image.path, image.width, image.height) for image in ImageFolder(image_folder(tmp_path)).images()]
    assert found == [("a.png", 48, 48), ("holiday 2025/b.PNG", 32, 32), ("holiday 2025/turned.jpg", 24, 40)]


def test_what_cannot_be_read_or_is_there_twice_is_named_and_left_out(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    (folder / "broken.jpg").write_bytes(b"no image at all")
    (folder / "empty.png").touch()
    (folder / "z.png").write_bytes((folder / "a.png").read_bytes())
    source = ImageFolder(folder)
    assert len(source.images()) == 3
    assert set(source.left_out) == {"broken.jpg", "empty.png", "z.png"}
    assert source.left_out["z.png"] == "the same as a.png"
    assert "does not decode" in source.left_out["broken.jpg"]
    with pytest.raises(InputError, match="no path of an image of the pool"):
        source.read("broken.jpg")


def test_hidden_files_are_none_of_the_pool(tmp_path: Path) -> None:
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "a.png").write_bytes(noisy_image(1, 16))
    (tmp_path / "b.png").write_bytes(noisy_image(2, 16))
    assert [image.path for image in ImageFolder(tmp_path).images()] == ["b.png"]


@pytest.mark.parametrize(
    ("files", "said"),
    [({}, "holds no image"), ({"a.png": b"torn"}, "1 left out, the first a.png"), (None, "no such folder of images")],
)
def test_a_folder_without_images_is_one_line(tmp_path: Path, files: dict[str, bytes] | None, said: str) -> None:
    folder = tmp_path / "pool"
    if files is not None:
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=said):
        ImageFolder(folder).images()
