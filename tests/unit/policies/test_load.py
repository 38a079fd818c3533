import itertools
import shutil
from pathlib import Path

import pytest

from policies.errors import RulesInvalid
from policies.load import default_folder, load_pack


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(RulesInvalid) as caught:
        load_pack(folder)
    return caught.value.problems


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the first `old`; the line it was on."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_unknown_key_names_file_line_and_nearest_key(folder: Path) -> None:
    line = edit(folder, "policy.yaml", "owner:", "ownr: someone\nowner:")
    assert problems(folder) == (f"{folder}/policy.yaml:{line}: ownr: unknown key; did you mean owner?",)


def test_unknown_key_deep_in_a_list_names_its_line(folder: Path) -> None:
    line = edit(folder, "escalation.yaml", "        threshold: 0.66", "        treshold: 0.66")
    found = problems(folder)
    assert any(p.startswith(f"{folder}/escalation.yaml:{line}: ") and "did you mean threshold?" in p for p in found)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("escalation.yaml", "    say: safety", "    say: saftey", "there is no text `saftey`; did you mean safety?"),
        ("escalation.yaml", "  - id: legal", "  - id: safety", "`safety` is already used in escalation.yaml"),
        ("guidelines/tone.yaml", "id: plain_words", "id: safety", "`safety` is already used in escalation.yaml"),
        ("escalation.yaml", "    de: ", "    xx: ", "locale `de` is missing"),
        ("disclosure.yaml", "  de: ", "  xx: ", "locale `de` is missing"),
        ("disclosure.yaml", "{company}", "{firm}", "unknown placeholder {firm}"),
        ("escalation.yaml", "action: handoff", "action: shout", "'handoff'"),
        ("policy.yaml", "version: 0.1.0", "version: one", "pattern"),
        ("policy.yaml", "mode: auto", "mode: automatic", "'auto', 'draft' or 'shadow'"),
        ("policy.yaml", "owner: Support operations\n", "", "`owner` is missing; add it"),
        ("privacy.yaml", "anonymous: [public]", "anonymous: [public, internal]", "can't be given to a customer"),
        ("privacy.yaml", "messages: 90d", "messages: soon", "pattern"),
    ],
)
def test_mistake_is_named_with_its_line(folder: Path, name: str, old: str, new: str, said: str) -> None:
    edit(folder, name, old, new)
    found = problems(folder)
    assert any(said in p and p.startswith(f"{folder}/{name}:") for p in found), found


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(unclosed", "not a regular expression"),
        ("a{99999999999999999999}", "not a regular expression"),
        ("(" * 5000 + "a" + ")" * 5000, "not a regular expression"),
        ("x*", "finds something in every message"),
        ("(?:refund)?", "finds something in every message"),
        ("Caf.", "small letters"),
        ("café", "write 'e'"),
        ("a.*b", "write a limit"),
        ("(?:a+)+b", "take for ever"),
        (r"\b(?:\w{1,20} ?){1,20}refund", "takes too long on a long message"),
        ("(?:a|aa)+refund", "takes too long on a long message"),
        ("(?:[a-z]{1,10} ?){2,30}[0-9]", "takes too long on a long message"),
    ],
)
def test_pattern_that_is_broken_or_dangerous_is_refused(folder: Path, pattern: str, said: str) -> None:
    (folder / "guidelines" / "more.yaml").write_text(
        f"guidelines:\n  - id: x\n    when:\n      pattern: '{pattern}'\n    then: y\n"
    )
    (found,) = problems(folder)
    assert said in found
    assert f"{folder}/guidelines/more.yaml:" in found


@pytest.mark.parametrize(
    "content", ["a: [1", "- just\n- a list", "", "\tx: 1", "a: 1\na: 2", "a: *nowhere", "x: !!python/object:os.system {}"]
)
def test_bad_yaml_is_a_problem_and_no_traceback(folder: Path, content: str) -> None:
    (folder / "policy.yaml").write_text(content)
    (found,) = problems(folder)
    assert found.startswith(f"{folder}/policy.yaml:")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 1_000, b"# " + b"x" * 1_100_000])
def test_bytes_that_are_no_policy_are_a_problem(folder: Path, content: bytes) -> None:
    (folder / "privacy.yaml").write_bytes(content)
    (found,) = problems(folder)
    assert "privacy.yaml" in found


def test_all_problems_come_at_once(folder: Path) -> None:
    (folder / "privacy.yaml").unlink()
    (folder / "disclosur.yaml").write_text("x: 1\n")
    edit(folder, "policy.yaml", "owner:", "ownr:")
    edit(folder, "escalation.yaml", "    say: safety", "    say: nothing")
    found = "\n".join(problems(folder))
    for said in ("privacy.yaml: is missing", "did you mean disclosure.yaml?", "did you mean owner?", "no text `nothing`"):
        assert said in found


def test_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in problems(tmp_path / "file")[0]
    assert "does not exist" in problems(tmp_path / "nowhere")[0]


def test_missing_required_text_is_a_problem(folder: Path) -> None:
    edit(folder, "escalation.yaml", "  technical:", "  technicals:")
    assert any("`technical` is missing" in p for p in problems(folder))


def test_stamp_changes_with_every_byte_and_name(folder: Path) -> None:
    stamps = [load_pack(folder).sha256]
    edit(folder, "guidelines/tone.yaml", "# Soft rules", "# soft rules")
    stamps.append(load_pack(folder).sha256)
    (folder / "README.md").write_text("hello")
    stamps.append(load_pack(folder).sha256)
    (folder / "README.md").rename(folder / "READ.md")
    stamps.append(load_pack(folder).sha256)
    assert len(set(stamps)) == 4


def test_stamp_is_the_same_elsewhere_and_without_hidden_files(folder: Path, tmp_path: Path) -> None:
    before = load_pack(folder).sha256
    (folder / ".policy.yaml.swp").write_bytes(b"\x00")
    assert load_pack(folder.rename(tmp_path / "moved")).sha256 == before


def test_folder_of_links_is_read(folder: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for path in folder.iterdir():
        (mounted / path.name).symlink_to(path)
    assert load_pack(mounted).sha256 == load_pack(folder).sha256


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("actions/cancel_booking.yaml", "tool: ", "  tool: "),
        ("actions/cancel_booking.yaml", "tool: ", "tol: "),
        ("canned/bookings.yaml", "texts:", "texts: ["),
        ("guidelines/topics.yaml", "guidelines:", "guidelines: ["),
        ("topics.yaml", "otherwise:", "otherwise: ["),
        ("escalation.yaml", "triggers:", "triggers: ["),
        ("tests/bookings.yaml", "- name:", "- name: ["),
    ],
)
def test_no_other_file_is_blamed_for_one_that_cannot_be_read(tmp_path: Path, name: str, old: str, new: str) -> None:
    folder = tmp_path / "whole"
    shutil.copytree(default_folder(), folder)
    edit(folder, name, old, new)
    assert {p.split(":")[0] for p in problems(folder)} == {f"{folder}/{name}"}


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in itertools.pairwise("abcdefgh")
)


@pytest.mark.parametrize("text", ["- &a [*a]\n", "- name: x\n  given: {action: x, order: &o {is: *o}}\n", LAUGHS])
def test_a_file_that_never_ends_is_told_and_not_read_for_ever(folder: Path, text: str) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "odd.yaml").write_text(text)
    [found] = problems(folder)
    assert found.startswith(f"{folder}/tests/odd.yaml:1: is not valid YAML (it repeats itself")


def test_what_is_written_once_may_be_used_twice(folder: Path) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "two.yaml").write_text(
        "- name: one\n  given: &given {message: There is a fire}\n  expect: {decision: handoff}\n"
        "- name: two\n  given: *given\n  expect: {rule: safety}\n"
    )
    assert len(load_pack(folder).cases) == 2
