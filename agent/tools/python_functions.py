"""Functions of an installed package as a system: arguments from their signatures, checked by pydantic."""

import asyncio
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agent.errors import AgentError, ToolRefused
from agent.tool_settings import PythonSettings
from agent.tools.systems import Doubtful, Offer, Sending, unavailable

THREADS = 8
"""Calls of plain functions at the same time. One that hangs keeps its thread for good."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function and the model of its arguments."""

    call: Callable[..., Any]
    arguments: type[BaseModel]

    @property
    def is_async(self) -> bool:
        """True if it is awaited rather than run in a thread."""
        return inspect.iscoroutinefunction(self.call)


class PythonFunctions:
    """A function says no by raising `ToolRefused`. Any other exception of a write leaves open what has happened."""

    def __init__(self, name: str, settings: PythonSettings) -> None:
        self._name, self._settings = name, settings
        self._functions: dict[str, Function] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"tools-{name}")

    async def aclose(self) -> None:
        """Wait for nobody: a function that hangs must not hold the process up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def offers(self) -> Mapping[str, Offer | str]:
        """Import the functions. Raises nothing: what can't be imported is told of each."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._import_all)

    def _import_all(self) -> Mapping[str, Offer | str]:
        told: dict[str, Offer | str] = {}
        for name in self._settings.operations:
            try:
                function = load_function(self._settings.named(name))
                schema = function.arguments.model_json_schema()
            except (ImportError, AttributeError, TypeError, NameError, PydanticUserError) as error:
                told[name] = f"{self._name}.{name} can't be used: {type(error).__name__}: {error}"
                continue
            except Exception as error:  # noqa: BLE001 - the package's own code runs; its words may hold a secret
                module = self._settings.named(name).partition(":")[0]
                why = f"{type(error).__name__} when {module} is imported; import it by hand to see more"
                told[name] = f"{self._name}.{name} can't be used: {why}"
                continue
            self._functions[name] = function
            told[name] = Offer(inspect.getdoc(function.call) or "", schema)
        return told

    async def send(self, name: str, arguments: Mapping[str, Any], key: str | None, sending: Sending) -> Any:
        """Call the function. Raises as `System.send` says."""
        function = self._functions.get(name)
        if function is None:
            raise unavailable(self._name, f"{name} was not imported")
        try:
            given = function.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            places = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
            raise ToolRefused(f"{self._name}.{name} doesn't take these arguments: {', '.join(places)}") from None
        values = {field: getattr(given, field) for field in function.arguments.model_fields}
        sending.begun = True
        try:
            if function.is_async:
                result = await function.call(**values)
            else:
                result = await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function.call(**values))
        except AgentError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a company's function raises
            # Its words may quote the customer or a secret.
            raise Doubtful(f"the function raised {type(error).__name__}") from None
        return self._as_json(name, result)

    def _as_json(self, name: str, result: Any) -> Any:
        try:
            value = to_jsonable_python(result)
            size = len(json.dumps(value, allow_nan=False).encode())
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            raise Doubtful("what the function gave is no JSON", repeat=False) from None
        if size > self._settings.max_bytes:
            raise Doubtful(f"it answered with more than {self._settings.max_bytes} bytes", repeat=False)
        return value


def load_function(entry: str) -> Function:
    """The function at `module:function`.

    Raises:
        ImportError, AttributeError: it isn't there.
        TypeError: it can't be called with named, annotated arguments.
    """
    module, _, name = entry.partition(":")
    call = getattr(importlib.import_module(module), name)
    if not callable(call):
        raise TypeError(f"{entry} is no function")
    hints = get_type_hints(call, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(call).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) or parameter.name not in hints:
            raise TypeError(f"{entry}: the parameter {parameter.name} needs a name that it can be passed by, and an annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    return Function(call, create_model(name, __config__=ConfigDict(extra="forbid"), **fields))
