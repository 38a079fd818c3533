"""A verified webhook's body as checked values. Pure."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.channels.helpdesks.types import Delivery
from agent.channels.intake import parse_json
from agent.channels.problems import describe
from agent.errors import PayloadInvalid

Model = TypeVar("Model", bound=BaseModel)


class Lenient(BaseModel):
    """Part of a helpdesk's body: fields that aren't named here are its own business."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def payload(model: type[Model], delivery: Delivery) -> Model:
    """The body, read after its signature was verified.

    Raises:
        JsonInvalid, PayloadInvalid: it is not what the system sends.
    """
    try:
        return model.model_validate(parse_json(delivery.body))
    except ValidationError as error:
        raise PayloadInvalid(describe(error)) from error
