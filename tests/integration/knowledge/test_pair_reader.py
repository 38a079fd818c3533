"""The reader of pairs with the packaged encoder and the additions that ship."""

from pathlib import Path

import numpy as np
import pytest

from agent.grounding.second_look import pair_of
from agent.grounding.source import source_of_texts
from agent.grounding.verifier import BuiltInVerifier
from agent.grounding.wording import read
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.errors import EmbeddingUnavailable
from knowledge.pair_input import Marked, Reading
from knowledge.pair_reader import PairReader, additions

SOURCE = source_of_texts(
    [
        ["You get all of your money back if you cancel at least 5 days before arrival.", "Later than that you get half."],
        ["Pets are welcome in ground-floor rooms.", "Each pet costs 10 euros a night."],
    ]
)
RIGHT = "Cancel 5 days or more before you arrive and we return the full amount."
WRONG = "Cancel 9 days or more before you arrive and we return the full amount."


def pair(claim: str) -> Marked:
    return pair_of(claim, "", SOURCE, SOURCE.region(read(claim)), [])


@pytest.fixture(scope="module")
def reader() -> PairReader:
    return PairReader(threads=2)


def told(reader: PairReader, *claims: str) -> list[Reading]:
    return reader.read([pair(claim) for claim in claims])


def test_a_free_wording_that_is_right_is_told_from_one_that_is_wrong(reader: PairReader) -> None:
    right, wrong = told(reader, RIGHT, WRONG)
    assert right.logit > wrong.logit + 1


def test_the_word_that_is_wrong_is_pointed_at(reader: PairReader) -> None:
    (wrong,) = told(reader, WRONG)
    worst = int(np.argmax(wrong.wrong))
    assert read(WRONG)[worst].text == "9"


def test_a_pair_is_read_alike_alone_and_among_others(reader: PairReader) -> None:
    (alone,) = told(reader, RIGHT)
    assert told(reader, WRONG, RIGHT, "Pets cost 10 euros.")[1] == alone


def test_an_empty_list_reads_nothing(reader: PairReader) -> None:
    assert reader.read([]) == []


def test_additions_that_are_broken_are_told_with_the_folder(tmp_path: Path) -> None:
    broken = tmp_path / "additions.npz"
    kept = additions()
    np.savez(broken, **{name: value for name, value in kept.items() if name != "flag"})
    with pytest.raises(EmbeddingUnavailable, match="can't be loaded"):
        PairReader(additions=broken).read([pair(RIGHT)])


def test_what_is_trained_in_torch_is_what_runs(reader: PairReader) -> None:
    """Up to the eight bits: logits of some standard deviations apart agree to a fraction of one."""
    import torch

    from knowledge.pair_input import pair_input
    from tests.bench.grounding.reader import Reader, batch_of

    model = Reader()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in additions().items()}, strict=False)
    model.eval()
    tokenizer = reader.tokenizer
    for claim, reading in zip((RIGHT, WRONG), told(reader, RIGHT, WRONG), strict=True):
        batch = batch_of([pair_input(tokenizer, pair(claim))])
        batch["lower"] = model.lower(batch)
        with torch.no_grad():
            _, logit = model(batch)
        assert reading.logit == pytest.approx(float(logit[0]), abs=0.5)


def test_the_verifier_weighs_what_is_read(reader: PairReader) -> None:
    embedder = SentenceTransformerEmbedder()
    texts = ["You get all of your money back if you cancel at least 5 days before arrival."]
    source = source_of_texts([texts])
    claim = "Cancel 5 days or more before you arrive and your money comes back in full."
    alone, read_too = (BuiltInVerifier(embedder, reader=one).judge("", [claim], source, [""])[0] for one in (None, reader))
    assert alone.is_open
    assert read_too.probability != alone.probability
