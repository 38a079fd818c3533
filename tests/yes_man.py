"""A judge that finds everything supported, and quotes for each statement the sentence that is most like it. Knows the prompt."""

import json
import re

from agent.completions import Completion, Prompt
from knowledge.sentences import split_sentences
from knowledge.terms import content_terms
from tests.fakes_model import FakeChatModel

_PASSAGE = re.compile(r'<passage n="(\d+)"[^>]*>\n(.*?)\n</passage>', re.DOTALL)
_STATEMENT = re.compile(r'<statement n="(\d+)" passage="(\d+)">\n(.*?)\n</statement>', re.DOTALL)


def yes_to_all(prompt: str) -> str:
    """The verdicts on the user part of a prompt that asks for them."""
    passages = {n: split_sentences(text, "en") for n, text in _PASSAGE.findall(prompt)}
    return json.dumps(
        {
            "verdicts": [
                {"statement": int(n), "quote": _most_like(statement, passages[where]), "supported": True}
                for n, where, statement in _STATEMENT.findall(prompt)
            ]
        }
    )


def _most_like(statement: str, sentences: list[str]) -> str:
    wanted = set(content_terms(statement))
    return max(sentences, key=lambda sentence: len(wanted & set(content_terms(sentence))))


class YesMan(FakeChatModel):
    """A chat model that says yes when it is asked to judge, and what it was told to otherwise."""

    async def complete(self, prompt: Prompt) -> Completion:
        user = prompt.messages[-1][1]
        if "<statements>" in user:
            self._replies.insert(0, yes_to_all(user))
        return await super().complete(prompt)
