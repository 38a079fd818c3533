import subprocess
import sys

HEAVY = ("torch", "chromadb", "openai", "sentence_transformers", "tantivy", "fastapi", "docket", "redis", "langgraph", "lingua")


def test_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, agent.__main__, agent.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_searching_and_starting_the_others_needs_no_graph_and_no_client_of_a_model():
    lazy = {"langgraph", "langchain_core", "openai"}
    modules = "agent.cli.ingest, agent.cli.doctor, agent.cli.house, agent.cli.shadow, agent.wiring.desk, agent.wiring.shelf"
    code = f"import sys; import {modules}; print(sorted(set({lazy!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
