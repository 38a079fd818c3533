"""Reads a knowledge base and makes every check. The only part of health that reads anything."""

from knowledge.base import KnowledgeBase
from knowledge.health.shelf import Shelf, make_shelf
from knowledge.types import DocumentId


def read_shelf(base: KnowledgeBase) -> Shelf:
    """Every article with its passages and vectors, page by page.

    100,000 passages with vectors of 384 take about 400 MB.
    """
    sources: dict[DocumentId, str] = {copy.doc_id: copy.source for copy in base.documents()}
    return make_shelf(base.everything(), sources)
