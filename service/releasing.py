"""What the releasing role keeps true: the trust file, the revocation list, the log's checkpoint."""

from __future__ import annotations
