"""What is known of each model the agent may be pointed at, as data: `agent/profiles/*.toml`.

A profile says how to ask: sampling, thinking, structured output, prompt style; and which package carries the weights of a
packaged model. It never says where: addresses and keys are settings. Nor how a server runs it: that is `deploy/models`.
"""

import difflib
import math
import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.errors import SettingsInvalid

BYTES_PER_TOKEN = 3
"""On the safe side: articles of the sample help centre are 3.4 to 4.6 bytes a token (Gemma 3's tokenizer)."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(_Data):
    """How the next token is drawn; always sent, since servers take other defaults from the checkpoint."""

    temperature: Annotated[float, Field(ge=0, le=2)]
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    seed: int | None = None


class Weights(_Data):
    """A model file that an installed package carries.

    Attributes:
        package: what to install, with its version.
        module: importable name of the package that holds `file`.
        file: path of the file in the module; or, with `parts`, the name of the file made of them.
        parts: `module:path` of the pieces, in order, if the file is carried in pieces.
        sha256: of the whole file; nothing else is ever loaded.
    """

    package: str
    module: str
    file: str
    parts: tuple[str, ...] = ()
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence: str
    megabytes: int


class ModelProfile(_Data):
    """One model.

    Attributes:
        name: what `INNKEEPER_LLM_PROFILE` says.
        model: the name the server is asked for.
        context_tokens: prompt and answer together.
        structured_sampling: for calls that ask for JSON, `sampling` if not given.
        thinking: whether the model may think before it answers; thoughts are never shown.
        send_enable_thinking: whether its chat template knows the switch.
        reasoning_effort: how hard a model thinks that can't be told not to; asked for in every call.
        thinking_tokens: room for its thoughts, beside what the prompt asks for.
        structured: what the server holds an answer to when the prompt has a schema.
        prompt_style: `chat` asks for numbered claims as JSON; the others show worked examples and ask for plain text,
            as a chat or as a text to be continued (for base models).
        max_passages: how many passages a draft prompt shows it.
        rewrites_queries: whether it is asked to put a follow-up as a question that stands alone, where the search without
            that isn't sure. One more call, at most; for a model that can follow rules.
        picks_actions: whether it is asked which action a customer means whom no pattern understands. Beside a question to search
            with it is the turn's one call before the draft; for a model that can follow rules.
        demonstration: True for a model too weak for customers: the product says so when it starts.
        chat_template: Jinja, if the one in the weights is missing or unfit.
    """

    name: str
    model: str
    context_tokens: Annotated[int, Field(ge=512)]
    max_output_tokens: Annotated[int, Field(ge=16)]
    sampling: Sampling
    structured_sampling: Sampling | None = None
    thinking: bool = False
    send_enable_thinking: bool = False
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    thinking_tokens: Annotated[int, Field(ge=0)] = 0
    structured: Literal["json_schema", "none"] = "json_schema"
    prompt_style: Literal["chat", "few_shot_chat", "few_shot_completion"] = "chat"
    max_passages: Annotated[int, Field(ge=1, le=20)] = 6
    rewrites_queries: bool = False
    picks_actions: bool = False
    demonstration: bool = False
    chat_template: str | None = None
    weights: Weights | None = None

    @property
    def can_rephrase(self) -> bool:
        """Whether its drafts say things in words of their own, and tell which of several sentences answers."""
        return self.prompt_style == "chat"

    @property
    def judges(self) -> bool:
        """Whether it may be asked if a passage says what a sentence says: it follows rules, and answers without thoughts."""
        thinks_freely = self.thinking and self.structured == "none"
        return self.can_rephrase and not self.demonstration and not thinks_freely

    @model_validator(mode="after")
    def _coherent(self) -> "ModelProfile":
        if self.max_output_tokens + self.thinking_tokens >= self.context_tokens:
            raise ValueError("max_output_tokens and thinking_tokens together must be smaller than context_tokens")
        if (self.thinking_tokens or self.reasoning_effort) and not self.thinking:
            raise ValueError("thinking_tokens and reasoning_effort are for a model that thinks: set thinking = true")
        if self.rewrites_queries and self.thinking and self.structured == "none":
            raise ValueError("rewrites_queries needs a model that does not think, or one that is held to a schema")
        if self.picks_actions and self.thinking and self.structured == "none":
            raise ValueError("picks_actions needs a model that does not think, or one that is held to a schema")
        return self


@cache
def profile_names() -> tuple[str, ...]:
    """The packaged profiles, sorted."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml")))


def load_profile(name: str) -> ModelProfile:
    """Read a packaged profile by name, or any TOML file by its path (it ends in `.toml`).

    Raises:
        SettingsInvalid: there is none of that name (the nearest is named), or its content is wrong.
    """
    if name.endswith(".toml"):
        source = name
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"model profile {name}: can't be read: {error}") from error
    else:
        if name not in profile_names():
            raise SettingsInvalid(_unknown(name))
        source = f"{name}.toml"
        text = _folder().joinpath(source).read_text(encoding="utf-8")
    return parse_profile(text, source)


def parse_profile(text: str, source: str) -> ModelProfile:
    """Check a profile's TOML. `source` is named in errors.

    Raises:
        SettingsInvalid: one line for each thing that is wrong.
    """
    try:
        return ModelProfile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"model profile {source}: not TOML: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(str(part) for part in e['loc']) or 'profile'}: {e['msg']}" for e in error.errors()]
        raise SettingsInvalid(f"model profile {source} can't be used:\n" + "\n".join(lines)) from error


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text is, without a tokenizer: UTF-8 bytes over three, rounded up.

    Bytes rather than characters, since a token of other scripts covers fewer characters than of Latin.
    """
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), profile_names(), n=1, cutoff=0.3)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"there is no model profile {name!r}; {hint}Known: {', '.join(profile_names())}, or the path of a .toml file"


def _folder() -> Traversable:
    return files("agent").joinpath("profiles")
