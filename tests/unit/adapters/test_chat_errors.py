import inspect
from types import ModuleType

import httpx2
import openai
import pytest

from agent.adapters.chat_errors import VENDOR_ERRORS, is_worth_a_retry, translate
from agent.errors import EgressRefused, ModelOutputInvalid, ModelUnavailable


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    found = {c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, Exception) and not issubclass(c, Warning)}
    return sorted(found, key=lambda c: c.__name__)


@pytest.mark.parametrize("kind", exceptions_of(openai) + exceptions_of(httpx2), ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_every_error_of_the_libraries_is_mapped(kind: type[Exception]):
    assert issubclass(kind, VENDOR_ERRORS)
    error = translate(kind.__new__(kind), "http://model/v1", 1.0)
    assert isinstance(error, ModelUnavailable | ModelOutputInvalid)


def test_refused_egress_is_named_and_not_tried_again():
    request = httpx2.Request("POST", "http://192.0.2.1/v1")
    error = openai.APIConnectionError(request=request)
    error.__cause__ = httpx2.ConnectError("x")
    error.__cause__.__cause__ = EgressRefused("refused 192.0.2.1")
    assert not is_worth_a_retry(error)
    assert "allow-list" in str(translate(error, "http://192.0.2.1/v1", 1.0))
