"""The two published normalisations of free-form VQA answers, with their tables.

Both delete or blank punctuation, then turn number words into digits, drop articles and repair contractions. They differ
in what they do first: VQAEval only flattens line breaks, m4c (the EvalAI processor, used by LLaVA) lower-cases, deletes
every comma and question mark, and splits off "'s".
"""

import re

_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})

_MARKS = (";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!")
_ANY_MARK = re.compile("[" + re.escape("".join(_MARKS)) + "]")
_DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
_PERIOD_BEFORE_NO_DIGIT = re.compile(r"\.(?!\d)")
# the published tools pass re.UNICODE, which is 32, where re.sub expects the greatest number of replacements
_PERIODS_AT_MOST = 32


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_CONTRACTED = _words("""
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's isn't
    it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock oughtn't shan't should've shouldn't
    somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's
    they'd they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's
    where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
""")
_DOUBLY_CONTRACTED = _words("""
    couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've
    there'd've they'd've we'd've who'd've wouldn't've y'all'll you'd've
""")


def _contractions() -> dict[str, str]:
    """Lower-case misspelling -> spelling. The published table's entries with a capital I can never match."""
    table = {word.replace("'", ""): word for word in _CONTRACTED}
    for word in _DOUBLY_CONTRACTED:
        stem, middle, end = word.split("'")
        table[f"{stem}{middle}'{end}"] = word
        table[f"{stem}'{middle}{end}"] = word
    for misspelt in ("yall'd've", "y'alld've", "y'all'dve"):
        table[misspelt] = "y'all'd've"
    for misspelt in ("ow's'at", "'ows'at", "'ow'sat"):
        table[misspelt] = "'ow's'at"
    # a slip of the published table, kept because it decides scores
    table["somebody'd"] = "somebodyd"
    return table


CONTRACTIONS = _contractions()


def normalise_vqaeval(text: str) -> str:
    """The text as the official VQAEval compares it, when it normalises at all (see `vqa.vqaeval`).

    Source: PythonEvaluationTools/vqaEvaluation/vqaEval.py of GT-Vision-Lab/VQA.
    """
    return digits_and_articles(punctuation(flatten(text)))


def normalise_m4c(text: str) -> str:
    """The text as the EvalAI answer processor of MMF (m4c) compares it; LLaVA's TextVQA, VQAv2 and VizWiz use it."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return digits_and_articles(punctuation(flatten(text)))


def flatten(text: str) -> str:
    """Line breaks and tabs to blanks, then blanks off both ends."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def punctuation(text: str) -> str:
    """Each mark deleted if it touches a blank anywhere in `text`, or if digit-comma-digit occurs; else made a blank.

    Then every period that no digit follows is deleted, the first 32 of them.
    """
    out = text
    if _ANY_MARK.search(text):
        thousands = _DIGIT_COMMA_DIGIT.search(text) is not None
        for mark in _MARKS:
            if mark in out:
                touches_blank = f"{mark} " in text or f" {mark}" in text
                out = out.replace(mark, "" if thousands or touches_blank else " ")
    return _PERIOD_BEFORE_NO_DIGIT.sub("", out, count=_PERIODS_AT_MOST) if "." in out else out


def digits_and_articles(text: str) -> str:
    """Lower-cased words joined by single blanks: number words as digits, articles dropped, contractions repaired."""
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)
