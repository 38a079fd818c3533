import subprocess
import sys

HEAVY = ("torch", "chromadb", "openai", "sentence_transformers", "tantivy", "fastapi", "docket", "redis", "langgraph", "lingua")


def test_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, agent.__main__, agent.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
