import json
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.evaluation.runs import Header, RunFile, pick, read_run
from tests.unit.evaluation.made import made, record

HEADER = Header(
    kind="answers", innkeeper="1", model="m", profile="p", policy="1", knowledge="k", parts="packaged", cases="c", began="then"
)


def test_records_are_there_as_soon_as_they_are_added(tmp_path: Path):
    path = tmp_path / "deep" / "run.jsonl"
    with RunFile(path, HEADER) as file:
        file.add(record("a", made()))
        assert read_run(path).records == (record("a", made()),)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_run_goes_on_where_it_stopped_and_keeps_its_begin(tmp_path: Path):
    path = tmp_path / "run.jsonl"
    with RunFile(path, HEADER) as file:
        file.add(record("a", made()))
    with path.open("ab") as torn:
        torn.write('{"id": "b", "said": [{"author": "customer", "text": "€'.encode()[:-1])
    assert [one.id for one in read_run(path).records] == ["a"]
    with RunFile(path, HEADER.model_copy(update={"began": "now"})) as file:
        assert (list(file.done), file.header.began) == (["a"], "then")
        file.add(record("c", made()))
    assert [one.id for one in read_run(path).records] == ["a", "c"]


def test_a_later_record_of_a_case_counts(tmp_path: Path):
    with RunFile(tmp_path / "run.jsonl", HEADER) as file:
        file.add(record("a", None, failed="down"))
        file.add(record("a", made()))
    (only,) = read_run(tmp_path / "run.jsonl").records
    assert only.made == made()


def test_another_header_is_told_with_both_values_and_what_to_do(tmp_path: Path):
    path = tmp_path / "run.jsonl"
    with RunFile(path, HEADER) as file:
        file.add(record("a", made()))
    other = HEADER.model_copy(update={"policy": "2", "model": "qwen"})
    with pytest.raises(
        AgentError, match=r"the model \(m then, qwen now\); the policy \(1 then, 2 now\)\. Begin anew with --fresh"
    ):
        RunFile(path, other).__enter__()
    with RunFile(path, other, fresh=True) as file:
        assert file.done == {}
        assert file.kept == tmp_path / "run-1.jsonl"
        file.add(record("b", made()))
    assert [one.id for one in read_run(tmp_path / "run-1.jsonl").records] == ["a"]
    assert read_run(path).header == other
    with RunFile(path, HEADER, fresh=True) as file:
        assert file.kept == tmp_path / "run-2.jsonl"


def test_a_run_of_other_code_is_refused_one_of_before_code_was_noted_too(tmp_path: Path):
    path = tmp_path / "run.jsonl"
    with RunFile(path, HEADER.model_copy(update={"code": "0123"})) as file:
        file.add(record("a", made()))
    with pytest.raises(AgentError, match=r"Innkeeper's code \(0123 then, 4567 now\)\. Begin anew with --fresh"):
        RunFile(path, HEADER.model_copy(update={"code": "4567"})).__enter__()
    before = json.dumps({name: value for name, value in HEADER.model_dump().items() if name != "code"})
    path.write_text(f"{before}\n{record('a', made()).model_dump_json()}\n")
    assert [one.id for one in read_run(path).records] == ["a"]
    with pytest.raises(AgentError, match=r"Innkeeper's code \(unknown then, 4567 now\)"):
        RunFile(path, HEADER.model_copy(update={"code": "4567"})).__enter__()


def test_two_processes_never_write_one_run(tmp_path: Path):
    with RunFile(tmp_path / "run.jsonl", HEADER), pytest.raises(AgentError, match="another process writes"):
        RunFile(tmp_path / "run.jsonl", HEADER).__enter__()


def test_what_is_no_run_is_said(tmp_path: Path):
    path = tmp_path / "cases.jsonl"
    path.write_text('{"question": "a"}\n')
    with pytest.raises(AgentError, match="is no run file"):
        read_run(path)
    with pytest.raises(AgentError, match="can't be read"):
        read_run(tmp_path / "none.jsonl")
    path.write_text(json.dumps({**HEADER.model_dump(), "format": 9}) + "\n")
    with pytest.raises(AgentError, match="another form"):
        read_run(path)
    path.write_text(HEADER.model_dump_json() + "\nnonsense\n" + record("a", made()).model_dump_json() + "\n")
    with pytest.raises(AgentError, match="line 2, is damaged"):
        read_run(path)


def test_records_are_picked_in_the_order_of_the_cases():
    records = [record("a", made()), record("b", made())]
    assert [one.id for one in pick(records, ["b", "x", "a"])] == ["b", "a"]
