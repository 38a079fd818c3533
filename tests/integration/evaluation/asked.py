"""A small knowledge base, and a model that says of each question what a script has for it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from typer.testing import CliRunner

from agent.cli.commands import app
from tests.faulty_server import FaultyServer, Reply, Request, completion, in_thread, status

ARTICLES = {
    "pet-fees": "# Pet fees\n\nA dog costs €12 per night. A cat costs €5 per night.\n",
    "wifi": "# Wifi\n\nThe wifi password is in the house manual under Trips.\n",
    "pool": "# Pool\n\nThe pool is open from May to September.\n",
}
DOG, CAT, WIFI = "How much does a dog cost per night?", "How much does a cat cost per night?", "Where is the wifi password?"
PERSON = "I want to talk to a human, please."
CASES = (
    {"id": "dog", "question": DOG, "decision": "answer", "doc_ids": ["pet-fees"], "facts": ["€12"]},
    {"id": "cat", "question": CAT, "decision": "answer", "doc_ids": ["pet-fees"], "facts": ["€7"]},
    {"id": "wifi", "question": WIFI, "doc_ids": ["wifi"]},
    {"id": "person", "question": PERSON, "decision": "handoff", "kind": "person"},
)
TRUE = {DOG: "A dog costs €12 per night.", CAT: "A cat costs €5 per night.", WIFI: "The wifi password is in the house manual."}


@dataclass
class Scripted(FaultyServer):
    """Drafts `says`; what it has nothing for it can't answer. A question in `instead` gets that reply."""

    says: Mapping[str, str] = field(default_factory=lambda: dict(TRUE))
    instead: dict[str, Reply] = field(default_factory=dict)
    drafted: list[str] = field(default_factory=list)

    def choose(self, request: Request) -> Reply:
        if request.path.endswith("/models"):
            return status(200, {"object": "list", "data": [{"id": "innkeeper-chat", "object": "model"}]})
        asked = re.findall(r'<message from="customer">\n(.*?)\n</message>', request.body["messages"][-1]["content"], re.DOTALL)[
            -1
        ]
        self.drafted.append(asked)
        if asked in self.instead:
            return self.instead[asked]
        said = self.says.get(asked)
        sentences = [{"text": said, "passage": 1}] if said else []
        return completion(json.dumps({"answerable": bool(said), "sentences": sentences}))


@contextmanager
def scripted() -> Iterator[tuple[Scripted, dict[str, str]]]:
    """The model, and the settings that name it."""
    model = Scripted([])
    with in_thread(model) as url:
        settings = {"INNKEEPER_LLM_BASE_URL": url, "INNKEEPER_LLM_PROFILE": "qwen3", "INNKEEPER_LLM_TIMEOUT_S": "60"}
        yield model, settings


def run(data: Path, *arguments: str, **settings: str) -> CompletedProcess[str]:
    """One command, in this process."""
    done = CliRunner().invoke(app, arguments, env={"INNKEEPER_DATA_DIR": str(data), **settings})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def fill(folder: Path, **changed: str) -> Path:
    """A data folder with the articles in it. It may be filled again with other ones."""
    articles = folder / "articles"
    articles.mkdir(parents=True, exist_ok=True)
    for name, text in {**ARTICLES, **{name.replace("_", "-"): text for name, text in changed.items()}}.items():
        (articles / f"{name}.md").write_text(f"---\nid: {name}\naudience: public\n---\n{text}", encoding="utf-8")
    done = run(folder / "data", "ingest", str(articles))
    assert done.returncode == 0, done.stderr
    return folder / "data"


def written(path: Path, *cases: Mapping[str, object]) -> Path:
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    return path
