import pytest

from agent.graph.pointing import Reference, has_pronoun, names_nothing, references, unresolved
from tests.fakes import HashedWordsEmbedder

EMBEDDER = HashedWordsEmbedder()


def pointed(text: str) -> list[str]:
    return [" ".join(reference.words) for reference in references(text)]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("How long does this library keep old books?", ["library keep old books"]),
        ("Is the deposit back yet?", ["deposit back"]),
        ("What are the fees? And those late ones?", ["fees", "late ones"]),
        ("What is the fee for a permit?", []),
        ("Where is the form that I sent?", []),
        ("Who runs the Tate Modern?", []),
        ("Is it known in the world?", []),
        ("Is this it?", []),
        ("Can I bring a dog?", []),
    ],
)
def test_a_phrase_points_unless_it_is_told_which(text: str, phrases: list[str]) -> None:
    assert pointed(text) == phrases


def test_this_points_harder_than_the() -> None:
    assert references("The loan. This loan.") == [Reference(("loan",), False), Reference(("loan",), True, 1)]


def test_what_nobody_has_named_is_unresolved() -> None:
    assert unresolved(EMBEDDER, "Is the deposit back?", ()) == 1.0
    assert unresolved(EMBEDDER, "When does this library open?", ("Dogs are welcome.",)) == pytest.approx(1.0)


def test_what_was_named_is_resolved_without_a_model() -> None:
    assert unresolved(NoEmbedder(), "Is the deposit due?", ("Is there a deposit?", "The deposit is due.")) == 0.0
    assert unresolved(NoEmbedder(), "I paid a deposit. When do I see the deposit?", ()) == 0.0


def test_what_was_nearly_named_is_nearly_resolved() -> None:
    near = unresolved(EMBEDDER, "Is the city library far?", ("There is a library.",))
    assert 0.0 < near < 1.0


def test_the_phrase_that_is_farthest_counts() -> None:
    talk = ("The library has books.",)
    assert unresolved(EMBEDDER, "Does the library want the deposit?", talk) == pytest.approx(1.0)


def test_a_case_is_never_named_by_its_own_word() -> None:
    assert unresolved(EMBEDDER, "What do I pay in this case?", ("In this case call us.",)) == 1.0


def test_what_is_said_later_in_the_request_names_nothing_before_it() -> None:
    assert unresolved(EMBEDDER, "Is the deposit safe? I paid a deposit.", ()) == 1.0


def test_a_request_that_points_at_nothing_is_resolved() -> None:
    assert unresolved(NoEmbedder(), "Can I bring a dog?", ()) == 0.0


@pytest.mark.parametrize("text", ["how much is it?", "help", "Can I change it?", "what about the fee", "it doesn't work", "??"])
def test_a_request_without_a_subject_names_nothing(text: str) -> None:
    assert names_nothing(text)


@pytest.mark.parametrize(
    "text",
    ["What are sandboxes?", "Can I change the date of it?", "dogs", "Wie teuer ist das?", "When can we get in and be out?"],
)
def test_a_request_with_a_subject_names_it(text: str) -> None:
    assert not names_nothing(text)


def test_a_pronoun_is_a_word_of_its_own() -> None:
    assert has_pronoun("Is it far?")
    assert not has_pronoun("Is Italy far?")


class NoEmbedder(HashedWordsEmbedder):
    """Must not be asked."""

    def embed(self, texts: object) -> None:  # type: ignore[override]
        raise AssertionError(f"asked for {texts}")
