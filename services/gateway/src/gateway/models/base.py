from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    field_validator,
)
from pydantic.alias_generators import to_camel

from gateway.domain.numbers import plain_number

I = TypeVar("I")  # noqa: E741  # one item of a page

BIGINT_MAX = 2**63 - 1
PAGE_ITEMS_MAX = 200
PAGE_ITEMS_DEFAULT = 50


Quantity = Annotated[Decimal, PlainSerializer(plain_number, return_type=str)]
Time = Annotated[datetime, AfterValidator(lambda value: value.astimezone(UTC))]


def refuse_boolean(value: Any) -> Any:
    """To JSON readers `true` is no number; to Python it is 1, which would be somebody's store."""
    if isinstance(value, bool):
        raise ValueError("A whole number is wanted")  # noqa: TRY004  # the one error that pydantic names
    return value


Id = Annotated[int, Field(ge=1, le=BIGINT_MAX), BeforeValidator(refuse_boolean)]
ShortText = Annotated[str, Field(min_length=1, max_length=255)]
WrittenId = BeforeValidator(lambda value: str(value) if type(value) is int else value)
"""Ids that look like numbers are texts; a caller that sends the number means the same."""
LocationId = Annotated[str, WrittenId, Field(min_length=1, max_length=100, pattern=r"^[^\s\x00-\x1f]+$")]


def _one_line(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        raise ValueError("A key or token has no line breaks or other control characters")
    return value


HeaderSafe = AfterValidator(_one_line)
"""For secrets that travel in the headers of our requests."""


class Given(BaseModel):
    """What a caller sends: camelCase (snake_case is understood), and a name that nobody knows is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, str_strip_whitespace=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_nul(cls, value: Any) -> Any:
        """Postgres stores no NUL in a text: https://www.postgresql.org/docs/current/datatype-character.html"""
        if isinstance(value, str) and "\0" in value:
            raise ValueError("A text has no NUL character")
        return value


class Answer(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Message(Answer):
    message: str


class Page(Answer, Generic[I]):
    items: list[I]
    next: str | None = None
    """Ask again with `cursor` set to this for the following items."""


class PageQuery(Given):
    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS_DEFAULT
    cursor: Annotated[str, Field(max_length=500)] | None = None


class FieldProblem(Answer):
    field: str
    message: str


class ProblemBody(Answer):
    """RFC 9457 problem details (https://www.rfc-editor.org/rfc/rfc9457)."""

    type: str
    title: str
    status: int
    code: str
    """Stable; programs decide by it."""
    detail: str | None = None
    """A sentence for a person."""
    errors: list[FieldProblem] | None = None
