"""A name from data becomes a path only through one checked type."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.errors import Rejected
from dataengine.core.names import RelativeName, below, leads_out, name_fault, tree_files

BAD = [
    "", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", ".", "..", "a/", "a\\..\\b", "C:/x", "c:x", "a\x00b",
    "a\nb", "CON", "aux.json", "a/lpt1.txt", "\ud800", "x" * 256, "/".join(["x" * 200] * 6),
]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_none_below_a_folder_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    assert name_fault(name)
    with pytest.raises(Rejected) as caught:
        below(tmp_path, name, where="a manifest")
    said = str(caught.value)
    assert said.startswith("a manifest: the name") and "\n" not in said and said.isprintable() and len(said) < 400


@pytest.mark.parametrize(
    "name", ["a", "a/b.json", ".hidden/x", "adapter_model.safetensors", "日本/é.png", "auxiliary", "a..b"]
)
def test_an_ordinary_name_is_a_path_below_the_folder(tmp_path: Path, name: str) -> None:
    assert below(tmp_path, name) == tmp_path / name
    assert RelativeName(name).parts == tuple(name.split("/"))


@given(
    st.text(st.characters(codec=None, exclude_categories=()), max_size=30) | st.from_regex(r"(\.\.|/|\.|a|\\|\x00|:)*")
)
def test_whatever_the_name_is_the_path_is_below_the_folder_or_refused(name: str) -> None:
    folder = Path("/a/folder")
    try:
        path = below(folder, name)
    except Rejected:
        return
    assert path.is_relative_to(folder) and path != folder and ".." not in path.parts
    bytes(path)  # the file system can be asked for it


def test_a_link_out_of_a_tree_is_refused_and_one_within_is_its_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_text("x")
    (tree / "link").symlink_to("sub/file")
    assert [name for name, _ in tree_files(tree)] == ["link", "sub/file"]
    (tmp_path / "secret").write_text("s")
    (tree / "out").symlink_to("../secret")
    assert leads_out(tree / "out", (tree,))
    with pytest.raises(Rejected, match="out is a link that leads out of its folder"):
        list(tree_files(tree))
    assert [name for name, _ in tree_files(tree, links_out=True)] == ["link", "out", "sub/file"]


def test_a_folder_that_is_itself_a_link_holds_its_files(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert [name for name, _ in tree_files(tmp_path / "link")] == ["x"]
