"""What the teacher is told, and how its reply is read."""

from time import process_time

import pytest

from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.core.ports import TeacherReply
from dataengine.generation.parsing import Draft, Unusable, read_letter, read_reply
from dataengine.generation.prompt_files import load_prompt
from dataengine.generation.prompting import information
from dataengine.teachers.scripted.section import AnnotationsSection
from dataengine.wire.documents import BadCase
from dataengine.wire.samples import SEED_TYPES
from tests.unit.generation.harness import draft

KNOWN = Annotations(
    PoolImage("7", "vg/VG_100K/7.jpg", 200, 100),
    regions=(Region("a red  ball", (20, 10, 70, 33)), Region("a wall", (-5, 0, 250, 100))),
    captions=("A ball lies by a wall.",),
    objects=(Region("ball", (20, 10, 70, 33)),),
    text_lines=(Region("STOP", (0, 0, 200, 50)),),
)
GEN_1_TYPES = (
    "identity reasoning", "physical property reasoning", "attribute recognition", "function reasoning",
    "object localization", "attribute comparison", "nature relation", "future prediction", "image scene",
    "spatial relationship", "image quality", "physical relation", "action recognition", "social relation",
    "image style", "image emotion", "image topic", "knowledge-based reasoning",
)  # fmt: skip


def test_gen_2_tells_regions_and_writing_with_two_decimals_inside_the_image() -> None:
    assert information(KNOWN, "gen-2").splitlines() == [
        "[0.10, 0.10, 0.35, 0.33]: a red ball",
        "[0.00, 0.00, 1.00, 1.00]: a wall",
        "[0.00, 0.00, 1.00, 0.50]: STOP",
    ]


def test_gen_1_tells_captions_and_boxes_with_three_decimals() -> None:
    assert information(KNOWN, "gen-1").splitlines() == ["A ball lies by a wall.", "ball: [0.100, 0.100, 0.350, 0.330]"]


@pytest.mark.parametrize("name", ["gen-2", "gen-1"])
@pytest.mark.parametrize("qtype", [*SEED_TYPES.values(), *GEN_1_TYPES])
def test_every_published_type_has_a_definition_in_both_prompts(name: str, qtype: str) -> None:
    prompt = load_prompt(name)
    request = prompt.write(qtype, [], KNOWN, AnnotationsSection(), 3)
    assert f"Question type: {qtype}\nDefinition: {prompt.definitions[qtype]}" in request.user
    assert "$" not in request.user


def test_a_type_of_somebody_else_s_benchmark_is_asked_for_by_its_name() -> None:
    assert (
        "Definition: Questions that a benchmark calls odd."
        in load_prompt("gen-2").write("odd", [], KNOWN, AnnotationsSection(), 0).user
    )


def test_bad_cases_are_shown_with_options_and_the_right_answer_but_not_the_student_s() -> None:
    cases = [
        BadCase(
            question_id="1", question="What is\nit?", question_type="t", image="p", choices=("a cat", "a dog"),
            gold="a dog", answered="a bear",
        ),
        BadCase(question_id="2", question="Why?", question_type="t", image="p", choices=(), gold="so", answered="no"),
    ]  # fmt: skip
    user = load_prompt("gen-2").write("t", cases, KNOWN, AnnotationsSection(), 0).user
    assert "Question: What is it?\nA. a cat\nB. a dog\nAnswer: a dog\n\nQuestion: Why?\nAnswer: so\n" in user
    assert "a bear" not in user


def test_the_second_asking_does_not_say_what_was_answered() -> None:
    request = load_prompt("gen-2").verify("What color?", ["red", "blue"], KNOWN, AnnotationsSection(), 5)
    assert "Question: What color?\nA. red\nB. blue\n" in request.user
    assert "Answer:" not in request.user


def test_the_second_asking_of_the_first_generation_tells_the_captions_too() -> None:
    first, second = (
        load_prompt(name).verify("?", ["a"], KNOWN, AnnotationsSection(), 5).user for name in ("gen-1", "gen-2")
    )
    assert "\nA ball lies by a wall.\n[0.10, 0.10, 0.35, 0.33]: a red ball\n" in first
    assert "A ball lies by a wall." not in second


def test_the_request_decodes_as_the_run_file_says() -> None:
    section = AnnotationsSection(temperature=0.1, top_p=0.2, max_tokens=30)
    request = load_prompt("gen-1").write("t", [], KNOWN, section, 9)
    assert (request.temperature, request.top_p, request.max_tokens, request.seed) == (0.1, 0.2, 30, 9)


def test_each_prompt_has_a_digest_of_its_own() -> None:
    assert load_prompt("gen-1").digest != load_prompt("gen-2").digest == load_prompt("gen-2").digest


AROUND = (
    "{}", "```json\n{}\n```", "```\n{}\n```", "  {}\n", "```JSON\n{}\n```", "```json {} ```", "~~~\n{}\n~~~",
    "Sure! Here it is:\n\n```json\n{}\n```\n\nLet me know.", "Here you are: {}", "[{}]",
    "<think>A draft: {'question': 1} or so.</think>\n{}", "no <think> before</think>```json\n{}\n```",
    "<think>\n{}\n</think>\n\n{}",
)  # fmt: skip


@pytest.mark.parametrize("around", AROUND)
def test_a_draft_is_read_with_or_without_a_code_fence(around: str) -> None:
    read = read_reply(around.replace("{}", draft()))
    assert read == Draft("What color is the ball?", "The ball is red.", "red", ("red", "blue", "green", "white"), "A")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (f"{draft()} or {draft('Where is it?')}", "2 JSON objects that differ"),
        ("[" * 10_000, "too deep"),
        ("I cannot help with that.", "no JSON"),
        (f"<think>{draft()}", "empty but for its thoughts"),
        (draft()[:40], "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "has no question, answer, short_answer, options, choice_answer"),
        (draft(options="red, blue"), "`options` is no list of texts"),
        (draft(options=["red", None]), "`options` is no list of texts"),
        (draft(choice_answer="A. blue"), "instead of a letter"),
        (draft(answer=None), "a value is no text"),
        (draft(choice_answer="option A"), "instead of a letter"),
        (draft(choice_answer=""), "instead of a letter"),
    ],
)
def test_what_is_no_draft_says_why(text: str, reason: str) -> None:
    read = read_reply(text)
    assert isinstance(read, Unusable)
    assert not read.skipped
    assert reason in read.reason


@pytest.mark.parametrize(
    "text", ["Skip: no text here", "skip - no text here", '"Skip: no text here"', "SKIP. no text here"]
)
def test_a_skip_carries_its_reason(text: str) -> None:
    read = read_reply(text)
    assert isinstance(read, Unusable)
    assert read.skipped
    assert "no text here" in read.reason


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"), (" b.", "B"), ("(B)", "B"), ("**B**", "B"), ("B. blue", "B"), ("none", "none"),
        ('"None."', "none"),
        ("Both A and B", ""), ("", ""), ("The answer is B", "B"), ("A or B", ""),
        ("<think>A? No.</think>B", "B"), ("Answer: **B**", "B"), ('{"answer": "B"}', "B"),
        ("It is round.\nThe correct answer is B.", "B"), ("A\n\nSo the answer is B", ""), ("A cat sits there", ""),
        ("```\nB\n```", "B"), ("b) blue", "B"),
    ],
)  # fmt: skip
def test_a_letter_is_read_where_it_stands_alone_or_before_its_option(text: str, letter: str) -> None:
    assert read_letter(text) == letter


@pytest.mark.parametrize(
    "changes",
    [
        {"why": "because"}, {"choice_answer": "a"}, {"choice_answer": "A."}, {"choice_answer": "(A)"},
        {"choice_answer": "A. red"}, {"choice_answer": "A: Red."}, {"choice_answer": "red"},
        {"options": ["A. red", "B. blue", "C. green", "D. white"]},
        {"options": {"A": "red", "B": "blue", "C": "green", "D": "white"}},
    ],
)  # fmt: skip
def test_other_ways_to_say_the_same_are_read_alike(changes: dict[str, object]) -> None:
    assert read_reply(draft(**changes)) == read_reply(draft())  # type: ignore[arg-type]


def test_numbers_are_texts_and_trailing_commas_are_passed_over() -> None:
    read = read_reply(draft(short_answer=3, options=[3, 4, 5, 6.5])[:-1] + ",\n}")
    assert isinstance(read, Draft)
    assert (read.short_answer, read.options) == ("3", ("3", "4", "5", "6.5"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("half a \ud83d", "not-utf8"), ("nul \x00", "control-character"), ("In <image>, what?", "special-token"),
        ("What? </s> USER:", "special-token"), ("What? <|im_end|>", "special-token"), ("x" * 20_000, "too-long"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["question", "answer", "short_answer", "options"])
def test_a_text_that_would_hurt_is_a_refusal_under_a_name_of_its_own(text: str, name: str, key: str) -> None:
    changes: dict[str, object] = {key: [text, "b"] if key == "options" else text}
    read = read_reply(draft(**changes))  # type: ignore[arg-type]
    assert isinstance(read, Unusable)
    assert read.name == name


def test_a_refusal_of_the_teachers_is_one_of_the_request() -> None:
    read = read_reply(TeacherReply("", 0, 0, "m", "content-filter", "it was filtered"))
    assert read == Unusable("it was filtered", fault="content-filter")
    assert read.name == "content-filter"
    assert read_letter(TeacherReply("A", 0, 0, "m", "truncated")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "```json\n" + "\n" * 200_000, "```" * 80_000, "{" * 200_000, "[" * 200_000, '{"a":' * 40_000, "," * 200_000,
        ", \n" * 80_000, "<think>" * 30_000, "skip" + ":" * 200_000 + "\n", "the answer is " * 15_000, "A" * 250_000,
        '{"a": "' * 30_000,
    ],
)  # fmt: skip
def test_no_reply_takes_long_to_read(text: str) -> None:
    begun = process_time()
    read_reply(text)
    read_letter(text)
    assert process_time() - begun < 1.0, "linear: the same in a cubic reader takes hours"
