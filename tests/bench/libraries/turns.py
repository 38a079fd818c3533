"""The queries of a set in their variants. Pure."""

from collections.abc import Mapping

from knowledge.evaluation.run import turns
from tests.bench.libraries.job import Asked

AS_GIVEN, WHOLE, LAST = "as given", "whole", "last turn"


def variants(queries: Mapping[str, str]) -> list[Asked]:
    """Every query whole, then every one's last turn; only once, as given, if none of them is a conversation."""
    if all(turns(text)[-1] == text.strip() for text in queries.values()):
        return [Asked(AS_GIVEN, query_id, text) for query_id, text in queries.items()]
    whole = [Asked(WHOLE, query_id, text) for query_id, text in queries.items()]
    return whole + [Asked(LAST, query_id, turns(text)[-1]) for query_id, text in queries.items()]
