import json
from pathlib import Path

from agent.privacy.traces import blacken, files_with


def test_what_names_a_customer_is_blackened_in_logs_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    line = '{"conversation_id": "demo:3", "event": "run_started"}\n'
    log.write_text(line + line.replace("demo:3", "demo:31") + "conversation_id=demo:3 by ada@example.org.\n")
    (tmp_path / "older.log.1").write_text("demo:3\n")
    length = log.stat().st_size
    with log.open("ab") as writer:  # as a process that runs
        assert blacken(tmp_path, ["demo:3", "ada@example.org"]) == 4
        writer.write(b"next\n")
    told = log.read_text()
    assert log.stat().st_size == length + len("next\n")
    assert told.endswith("\nnext\n")
    assert '"conversation_id": "******", "event": "run_started"' in told
    assert '"demo:31"' in told, "another conversation"
    assert "conversation_id=****** by ***************.\n" in told
    assert files_with(tmp_path, ["ada@example.org"]) == []


def test_short_words_and_folders_that_are_not_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("c-1 c-1")
    assert blacken(tmp_path, ["c-1"]) == 0
    assert blacken(tmp_path / "none", ["guest-anna"]) == 0


def test_a_name_is_found_in_any_case_and_as_json_writes_it(tmp_path: Path) -> None:
    line = json.dumps({"conversation_id": "café:Zürich-7", "who": 'the "heron"', "by": "Anna@Marks.example"}) + "\n"
    (tmp_path / "worker.log").write_text(line)
    assert "Zürich" not in line
    for word in ("café:Zürich-7", 'the "heron"', "anna@marks.example"):
        assert files_with(tmp_path, [word]) == [tmp_path / "worker.log"], word
    assert blacken(tmp_path, ["café:Zürich-7", "anna@marks.example", "CAFÉ:elsewhere"]) == 2
    told = json.loads((tmp_path / "worker.log").read_text())
    assert set(told["conversation_id"]) == set(told["by"]) == {"*"}
    assert files_with(tmp_path, ["café:Zürich-7", "anna@marks.example"]) == []
