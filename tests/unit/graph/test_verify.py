from agent.graph.claims import Claim
from agent.graph.nodes.verify import in_own_words


def test_a_word_of_the_same_stem_is_another_word():
    insured = Claim("The insurer costs 5.5%.", 0, "The insurance costs 5.5% of the price.", 1.0)
    assert not in_own_words([insured])


def test_a_shortened_sentence_is_in_its_own_words():
    assert in_own_words([Claim("The longest stay is 180 nights.", 0, "The longest stay is 180 nights in a row.", 1.0)])
