"""`innkeeper eval grounding` on a small file, with the built-in verifier and the real embedding model."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.grounding.reply import reply_models
from agent.grounding.verifier import BuiltInVerifier
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.types import Audience, DocumentId, Passage, PassageId

pytestmark = pytest.mark.slow
PASSAGE = {"title": "Pets", "text": "A dog costs €12 per night. You can bring two dogs if the listing says Pets allowed."}
REPLIES = [
    {"id": "true", "reply": "Hi! A dog costs €12 per night.", "passages": [PASSAGE], "supported": True},
    {"id": "number", "reply": "A dog costs €15 per night.", "passages": [PASSAGE], "supported": False},
    {"id": "condition", "reply": "You can bring two dogs.", "passages": [PASSAGE], "supported": False},
    {"id": "promise", "reply": "We will refund you in full.", "passages": [PASSAGE["text"]], "supported": False},
    {"id": "polite", "reply": "Thanks for writing!", "passages": [PASSAGE]},
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INNKEEPER_DATA_DIR", str(tmp_path / "data"))
    path = tmp_path / "replies.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in REPLIES), encoding="utf-8")
    return path


def test_verdicts_figures_and_page_of_a_file(file: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["eval", "grounding", str(file), "--json", "--report", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {case["id"]: case["passes"] for case in told["cases"]} == {
        **{"true": True, "number": False, "condition": False, "promise": False, "polite": True}
    }
    assert (told["judged"], told["passed_unsupported"], told["stopped_supported"], told["auroc"]) == (4, 0, 0, 1.0)
    (first, *_) = told["cases"]
    assert first["sentences"][0]["quote"] == "A dog costs €12 per night."
    assert "number 15 is not in the article" in json.dumps(told["cases"][1])
    assert "A dog costs €15 per night." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_encoder_in_use_is_the_one_whose_pieces_the_model_of_replies_knows() -> None:
    """Another rounding or other weights would leave it with less, silently: `python -m tests.bench.train_reply --write`."""
    assert SentenceTransformerEmbedder(threads=1).token_model() == reply_models().token_model


def test_a_reply_that_keeps_to_its_passages_ranks_above_one_that_speaks_for_itself() -> None:
    text = "A dog costs €12 per night. You can bring two dogs if the listing says Pets allowed."
    passage = Passage(PassageId("p"), DocumentId("d"), "", 0, "Pets", (), text, Audience.PUBLIC)
    verifier = BuiltInVerifier(SentenceTransformerEmbedder(threads=1))

    def chance(*sentences: str) -> float:
        return verifier.verify_reply("Do you like dogs?", " ".join(sentences), sentences, [passage]).probability

    kept = chance("Each night with a dog costs €12.")
    assert chance("A dog costs €12 per night.") > 0.8
    assert kept > chance("Yes, I love dogs, they are the best!")
    assert kept > chance("Each night with a dog costs €12.", "It will have a great time at the beach with us.")


def test_a_person_reads_three_lines(file: Path) -> None:
    done = CliRunner().invoke(app, ["eval", "grounding", str(file)])
    assert done.exit_code == 0, done.output
    assert "2 of 5 replies pass" in done.stdout
    assert "0 pass though unsupported, 0 are stopped though supported" in done.stdout


def test_wrong_use_and_broken_files_are_told(file: Path, tmp_path: Path) -> None:
    wrong = CliRunner().invoke(app, ["eval", "grounding", str(file), "--report", str(tmp_path / "no" / "page.html")])
    assert wrong.exit_code == 2
    file.write_text('{"passages": []}\n', encoding="utf-8")
    broken = CliRunner().invoke(app, ["eval", "grounding", str(file)])
    assert broken.exit_code == 1
    assert "line 1: `reply`" in broken.stderr
