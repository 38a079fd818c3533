"""How each open model is served by vLLM, as data: `deploy/models/*.yaml`, one file for each checkpoint.

A file says what the model needs, its licence, and the arguments and environment of its server. How the agent asks a chat
model stands in the agent's profile that the file names (`agent/profiles/`). The Helm chart reads the same files.
"""

import difflib
import shlex
from enum import StrEnum
from functools import cache
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.errors import AgentError
from agent.model_profiles import profile_names
from agent.operations.deployed import deployed

MODELS_ROOT = "/models"
"""Where the weights are mounted: each checkpoint in a folder of its profile's name."""
SERVED_CHAT_NAME = "innkeeper-chat"
"""What the agent's profiles ask for, whatever the checkpoint behind it."""
_EVERY = "_every_server.yaml"
_T = TypeVar("_T", bound=BaseModel)


class ServingInvalid(AgentError):
    """A file of `deploy/models` can't be used, or there is none of that name."""


class Role(StrEnum):
    """What a served model is for."""

    CHAT = "chat"
    EMBED = "embed"
    RERANK = "rerank"


class Generation(StrEnum):
    """The oldest generation of NVIDIA GPUs that computes in the checkpoint's number format."""

    AMPERE = "ampere"
    ADA = "ada"
    HOPPER = "hopper"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Every(_Data):
    """What every vLLM server gets, whatever it serves: arguments and environment."""

    args: tuple[str, ...]
    env: dict[str, str]


class Size(_Data):
    """What a checkpoint weighs.

    Attributes:
        parameters_b: all of them, in 10^9.
        active_b: those that one token passes through, in 10^9; fewer than all in a mixture of experts.
        weights_gb: in memory, in 10^9 bytes.
        kv_bytes_per_token: of all layers whose cache grows with the text.
        state_mb_per_sequence: recurrent state of the layers whose memory doesn't grow (hybrids), in 10^6 bytes.
    """

    parameters_b: Annotated[float, Field(gt=0)]
    active_b: Annotated[float, Field(gt=0)]
    weights_gb: Annotated[float, Field(gt=0)]
    kv_bytes_per_token: Annotated[int, Field(gt=0)]
    state_mb_per_sequence: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _coherent(self) -> "Size":
        if self.active_b > self.parameters_b:
            raise ValueError("active_b can't be more than parameters_b")
        return self


class Licence(_Data):
    """Under which terms the weights may be used. `note`: what to know before they are."""

    name: str
    url: Annotated[str, Field(pattern=r"^https://")]
    note: str = ""


class ServingProfile(_Data):
    """One checkpoint as vLLM serves it.

    Attributes:
        name: of the profile, and of the folder under `MODELS_ROOT`.
        checkpoint: the repository that the weights come from; never asked at run time.
        profile: the agent's profile (`INNKEEPER_LLM_PROFILE`), for a chat model.
        quantisation: number format of the weights.
        gpu: oldest generation that computes in that format; vLLM unpacks FP8 weights on an older one, at a loss of speed.
        speculative: value for `--speculative-config`, which is left out unless asked for; why stands in the file.
        args: of `vllm serve`, after the folder of the weights and the arguments of `Every`.
        env: beside that of `Every`.
        sources: where the figures and arguments come from, by what they say.
        checked: `served` if a test serves this architecture with these arguments (tiny, random weights), `parser` if
            vLLM's own parser takes them and knows the parsers that they name.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    role: Role
    checkpoint: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    family: str
    profile: str | None = None
    quantisation: Literal["bf16", "fp8", "awq", "mxfp4"]
    gpu: Generation
    size: Size
    licence: Licence
    args: tuple[str, ...]
    env: dict[str, str] = {}
    speculative: str | None = None
    sources: Annotated[dict[str, str], Field(min_length=1)]
    checked: Literal["parser", "served"]

    @field_validator("args")
    @classmethod
    def _whole(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        """Each argument is one string, so that any reader can hand them on as they are; none is given twice."""
        for argument in args:
            if not argument.startswith("--"):
                raise ValueError(f"{argument!r}: write each as --name or --name=value")
        names = [argument.partition("=")[0] for argument in args]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"given twice: {', '.join(twice)}")
        return args

    @model_validator(mode="after")
    def _coherent(self) -> "ServingProfile":
        if self.role is Role.CHAT:
            if self.profile not in profile_names():
                raise ValueError(f"profile must be one of {', '.join(profile_names())}, since it is a chat model")
            if self.argument("--served-model-name") != SERVED_CHAT_NAME:
                raise ValueError(f"args need --served-model-name={SERVED_CHAT_NAME}")
        elif self.profile is not None:
            raise ValueError("profile is for chat models")
        for needed in ("--max-model-len", "--max-num-seqs"):
            if not (self.argument(needed) or "").isdecimal():
                raise ValueError(f"args need {needed}=NUMBER")
        return self

    def argument(self, name: str) -> str | None:
        """The value of an argument, `""` for a switch, None if it isn't given."""
        for argument in self.args:
            found, _, value = argument.partition("=")
            if found == name:
                return value
        return None

    @property
    def model_path(self) -> str:
        """The folder that the weights are served from, unless another is named."""
        return f"{MODELS_ROOT}/{self.name}"

    @property
    def context_tokens(self) -> int:
        """Prompt and answer of one sequence."""
        return int(self.argument("--max-model-len") or 0)

    @property
    def sequences(self) -> int:
        """How many it works on at a time; the rest wait."""
        return int(self.argument("--max-num-seqs") or 0)

    @property
    def tool_call_parser(self) -> str | None:
        """Which of vLLM's parsers reads its tool calls."""
        return self.argument("--tool-call-parser")

    @property
    def reasoning_parser(self) -> str | None:
        """Which of vLLM's parsers tells its thoughts from its answer."""
        return self.argument("--reasoning-parser")


@cache
def serving_names() -> tuple[str, ...]:
    """All that can be served, sorted."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _folder().iterdir() if _is_profile(f.name)))


@cache
def every_server() -> Every:
    """What all servers have in common."""
    return _parse(Every, _folder().joinpath(_EVERY).read_text(encoding="utf-8"), _EVERY)


def load_serving(name: str) -> ServingProfile:
    """Read a file of `deploy/models` by its name.

    Raises:
        ServingInvalid: there is none of that name (the nearest is named), or its content is wrong.
    """
    if name not in serving_names():
        close = difflib.get_close_matches(name.lower(), serving_names(), n=1, cutoff=0.3)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ServingInvalid(f"there is no model {name!r}; {hint}`innkeeper models list` shows all")
    return parse_serving(_folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def parse_serving(text: str, source: str) -> ServingProfile:
    """Check a file's YAML. `source` is its name, which errors give and which the profile's must equal.

    Raises:
        ServingInvalid: one line for each thing that is wrong.
    """
    profile = _parse(ServingProfile, text, source)
    if f"{profile.name}.yaml" != source:
        raise ServingInvalid(f"deploy/models/{source}: name: is {profile.name!r}; a file is called as its model")
    return profile


def command(profile: ServingProfile, *, model_path: str | None = None, speculative: bool = False) -> tuple[str, ...]:
    """The whole command that serves it, argument by argument.

    Raises:
        ServingInvalid: speculative decoding is asked for, and the file has none.
    """
    if speculative and profile.speculative is None:
        raise ServingInvalid(f"{profile.name} has no speculative decoding to switch on: its checkpoint brings none, or none pays")
    guess = (f"--speculative-config={profile.speculative}",) if speculative else ()
    folder = model_path or profile.model_path
    own = (argument.replace(profile.model_path, folder) for argument in profile.args)
    return ("vllm", "serve", folder, *every_server().args, *own, *guess)


def environment(profile: ServingProfile, *, model_path: str | None = None) -> dict[str, str]:
    """What the server's environment must hold."""
    folder = model_path or profile.model_path
    return every_server().env | {name: value.replace(profile.model_path, folder) for name, value in profile.env.items()}


def shell_lines(profile: ServingProfile, *, model_path: str | None = None, speculative: bool = False) -> str:
    """The same as a command to paste into a shell, an argument a line."""
    words = [shlex.quote(word) for word in command(profile, model_path=model_path, speculative=speculative)]
    before = [f"{name}={shlex.quote(value)}" for name, value in sorted(environment(profile, model_path=model_path).items())]
    return " \\\n  ".join([*before, " ".join(words[:3]), *words[3:]])


def _parse(kind: type[_T], text: str, source: str) -> _T:
    try:
        return kind.model_validate(YAML(typ="safe", pure=True).load(text))
    except YAMLError as error:
        raise ServingInvalid(f"deploy/models/{source}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(str(part) for part in e['loc']) or 'file'}: {e['msg']}" for e in error.errors()]
        raise ServingInvalid(f"deploy/models/{source} can't be used:\n" + "\n".join(lines)) from error


def _is_profile(file_name: str) -> bool:
    return file_name.endswith(".yaml") and not file_name.startswith("_")


def _folder() -> Traversable:
    return deployed().joinpath("models")
