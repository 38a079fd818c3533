"""`innkeeper policy …` as a support lead uses it, with the packaged embedding model."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from policies.load import default_folder, load_pack
from policies.schemas import schema_names, shipped_folder, written
from tests.unit.policies.test_cases import ACTION

ROOT = Path(__file__).parents[3]
CANCEL = ACTION.replace("\\brefund\\b", "\\bpay me back\\b").replace("denied: no,", "denied: refused,")
TEXTS = ("which_order", "too_late", "sure", "paid", "refused", "wait", "who")


def run(tmp_path: Path, *arguments: str, code: int = 0) -> str:
    """What the command prints: on stdout if it ends well, else on stderr and stdout."""
    before = {name: None for name in os.environ if name.startswith("INNKEEPER_")}
    env = {**before, "NO_COLOR": "1", "INNKEEPER_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}
    with contextlib.chdir(tmp_path):
        done = CliRunner().invoke(app, ["policy", *arguments], env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return printed(done.exit_code, code, done.stdout, done.stderr)


def run_apart(tmp_path: Path, *arguments: str, code: int = 0) -> str:
    """The same in a process of its own."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "agent", "policy", *arguments],
        env={**environment, "INNKEEPER_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
    )
    return printed(done.returncode, code, done.stdout, done.stderr)


def printed(ended: int, code: int, stdout: str, stderr: str) -> str:
    assert "Traceback" not in stderr
    assert ended == code, stderr
    return stdout if code == 0 else stdout + stderr


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    run(tmp_path, "new", "pack")
    return tmp_path / "pack"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def with_action(pack: Path) -> Path:
    locales = load_pack(pack).policy.locales
    (pack / "actions").mkdir(exist_ok=True)
    (pack / "actions" / "refund.yaml").write_text(CANCEL)
    (pack / "canned").mkdir(exist_ok=True)
    texts = {key: {locale: f"a {key}" for locale in locales} for key in TEXTS}
    (pack / "canned" / "refund.yaml").write_text(json.dumps({"texts": texts}))
    return pack


def test_a_new_pack_is_the_one_that_ships_and_is_never_written_over(tmp_path: Path, pack: Path) -> None:
    shipped, copied = load_pack(default_folder()), load_pack(pack)
    assert copied.model_copy(update={"sha256": shipped.sha256}) == shipped
    edit(pack / "policy.yaml", "company: Marlowe Stays", "company: Harbour Homes")
    assert "is there already" in run_apart(tmp_path, "new", "pack", code=1)
    run_apart(tmp_path, "new", "another")
    assert load_pack(tmp_path / "another") == copied
    assert load_pack(pack).policy.company == "Harbour Homes"


def test_an_editor_finds_the_schema_of_every_file_of_a_new_pack(pack: Path) -> None:
    for path in pack.rglob("*.yaml"):
        line = path.read_text().splitlines()[0]
        assert line.startswith("# yaml-language-server: $schema=")
        schema = json.loads((path.parent / line.partition("$schema=")[2]).read_text())
        assert schema["$schema"].startswith("https://json-schema.org/")


def test_check_lists_every_mistake_with_its_line(tmp_path: Path, pack: Path) -> None:
    assert "is in order: 11 hard rules" in run_apart(tmp_path, "check", "pack")
    edit(pack / "policy.yaml", "owner:", "ownr:")
    edit(pack / "topics.yaml", "dial: {auto: at most 14% wrong}", "dial: drafft")
    told = run_apart(tmp_path, "check", "pack", code=1)
    assert "pack/policy.yaml:5: ownr: unknown key; did you mean owner?" in told
    assert "`drafft` is no dial (did you mean draft?)" in told
    found = json.loads(run(tmp_path, "check", "pack", "--json", code=1).splitlines()[0])
    assert found["ok"] is False
    assert {"file": "pack/policy.yaml", "line": 5, "what": "ownr: unknown key; did you mean owner?"} in found["problems"]


def test_check_names_the_guidelines_that_few_examples_will_find(tmp_path: Path, pack: Path) -> None:
    assert "fewer than" not in run(tmp_path, "check", "pack")
    told = json.loads(run(tmp_path, "check", "pack", "--json").splitlines()[0])
    assert told["few_examples"] == []
    rules = [f"{{id: r{n}, then: Be brief., when: {{examples: [one way to say it, another way]}}}}" for n in range(6)]
    rules.append("{id: alone, then: Be brief., about: A late stay}")
    (pack / "guidelines" / "new.yaml").write_text("guidelines:\n" + "".join(f"  - {one}\n" for one in rules))
    said = run(tmp_path, "check", "pack")
    assert "7 guidelines with fewer than 10 examples will be missed more often" in said
    assert "r4 (2) and 2 more" in said
    found = json.loads(run(tmp_path, "check", "pack", "--json").splitlines()[0])
    assert found["ok"] is True
    assert {"guideline": "alone", "examples": 0} in found["few_examples"]


@pytest.mark.slow
def test_the_pack_that_ships_passes_its_own_tests(tmp_path: Path) -> None:
    found = json.loads(run_apart(tmp_path, "test", "--json"))
    assert found["ok"] is True
    assert found["failed"] == 0
    assert found["passed"] == len(load_pack(default_folder()).cases) > 15


@pytest.mark.slow
def test_a_rule_that_is_lost_is_noticed_by_the_tests(tmp_path: Path, pack: Path) -> None:
    edit(pack / "guidelines" / "topics.yaml", "refund|refunded|", "refunded|")
    edit(pack / "guidelines" / "topics.yaml", "cancel\\w*|", "")
    told = run(tmp_path, "test", "pack", "-k", "amounts are told", code=1)
    assert "failed amounts are told exactly  pack/tests/guidelines.yaml:" in told
    assert "expected  [exact_amounts]" in told
    assert "0 passed, 1 failed" in told


@pytest.mark.slow
def test_explain_tells_the_rule_and_the_nearest_example(tmp_path: Path) -> None:
    told = run_apart(tmp_path, "explain", "The landlord has threatened to hurt me")
    assert "Decision   handed to a person, queue safety, urgent, by the rule safety; no model is asked" in told
    assert "trigger safety: " in told
    assert "like “the host threatened to hurt me” (0." in told
    found = json.loads(run(tmp_path, "explain", "Könnte ich bitte meinen Hund mitbringen?", "--json"))
    assert (found["decision"], found["language"], found["dial"]) == ("allow", "de", "auto: at most 14% wrong")


@pytest.mark.slow
def test_explain_judges_an_action_on_facts_that_are_given(tmp_path: Path, pack: Path) -> None:
    with_action(pack)
    asked = ("explain", "please pay me back", "--dir", "pack", "--identity", "verified")
    told = run(tmp_path, *asked)
    assert "Action     refund_order: Pay money back (changes something with orders.refund)" in told
    assert "fact order: read with orders.get" in told
    assert "at most 200.00 EUR for a customer in 30d" in told
    facts = ("--fact", "order_id=O-1234", "--fact", "order={id: O-1234, customer: me, total: '60.00', delivered: {days_ago: 3}}")
    found = json.loads(run(tmp_path, *asked, *facts, "--json"))["action"]
    assert (found["decision"], found["decided_by"], found["amount"]) == ("require_approval", "refund_order.approval", "60.00")
    late = ("--fact", "order={id: O-1234, customer: me, total: '60.00', delivered: {days_ago: 31}}")
    told = run(tmp_path, *asked, *late)
    assert "allow_when.in_time: days_since(order.delivered) <= 30  no" in told
    assert "so: deny" in told
    assert "by refund_order.allow_when.in_time" in told
    assert "knows no 'ordr'" in run(tmp_path, *asked, "--fact", "ordr=1", code=2)
    assert "is no amount" in run(tmp_path, *asked, "--fact", "wanted=much", code=2)
    assert "is no fact" in run(tmp_path, *asked, "--fact", "order=&a [*a]", code=2)
    assert "e.g. en or pt" in run(tmp_path, *asked, "--language", "pt-BR", code=2)
    assert "asks for no action" in run(tmp_path, "explain", "May I bring a dog?", "--fact", "order=1", code=2)


@pytest.mark.slow
def test_explain_takes_what_the_message_names(tmp_path: Path) -> None:
    wish = ("explain", "Please cancel my booking MS-104211", "--identity", "verified")
    assert "booking_id: MS-104211, as the message says" in run(tmp_path, *wish)
    assert "booking_id: not in the message" in run(tmp_path, "explain", "Please cancel my booking", "--identity", "verified")
    booking = "booking={booking_id: MS-104211, customer_id: me, status: confirmed, check_in_at: {hours_ahead: 99}, currency: EUR}"
    quote = "quote={refund_cents: 500, currency: EUR}"
    judged = json.loads(run(tmp_path, *wish, "--fact", booking, "--fact", quote, "--json"))["action"]
    assert (judged["decision"], judged["named"], judged["missing"]) == ("allow", {"booking_id": "MS-104211"}, [])


@pytest.mark.slow
def test_explain_tells_which_actions_a_model_is_asked_about(tmp_path: Path) -> None:
    wish = ("explain", "We can't make it, could we come on the 3rd instead?")
    told = run(tmp_path, *wish, "--identity", "verified")
    assert "Action     none is asked for\n  a model that picks actions is asked whether it means one of: move_stay (0." in told
    found = json.loads(run(tmp_path, *wish, "--identity", "verified", "--json"))["shown_to_model"]
    assert found[0]["id"] == "move_stay"
    assert len(found) == 4
    assert json.loads(run(tmp_path, *wish, "--json"))["shown_to_model"] == []
    told = run(tmp_path, "explain", "Is there a supermarket near the house?", "--identity", "verified")
    assert "a model that picks" not in told
    told = run(tmp_path, "explain", "Please cancel my booking", "--identity", "verified")
    assert "a model that picks" not in told


@pytest.mark.slow
def test_diff_tells_rules_and_decisions_that_differ(tmp_path: Path, pack: Path) -> None:
    assert "say the same" in run(tmp_path, "diff", str(default_folder()), "pack")
    edit(pack / "policy.yaml", "version: 0.1.0", "version: 0.2.0")
    topics = pack / "topics.yaml"
    press = (
        "\n  - id: press\n    about: Journalists\n    any: [{pattern: '\\bnewspaper\\b'}]\n    dial: person\n    queue: press\n"
    )
    topics.write_text(topics.read_text() + press)
    row = {"run_id": "r-1", "conversation": [{"author": "customer", "text": "I write for a newspaper, may I bring a dog?"}]}
    other = {"run_id": "r-2", "conversation": [{"author": "customer", "text": "May I bring a dog?"}]}
    (tmp_path / "turns.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(other)}\n")
    found = json.loads(run(tmp_path, "diff", str(default_folder()), "pack", "--records", "turns.jsonl", "--json"))
    assert {"how": "added", "what": "topic press", "details": []} in found["rules"]
    assert {"how": "changed", "what": "policy", "details": ["version: 0.1.0 -> 0.2.0"]} in found["rules"]
    [change] = found["decisions"]
    assert change["why"] == "press"
    assert "decision: allow -> handoff" in change["details"]
    assert found["recorded"] == 2
    told = run_apart(tmp_path, "diff", str(default_folder()), "pack", "--records", "turns.jsonl")
    assert "1 decision differs, over 2 recorded turns" in told


def test_a_schema_for_every_kind_of_file_is_shipped_as_the_code_has_it(tmp_path: Path) -> None:
    """If this fails, `innkeeper policy schema --out policies/schemas` writes them anew."""
    assert {path.stem for path in shipped_folder().glob("*.json")} == set(schema_names())
    for name in schema_names():
        assert (shipped_folder() / f"{name}.json").read_text() == written(name)
    assert json.loads(run_apart(tmp_path, "schema", "actions/refund.yaml"))["title"] == "Action"


def test_a_file_of_no_turns_is_told(tmp_path: Path, pack: Path) -> None:
    (tmp_path / "turns.jsonl").write_text("{}\nnonsense\n")
    assert "turns.jsonl:2: is no recorded turn" in run(
        tmp_path, "diff", str(default_folder()), "pack", "--records", "turns.jsonl", code=1
    )


def test_what_a_rule_has_counted_is_explained(tmp_path: Path) -> None:
    once = run(tmp_path, "explain", "You are wasting my time!")
    assert "it may be answered: no hard rule stands in the way" in once
    assert "trigger anger: its pattern found “wasting my time”; 1 of 2 messages of its kind so far" in once
    twice = run(tmp_path, "explain", "You are wasting my time!", "--earlier", "This is unacceptable", "--unanswered", "1")
    assert "the rule anger has this said behind the reply, once in a conversation" in twice
    assert "“If you would rather have a colleague at Marlowe Stays look into this, just say so.”" in twice
    assert "2 of 2 messages of its kind so far" in twice
    assert "trigger no_way_on: 1 of 3 replies in a row that were no answer so far" in twice
    down = json.loads(run(tmp_path, "explain", "Cancel my booking", "--tool-failures", "5", "--json"))
    assert (down["decision"], down["rule"]) == ("handoff", "tool_down")
    [counted] = [one["counts"] for one in down["rules"] if one["id"] == "tool_down"]
    assert counted == [{"what": "tool_failures", "so_far": 5, "needed": 5}]
    assert "a message is empty" in run(tmp_path, "explain", "Hello", "--earlier", " ", code=2)
