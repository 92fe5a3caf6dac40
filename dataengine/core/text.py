"""The one guard for text that comes from outside: a teacher's reply, a cell, a prompt, what is served or exported.

Two ways to use it. `text_fault` says what is wrong and under which name, for whoever refuses the item. `defused` and
`plain` make a text harmless for whoever must go on with it: `defused` for a model (what is trained on, asked,
exported), `plain` for a person (a terminal, a log, a table).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

LONGEST_TEXT = 16_384
"""Characters of one text (a question, an answer, an option) unless whoever asks says otherwise."""
LONGEST_REPLY = 262_144
"""Characters of a teacher's whole reply: a thinking model's reply of 32,000 tokens is below it."""
SPECIAL_TOKENS = (
    "<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<mask>",
    "<image>", "</image>", "<img>", "</img>", "<video>", "<audio>", "<IMG_CONTEXT>", "<ImageHere>", "<Img>", "</Img>",
    "<image_soft_token>", "<im_start>", "<im_end>", "<im_patch>", "<fake_token_around_image>", "<end_of_utterance>",
    "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "[INST]", "[/INST]", "<<SYS>>",
    "<</SYS>>", "[IMG]", "[IMG_BREAK]", "[IMG_END]",
)  # fmt: skip
"""What tokenizers of vision-language models take for something else than text. A family's own list is passed in beside
it; `<|…|>` and `<row_1_col_1>` are known by their form."""

FaultName = Literal["too-long", "not-utf8", "control-character", "special-token"]
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FORMS = (r"<\|[^<>|\s]{1,64}\|>", r"<row_\d{1,3}_col_\d{1,3}>")
_ESCAPE_SEQUENCES = re.compile(
    "(?:\x1b\\]|\x9d)[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\\\|\x9c)?"  # OSC: titles, links, the clipboard
    "|(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?"  # CSI: colours, the cursor
    "|\x1b[PX^_][^\x1b\x9c]{0,4096}(?:\x1b\\\\|\x9c)?"  # DCS, SOS, PM, APC
    "|\x1b[ -/]{0,4}[0-~]?"
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


@dataclass(frozen=True, slots=True)
class TextFault:
    """What is wrong with a text. `name` is one of four, for counting; `detail` says what and where, and is harmless."""

    name: FaultName
    detail: str

    def __str__(self) -> str:
        return self.detail


def text_fault(text: str, *, longest: int = LONGEST_TEXT, special: Iterable[str] = ()) -> TextFault | None:
    """What is wrong with `text`, None where nothing is.

    In this order: more than `longest` characters; a lone surrogate (half of a character: it has no UTF-8); a control
    character other than tab and line end; a special token, of `SPECIAL_TOKENS` or of the family's own `special`.
    Linear in the length of the text.
    """
    if len(text) > longest:
        return TextFault("too-long", f"it has {len(text):,} characters; {longest:,} are allowed")
    if not text.isascii() and (half := _NOT_UTF8.search(text)):
        return TextFault("not-utf8", f"character {half.start() + 1} is half of one (U+{ord(half[0]):04X})")
    if control := _CONTROL.search(text):
        return TextFault("control-character", f"character {control.start() + 1} is U+{ord(control[0]):04X}")
    if token := _tokens(tuple(special)).search(text):
        return TextFault("special-token", f"it holds {plain(token[0], longest=80)}, which is no text to a model")
    return None


def defused(text: str, *, longest: int | None = None, special: Iterable[str] = ()) -> str:
    """`text` as a model may be given it: what `text_fault` would name is replaced, and everything else stays as it is.

    Half characters become U+FFFD, control characters blanks; a special token gets a blank after its first character, so
    that it reads the same and is text. Cut to `longest` characters where that is given.
    """
    if longest is not None:
        text = text[:longest]
    if not text.isascii():
        text = _NOT_UTF8.sub("\ufffd", text)
    text = _CONTROL.sub(" ", text)
    return _tokens(tuple(special)).sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)


def storable(text: str) -> str:
    """`text` as it can be kept in a file: half characters become U+FFFD, and nothing else is touched."""
    return text if text.isascii() else _NOT_UTF8.sub("\ufffd", text)


def plain(text: object, *, longest: int = 2_000, one_line: bool = False) -> str:
    """`str(text)` as it may be printed to a terminal or a log: no escape sequence, no unseen or turning character.

    Sequences (ANSI, OSC) go; a control, direction mark or half character that is left is shown as `\\x07` or `\\u202e`.
    `one_line`: line ends and tabs are shown so as well. Longer texts are cut, and say by how much.
    """
    said = str(text)
    if len(said) > longest:
        # a sequence that is cut in half is taken out below like a whole one
        said = f"{said[:longest]}… ({len(said) - longest:,} more characters)"
    said = _UNSEEN.sub(_shown, _ESCAPE_SEQUENCES.sub("", said.replace("\r\n", "\n")))
    return said.replace("\n", "\\n").replace("\t", "\\t") if one_line else said


def _shown(character: re.Match[str]) -> str:
    value = ord(character[0])
    return f"\\x{value:02x}" if value < 256 else f"\\u{value:04x}"


@lru_cache(maxsize=32)
def _tokens(special: tuple[str, ...]) -> re.Pattern[str]:
    """Any token, longest first. A pattern of literal alternatives and bounded forms: linear."""
    known = sorted({*SPECIAL_TOKENS, *(token for token in special if token.strip())}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, known), *_FORMS]))
