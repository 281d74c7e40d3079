"""One form for every error answer: RFC 9457 problem details (https://www.rfc-editor.org/rfc/rfc9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

T = TypeVar("T", bound=BaseModel)

PROBLEM_CONTENT_TYPE: Final = "application/problem+json"
NO_BODY_READ: Final = "The request body could not be read."


class Problem(Exception):
    """Raised anywhere below a handler; becomes the answer."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        code: str,
        detail: str = "",
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        self.title = title
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def response(self) -> web.Response:
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        if self.detail:
            body["detail"] = self.detail
        return web.Response(
            status=self.status,
            body=json.dumps(body | self.extra, default=str).encode(),
            headers=self.headers,
            content_type=PROBLEM_CONTENT_TYPE,
        )


def problem_of_http_error(error: web.HTTPException) -> Problem:
    """The router's own 404 and 405 in the project's form; 405 keeps its Allow header."""
    title = HTTPStatus(error.status).phrase
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Problem(error.status, title, code=title.lower().replace(" ", "_"), headers=headers)


def problem_of_validation(error: ValidationError) -> Problem:
    """Names each field and what is wrong with it, without echoing the value (it may be a secret)."""
    errors = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" if item["field"] else item["message"] for item in errors)
    return Problem(422, "Invalid input", code="invalid_input", detail=detail, errors=errors)


async def read_body(request: web.Request, *, body_bytes_max: int) -> bytes:
    """The raw body, also of a chunked request, or Problem 413."""
    too_large = Problem(413, "Body too large", code="body_too_large", detail=f"At most {body_bytes_max} bytes.")
    if request.content_length is not None and request.content_length > body_bytes_max:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_chunked(65536):
        size += len(chunk)
        if size > body_bytes_max:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json(request: web.Request, model: type[T], *, body_bytes_max: int = 65536) -> T:
    """The validated body. Problems: 413 too large, 415 no plain JSON, 400 broken JSON, 422 wrong fields."""
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        detail = "Send application/json, uncompressed."
        raise Problem(415, "Unsupported media type", code="unsupported_media_type", detail=detail)
    body = await read_body(request, body_bytes_max=body_bytes_max)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "Broken JSON", code="broken_json", detail=NO_BODY_READ) from error
    return validate(model, data)


def validate(model: type[T], data: Any) -> T:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise problem_of_validation(error) from error
