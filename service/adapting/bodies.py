"""The body of an HTTP request, read with a limit in bytes and in time."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

WITHIN_S: Final = 20.0
"""How long a body may take to come; who trickles loses its place."""
TOO_LARGE: Final = 413
TOO_SLOW: Final = 408
WRONG: Final = 400
UNSUPPORTED: Final = 415
_GZIP: Final = 16 + zlib.MAX_WBITS


class RefusedRequestError(Exception):
    """A request that gets this status and one sentence."""

    def __init__(self, status: int, detail: str) -> None:
        """Keep both."""
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def response(self) -> Response:
        """Return the answer."""
        return JSONResponse({"error": self.detail}, self.status, _HEADERS)


_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def taken(document: dict[str, object]) -> Response:
    """Return 202 with `document`: it is kept; what becomes of it nobody is told here."""
    return JSONResponse(document, 202, _HEADERS)


async def body_of(request: Request, most: int) -> bytes:
    """Return the body of at most `most` bytes; raises `RefusedRequestError` (413, 408)."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length) > most:
        raise RefusedRequestError(TOO_LARGE, f"a body holds at most {most} bytes")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(WITHIN_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise RefusedRequestError(TOO_LARGE, f"a body holds at most {most} bytes")
                chunks.append(chunk)
    except (TimeoutError, ClientDisconnect) as error:
        raise RefusedRequestError(TOO_SLOW, "the body did not come in time") from error
    return b"".join(chunks)


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """Return what `body` is without its `Content-Encoding` (none, or gzip as OTLP has it).

    Raises `RefusedRequestError`: 415 for another encoding, 400 for what is no whole gzip, 413 for
    what would be over `most` bytes; never more than that is unpacked.
    """
    if encoding.lower() in {"", "identity"}:
        return body
    if encoding.lower() != "gzip":
        raise RefusedRequestError(UNSUPPORTED, "Content-Encoding is gzip, or left out")
    opened = zlib.decompressobj(_GZIP)
    try:
        plain = opened.decompress(body, most + 1)
    except zlib.error:
        raise RefusedRequestError(WRONG, "the body is no gzip") from None
    if len(plain) > most:
        raise RefusedRequestError(TOO_LARGE, f"a body holds at most {most} bytes")
    if not opened.eof or opened.unused_data:
        raise RefusedRequestError(WRONG, "the body is no whole gzip")
    return plain
