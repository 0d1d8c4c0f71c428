"""How a webhook proves that it is who it should be: a secret header, or a Standard Webhook."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from quarantine.errors import NotAuthorisedError

SECRET_HEADER: Final = "x-quarantine-secret"  # noqa: S105  the header's name
TOLERANCE_S: Final = 300
"""How old or how far ahead a signed call may be (the specification's own five minutes)."""
_PREFIX: Final = "whsec_"


def require_secret(headers: Mapping[str, str], body: bytes, secret: str, at: datetime) -> None:
    """Raise `NotAuthorisedError` unless the header `X-Quarantine-Secret` holds `secret`."""
    del body, at
    said = headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(said.encode(), secret.encode()):
        raise NotAuthorisedError("the secret header is missing or wrong")


def require_bearer(headers: Mapping[str, str], body: bytes, secret: str, at: datetime) -> None:
    """Raise `NotAuthorisedError` unless `Authorization` is `Bearer` and `secret` (RFC 6750)."""
    del body, at
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), secret.encode()):
        raise NotAuthorisedError("the bearer token is missing or wrong")


def require_signature(headers: Mapping[str, str], body: bytes, secret: str, at: datetime) -> None:
    """Raise `NotAuthorisedError` unless this is a Standard Webhook signed with `secret`.

    Signed is `webhook-id.webhook-timestamp.body` by HMAC-SHA256; `webhook-signature` holds one or
    more `v1,BASE64`, apart by blanks (Standard Webhooks 1.0). A secret may begin with `whsec_`, and
    is base64 then.
    """
    id_, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id_ or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > len("99999999999"):
        raise NotAuthorisedError("webhook-id or webhook-timestamp is missing")
    if abs(at.timestamp() - int(stamp)) > TOLERANCE_S:
        raise NotAuthorisedError("the call was signed too long ago, or ahead of our clock")
    message = b"%b.%b.%b" % (id_.encode(), stamp.encode(), body)
    expected = base64.b64encode(hmac.digest(_key(secret), message, hashlib.sha256))
    said = headers.get("webhook-signature", "").split(" ")
    right = [hmac.compare_digest(each.encode(), b"v1," + expected) for each in said]
    if not any(right):
        raise NotAuthorisedError("no signature of this call holds")


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise NotAuthorisedError("the webhook's secret here is no base64") from error
