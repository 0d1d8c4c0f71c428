"""Every seam of the quarantine on one page: Store, Detector, Linker (a Kind is a word: model)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

    from quarantine.arrivals import Arrival, Counts, DeadLetter, Mark, Taken
    from quarantine.evidence import Evidence, Findings, Links
    from quarantine.log import Frontier
    from quarantine.model import Act, Dossier, Held, Logged, Member, Named, SourceKey


class Store(Protocol):
    """The isolated, append-only, tamper-evident place; one log over events and acts.

    Every writing method is one durable transaction. Raises `UnavailableError` when the store
    cannot be written now (disk full, locked too long), `BrokenError` when the disk failed in the
    middle, `TamperedError` when what it holds is not what the log says.
    """

    def take(self, arrivals: Sequence[Arrival]) -> Taken:
        """Hold the new, count the known, put aside the rest; an entry heard twice counts once.

        Of dead letters the bytes are kept up to `KEPT` for a producer in an hour.
        """

    def taken(self, stream: str, entries: Iterable[str]) -> set[str]:
        """Return which of these entries of `stream` were taken before, whatever became of them."""

    def record(self, acts: Sequence[Act], require: Callable[[], None] | None = None) -> list[int]:
        """Append acts to the log; return their indexes.

        `require` is asked inside the transaction, when nobody else can write any more: what it
        reads is what the acts will follow on, and when it raises nothing is appended.
        """

    def acts(self, since: int = 0) -> Iterator[Logged]:
        """Yield acts from log index `since` on, in log order."""

    def freeze(self, act: Act, members: Sequence[Member]) -> int:
        """Append a request's act and its frozen members in one transaction; return its index."""

    def members(self, request: int) -> list[Member]:
        """Return the members frozen with the request act at log index `request`, by index."""

    def revoke(self, act: Act, indexes: Sequence[int]) -> int:
        """Append a revocation act and mark the rows it takes back; return the act's index."""

    def revoked(self) -> set[int]:
        """Return the log indexes of every held event that was taken back."""

    def erase(
        self,
        act: Act,
        indexes: Sequence[int],
        letters: Sequence[int] = (),
        require: Callable[[], None] | None = None,
    ) -> int:
        """Append `act` and destroy what these events say, their salts, and these dead letters.

        What a leaf covers but the body itself stays, with the commitment in its place, so that
        every proof holds; an erased identity is heard again as a duplicate. `require` is as in
        `record`. Returns the act's index once the store's own files hold none of it, as `scrub`.
        """

    def scrub(self) -> None:
        """Leave nothing of what was erased in the store's own files; may be done again.

        Raises `UnavailableError` where that cannot be done now; it is erased all the same.
        """

    def erased(self) -> Mapping[int, int]:
        """Return, by log index of each erased event, the index of the act that erased it."""

    def frame(
        self, since: int = 0, until: int | None = None, only: Collection[str] | None = None
    ) -> pa.Table:
        """Return held events from log index `since` on, and before `until`, as `EVENT_SCHEMA`.

        In log order; those that were erased are left out. `only` names the columns that are wanted,
        where not all are: what is not read costs nothing.
        """

    def held(self, indexes: Sequence[int]) -> Iterator[Held]:
        """Yield the held events at `indexes` (rising), whole; of an erased one what is left."""

    def find(self, named: Named) -> list[int]:
        """Return the log indexes of the held events that `named` names, rising."""

    def concord(self, most: int = 1) -> int:
        """Write up, for at most so many full ranges of the log, where to find what is named.

        What is found is the same without; it is then read from the rows, at 10 million for seconds.
        Returns how many ranges still lack it: ask again, it may be asked for at any time.
        """

    def frozen_with(self, indexes: Sequence[int]) -> Mapping[int, int]:
        """Return, by request (log index), how many of these events are frozen with it."""

    def sources(self) -> Mapping[SourceKey, int]:
        """Return every source with its first-seen time (µs, arrival)."""

    def judge(
        self,
        dossiers: Sequence[Dossier],
        at: int,
        size: int = 0,
        require: Callable[[], None] | None = None,
    ) -> None:
        """Replace the newest dossiers by those given (others stay).

        `at` (µs) is when they were scored, `size` the log's at that time; `require` is as in
        `record`.
        """

    def lease(self, name: str, holder: str, *, at: int, until: int) -> int:
        """Let `holder` alone run the loop `name` from `at` until `until` (µs); return its token.

        It is 0 while another one has it; whoever gets it after another has a higher token.
        """

    def fence(self, name: str, token: int) -> None:
        """Raise `StaleError` when somebody with a higher token wrote before; for a `require`."""

    def dossiers(self, keys: Iterable[SourceKey] | None = None) -> list[Dossier]:
        """Return the newest dossiers, of `keys` or of all, by score from the worst."""

    def linked(self) -> Mapping[SourceKey, str]:
        """Return the cluster of every source that was judged, by score from the worst.

        As their newest dossiers say, which are not read beyond that.
        """

    def judged_at(self) -> int | None:
        """Return when scoring last finished (µs), absent before the first time."""

    def judged_size(self) -> int:
        """Return how much of the log the newest scoring saw, 0 before the first time."""

    def dead(self, since: int = 0, limit: int = 100) -> list[tuple[int, DeadLetter]]:
        """Return dead letters after number `since`, oldest first, with their numbers."""

    def counts(self) -> Mapping[str, Counts]:
        """Return the law's figures by producer; kept with the rows, and `verify` counts them anew.

        An arrival whose entry has `AGAIN` in it is a dead letter on its second way: it counts as
        what became of it, and no longer as the dead letter that it was.
        """

    def spans(self, producer: str) -> list[tuple[int, int]]:
        """Return the entry counters received from `producer`: ranges (inclusive), rising, apart."""

    def lost(self, act: Act, producer: str, first: int, last: int) -> bool:
        """Append the act that entries `first` to `last` (seq, inclusive) never came, and count it.

        Says no, and changes nothing, when one of them is reported already.
        """

    def seen(
        self,
        producer: str,
        stream: str,
        mark: Callable[[str], Mark],
        again: Callable[[str], Mark] | None = None,
    ) -> int:
        """Remember what Redis says was ever added to `stream`; return the sum over its lives.

        `mark` and `again` are told the last id that is remembered. Where fewer are known than are
        remembered, a new life of the stream began, or another process looked later: `again` looks
        anew, exactly, while nobody else can write.
        """

    def lives(self) -> Mapping[str, int]:
        """Return, by producer, how often the bus began the stream anew or put an older one back."""

    def added(self) -> Mapping[str, int]:
        """Return, by producer, the entries ever added as last seen."""

    def size(self) -> int:
        """Return the number of leaves in the log."""

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of that range of the log."""

    def frontier(self, size: int) -> Frontier:
        """Return the right edge of the first `size` leaves: their root, and what appends need."""

    def node(self, level: int, number: int) -> bytes:
        """Return the root of one complete subtree of the log (a `log.Node`)."""

    def verify(self) -> Iterator[str]:
        """Recompute every leaf and the figures from the rows; name each that is not what it was."""

    def checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint over the first `size` leaves."""

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """Return the kept checkpoints, oldest first."""

    def copy(self, place: str) -> None:
        """Write the store as it is at one moment to the new `place`; others go on meanwhile."""

    def close(self) -> None:
        """Let go of the store."""

    def __enter__(self) -> Self:
        """Use the store in a `with` block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""


class Detector(Protocol):
    """One way to see poisoning: pure, judges what is held, learns only from the released."""

    @property
    def channel(self) -> str:
        """Return the channel whose alarm this detector raises (`outsider`, `ring`, `tempo`, …)."""

    def examine(self, evidence: Evidence) -> Findings:
        """Score the held sources that this detector can judge; one left out got no opinion."""


class Linker(Protocol):
    """One reason to count several sources as one voice."""

    def link(self, evidence: Evidence) -> Links:
        """Return the sources that one kind of evidence links; two kinds are needed to join them."""
