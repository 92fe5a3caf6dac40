"""The one guard for text from outside."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.text import LONGEST_TEXT, SPECIAL_TOKENS, defused, plain, storable, text_fault

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)
PIECES = st.lists(
    st.sampled_from([*SPECIAL_TOKENS, "<|im_end|>", "<row_1_col_2>", "\ud83d", "\x00", "a", " ", "<", ">"])
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What is\tit?\nA dog.\r\n", None),
        ("Größe: 3 < 4 und <b>fett</b>, 日本, 😀, עברית", None),
        ("x" * (LONGEST_TEXT + 1), "too-long"),
        ("a \ud83d dog", "not-utf8"),
        ("a\x00dog", "control-character"),
        ("a\x1b[31mdog", "control-character"),
        ("<image> What is it?", "special-token"),
        ("a dog</s>", "special-token"),
        ("a dog<|im_end|>", "special-token"),
        ("<fake_token_around_image>", "special-token"),
    ],
)
def test_a_text_is_refused_under_the_name_of_its_fault(text: str, name: str | None) -> None:
    fault = text_fault(text)
    assert (fault.name if fault else None) == name
    assert fault is None or str(fault).encode()


def test_a_familys_own_tokens_count_as_well() -> None:
    assert text_fault("the <ImgHere> one") is None
    fault = text_fault("the <ImgHere> one", special=("<ImgHere>",))
    assert fault is not None and fault.name == "special-token" and "<ImgHere>" in fault.detail
    assert defused("the <ImgHere> one", special=("<ImgHere>",)) == "the < ImgHere> one"


@given(ANY | PIECES.map("".join))
def test_a_defused_text_has_no_fault_and_a_faultless_text_stays_as_it_is(text: str) -> None:
    made = defused(text)
    assert text_fault(made) is None
    assert defused(made) == made
    if text_fault(text) is None:
        assert made == text


@given(ANY)
def test_what_is_storable_has_utf8_and_what_is_plain_shows_nothing_to_a_terminal(text: str) -> None:
    storable(text).encode()
    shown = plain(text, one_line=True)
    shown.encode()
    assert all(character.isprintable() or not character.isascii() for character in shown)
    assert "\x1b" not in shown and "\x9b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;c2VjcmV0\x07copied", "copied"),
        ("line\rover", "line\\x0dover"),
        ("a\u202eb", "a\\u202eb"),
        ("half \ud83d", "half \\ud83d"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_no_escape_sequence_reaches_a_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_long_texts_are_cut_and_say_so() -> None:
    assert plain("x" * 100, longest=10) == "x" * 10 + "… (90 more characters)"


@pytest.mark.parametrize("unit", ["<", "<|", "<row_", "\x1b]", "\x1b[", "\x1bP", "<|a"])
def test_the_guard_is_linear(unit: str) -> None:
    text = unit * 100_000
    began = time.process_time()
    text_fault(text, longest=len(text))
    defused(text)
    plain(text, longest=len(text))
    assert time.process_time() - began < 5
