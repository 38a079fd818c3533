"""What can go wrong between the agent and a model server, in our own errors. Pure: it reads errors and raises none.

No message carries the body of a response: servers echo parts of the prompt, and that is a customer's text.
"""

import email.utils
import json
import time

import httpx2
import openai

from agent.errors import AgentError, EgressRefused, ModelOutputInvalid, ModelUnavailable
from agent.model_settings import DEFAULT_MODEL, setting_of

VENDOR_ERRORS: tuple[type[Exception], ...] = (
    openai.OpenAIError,
    openai.InvalidWebhookSignatureError,  # never met by a chat client; here so that none of the library's is unmapped
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    httpx2.CookieConflict,
    json.JSONDecodeError,
    UnicodeDecodeError,
    OSError,  # TimeoutError is one
)
"""All that the client library and what is below it raise for a call; `translate` has an answer to each."""

MAX_RETRY_AFTER_S = 10.0
_RETRIED_STATUS = frozenset({408, 409, 429})
_ABOUT_THIS_PROMPT = frozenset({400, 413, 422})
_HINTS = {
    401: "it doesn't accept the key; check {api_key}",
    403: "it doesn't accept the key; check {api_key}",
    404: "it doesn't know the model or the path; check {model}, and that {base_url} ends in /v1",
    429: "it is over its limits; lower {concurrency} or add replicas",
}
_NAMED = ("api_key", "model", "base_url", "concurrency")


def translate(
    error: Exception, base_url: str, timeout_s: float, name: str = DEFAULT_MODEL, *, is_hurried: bool = False
) -> AgentError:
    """The error of ours that stands for one of `VENDOR_ERRORS`: try again later, or give this prompt up.

    Args:
        error: of the client library.
        base_url: where the model is.
        timeout_s: what the call could take.
        name: of the model, for the settings that may have to be changed.
        is_hurried: whether that was less than the model's own limit, since the caller had no more.
    """
    server = f"the model server at {base_url}"
    if refused := _refusal(error):
        return ModelUnavailable(f"{server} is not on the allow-list of the egress guard: {refused}")
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException | TimeoutError):
        more = "the call had no more" if is_hurried else f"or raise {setting_of(name, 'timeout_s')}"
        return ModelUnavailable(f"{server} did not answer in {timeout_s:.3g} s; check its load, {more}")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, server, name)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError | OSError):
        cause = error.__cause__ or error
        return ModelUnavailable(f"{server} can't be reached ({type(cause).__name__}); check that it runs")
    if isinstance(
        error,
        openai.APIResponseValidationError
        | openai.LengthFinishReasonError
        | openai.ContentFilterFinishReasonError
        | httpx2.DecodingError
        | ValueError,
    ):
        return ModelOutputInvalid(f"{server} answered with something that is not a completion ({type(error).__name__})")
    return ModelUnavailable(f"{server}: the call failed ({type(error).__name__})")


def is_worth_a_retry(error: Exception) -> bool:
    """True if the same request may well work a moment later: connection errors, 408, 409, 429 and 5xx."""
    if _refusal(error):
        return False
    if isinstance(error, openai.APITimeoutError):
        return isinstance(error.__cause__, httpx2.ConnectTimeout)  # a slow answer has used up the call's time
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _RETRIED_STATUS or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)


def was_dropped(error: Exception) -> bool:
    """True if a connection that stood was lost, so that a fresh one may do at once."""
    return isinstance(error, openai.APIConnectionError) and not isinstance(
        error.__cause__, httpx2.ConnectError | httpx2.TimeoutException
    )


def retry_after_s(error: Exception) -> float | None:
    """How long the server asks to wait (0 and up), if it does. Over `MAX_RETRY_AFTER_S` don't wait: give up."""
    if not isinstance(error, openai.APIStatusError):
        return None
    value = error.response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    date = email.utils.parsedate_tz(value) if value else None
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None


def _of_status(error: openai.APIStatusError, server: str, name: str) -> AgentError:
    status = getattr(error, "status_code", 0)
    if status in _ABOUT_THIS_PROMPT:
        return ModelOutputInvalid(f"{server} refused the request (HTTP {status}); the same request won't work later either")
    if 300 <= status < 400:
        hint = f"it redirects, and redirects are not followed; give {setting_of(name, 'base_url')} the final address"
    else:
        hint = _HINTS.get(status, "see the server's own log").format(**{field: setting_of(name, field) for field in _NAMED})
    return ModelUnavailable(f"{server} answered HTTP {status}: {hint}")


def _refusal(error: BaseException) -> EgressRefused | None:
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, EgressRefused):
            return link
        link = link.__cause__ or link.__context__
    return None
