"""Asking an intake process whether it is alive and ready, as a supervisor does."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request


def free_place() -> str:
    """Return an address that nobody answers at yet."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return f"127.0.0.1:{found.getsockname()[1]}"


def answer(place: str, question: str) -> int:
    """Return the status that is answered, 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{place}/{question}", timeout=5) as answered:
            return int(answered.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
