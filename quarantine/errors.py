"""The few ways things go wrong, one class per reaction of the caller."""

from __future__ import annotations

from typing import ClassVar


class QuarantineError(Exception):
    """Anything this project raises on purpose; `exit_code` is the command line's (contract, 3)."""

    exit_code: ClassVar[int] = 1


class MalformedError(QuarantineError):
    """Bytes that cannot be taken in; put them aside with `reason`, one of `arrivals.REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep the machine's code (`reason`) and the person's sentence (`detail`) apart."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class UsageError(QuarantineError):
    """The command or the file was asked for in a way that has no meaning."""

    exit_code = 2


class RefusedError(QuarantineError):
    """A rule says no; tell the caller which."""


class DeclinedError(RefusedError):
    """A person said no when asked."""

    exit_code = 3


class NotAuthorisedError(RefusedError):
    """This person or key may not do this."""

    exit_code = 4


class UnmetError(RefusedError):
    """The policy or its quorum is not met."""

    exit_code = 6


class StaleError(RefusedError):
    """The bytes or the policy changed after people looked at them."""

    exit_code = 7


class UnavailableError(QuarantineError):
    """Something outside does not answer now; try again."""


class BrokenError(QuarantineError):
    """The disk did not keep what it was given; stop, and verify what it holds before going on."""


class TamperedError(QuarantineError):
    """A proof does not hold; stop, and let nothing leave."""

    exit_code = 5
