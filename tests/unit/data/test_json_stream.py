"""Objects of large files, piece by piece: whatever the texts hold, wherever a block ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataengine.core.errors import InputError
from dataengine.data.json_stream import elements

TEXTS = st.text(alphabet=st.sampled_from('ab"\\{}[],: \n\u00e9\u4e16'), max_size=8)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
SPACING: Any = st.sampled_from([None, 1])
ANY_BLOCK = st.integers(min_value=1, max_value=40)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(rows=st.lists(OBJECTS, max_size=5), indent=SPACING, plain=st.booleans(), block=ANY_BLOCK)
def test_a_list_gives_its_objects_wherever_blocks_end(
    tmp_path: Path, rows: list[Any], indent: int | None, plain: bool, block: int
) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps(rows, indent=indent, ensure_ascii=plain), "utf-8")
    found = list(elements(file, "", block=block))
    assert [json.loads(element.data) for element in found] == rows
    whole = file.read_bytes()
    assert all(whole[element.start : element.end] == element.data for element in found)


@QUICK
@given(first=st.lists(OBJECTS, max_size=3), second=st.lists(OBJECTS, max_size=3), other=OBJECTS, block=ANY_BLOCK)
def test_an_object_of_lists_gives_each_list_s_objects_under_its_key(
    tmp_path: Path, first: list[Any], second: list[Any], other: dict[str, Any], block: int
) -> None:
    file = tmp_path / "lists.json"
    file.write_text(json.dumps({"info": other, "images": first, "version": 3, "annotations": second}), "utf-8")
    found = [(element.section, json.loads(element.data)) for element in elements(file, "", block=block)]
    assert found == [*(("images", row) for row in first), *(("annotations", row) for row in second)]


@QUICK
@given(rows=st.lists(OBJECTS, min_size=1, max_size=5), after=st.integers(0, 4), block=ANY_BLOCK)
def test_reading_goes_on_behind_any_object(tmp_path: Path, rows: list[Any], after: int, block: int) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps(rows), "utf-8")
    found = list(elements(file, "", block=block))
    place = min(after, len(found) - 1)
    assert list(elements(file, "", found[place].end, block=block)) == found[place + 1 :]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"a": 1}, {"a": ', "ends in the middle"),
        ('[{"a": 1}', "ends in the middle"),
        ('[{"a": "1}]', "ends in the middle"),
        ('[{"a": 1}]]', "closes more than it opens"),
        ('[{"a": 1} {"a": 2}]', "something other than a comma"),
        ('[{"a": 1}, 7]', "something behind a list's last object"),
        ("", "holds neither a list nor an object"),
        ("7", "holds neither a list nor an object"),
    ],
)
def test_a_broken_file_is_named_with_the_place_and_what_to_do(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(InputError, match=problem) as raised:
        list(elements(file, "Fetch it again"))
    assert raised.value.where.startswith(str(file))
    assert raised.value.todo == "Fetch it again"


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        list(elements(tmp_path / "none.json", ""))
    with pytest.raises(InputError, match="cannot be read"):
        list(elements(tmp_path, ""))
