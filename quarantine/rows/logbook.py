"""The Merkle log inside the store: which leaf comes next, its tiles, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quarantine.errors import TamperedError
from quarantine.log import HASH_SIZE, TILE_WIDTH, Frontier, act_leaf, subtree
from quarantine.model import Act, Logged
from quarantine.rows.engine import Engine, as_bytes, as_text

_LEAVES = (
    "SELECT idx, leaf FROM event WHERE idx >= ? AND idx < ?"
    " UNION ALL SELECT idx, leaf FROM act WHERE idx >= ? AND idx < ? ORDER BY idx"
)


class Logbook:
    """Appends leaves behind the rows of one transaction; another process may append between."""

    def __init__(self, database: Engine) -> None:
        """Keep the log of `database`."""
        self._db = database
        self._tail: list[bytes] = []
        self._tail_start = 0

    def size(self) -> int:
        """Return the number of leaves, from the rows themselves."""
        row = self._db.execute(
            "SELECT coalesce(max(idx), -1) + 1 FROM (SELECT max(idx) AS idx FROM event"
            " UNION ALL SELECT max(idx) FROM act) AS tail"
        ).fetchone()
        return int(row[0])

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes of [start, stop); `TamperedError` names one that is missing.

        Of what was let go they stand in the tiles alone.
        """
        rows = self._db.execute(_LEAVES, (start, stop) * 2)
        if len(rows) != stop - start and (kept := min(self._db.retired(), stop)) > start:
            return [*self._tiled(start, kept), *self.leaves(kept, stop)]
        for expected, (index, _) in enumerate(rows, start):
            if index != expected:
                raise TamperedError(f"log row {expected} is missing")
        if len(rows) != stop - start:
            raise TamperedError(f"log row {start + len(rows)} is missing")
        return [as_bytes(leaf) for _, leaf in rows]

    def _tiled(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the leaf hashes of [start, stop), all in whole tiles, from there."""
        for index in range(start, stop):
            number, place = divmod(index, TILE_WIDTH)
            if index == start or place == 0:
                tile = self._db.execute("SELECT hashes FROM tile WHERE number = ?", (number,))
                if not tile:
                    raise TamperedError(f"tile {number} is missing")
                hashes = as_bytes(tile.fetchone()[0])
            yield hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE]

    def begin(self) -> int:
        """Catch up with what others appended; return the next index. Call inside a transaction."""
        size = self.size()
        known = self._tail_start + len(self._tail)
        if size != known:
            start = size - size % TILE_WIDTH
            self._tail = self.leaves(start, size)
            self._tail_start = start
        return size

    def append(self, leaves: Sequence[bytes]) -> None:
        """Take in leaf hashes whose rows were just written; write the tiles they complete."""
        self._tail.extend(leaves)
        while len(self._tail) >= TILE_WIDTH:
            full, self._tail = self._tail[:TILE_WIDTH], self._tail[TILE_WIDTH:]
            number = self._tail_start // TILE_WIDTH
            self._db.execute(
                "INSERT INTO tile VALUES (?, ?, ?)", (number, subtree(full), b"".join(full))
            )
            self._tail_start += TILE_WIDTH

    def forget(self) -> None:
        """Drop what was cached, after a transaction that was rolled back."""
        self._tail, self._tail_start = [], -1

    def record(self, acts: Sequence[Act]) -> list[int]:
        """Append acts; call inside a transaction."""
        start = self.begin()
        leaves = [act_leaf(act.kind.encode(), act.at, act.body) for act in acts]
        self._db.insert(
            "act",
            [
                (start + n, act.kind, act.at, act.body, leaf)
                for n, (act, leaf) in enumerate(zip(acts, leaves, strict=True))
            ],
        )
        self.append(leaves)
        return list(range(start, start + len(acts)))

    def acts(self, since: int) -> Iterator[Logged]:
        """Yield acts from `since` on."""
        for index, kind, at, body in self._db.execute(
            "SELECT idx, kind, at, body FROM act WHERE idx >= ? ORDER BY idx", (since,)
        ).fetchall():
            when = at if isinstance(at, int) else -1  # edited: it then has another leaf
            yield Logged(index, Act(as_text(kind), when, as_bytes(body)))

    def frontier(self, size: int) -> Frontier:
        """Return the right edge of the first `size` leaves, from tile roots and the last leaves."""
        whole = size // TILE_WIDTH
        rows = self._db.execute(
            "SELECT root FROM tile WHERE number < ? ORDER BY number", (whole,)
        ).fetchall()
        if len(rows) != whole:
            raise TamperedError(f"the log's tiles say {len(rows)} of {whole}")
        above = Frontier()
        above.extend(root for (root,) in rows)
        frontier = Frontier(size=whole * TILE_WIDTH, peaks=above.peaks)
        frontier.extend(self.leaves(whole * TILE_WIDTH, size))
        return frontier

    def node(self, level: int, number: int) -> bytes:
        """Return the root of one complete subtree."""
        if level < TILE_WIDTH.bit_length() - 1:
            return subtree(self.leaves(number << level, (number + 1) << level))
        span = 1 << (level - TILE_WIDTH.bit_length() + 1)
        rows = self._db.execute(
            "SELECT root FROM tile WHERE number >= ? AND number < ? ORDER BY number",
            (number * span, (number + 1) * span),
        ).fetchall()
        if len(rows) != span:
            raise TamperedError(f"tiles under node {number} of level {level} are missing")
        return subtree([root for (root,) in rows])

    def verify(self) -> Iterator[str]:
        """Check every tile against the leaves it was made from; say which leaf differs."""
        size = self.size()
        whole = size // TILE_WIDTH
        tiles = self._db.execute("SELECT number, root, hashes FROM tile ORDER BY number").fetchall()
        if [number for number, _, _ in tiles] != list(range(whole)):
            yield f"{len(tiles)} tiles where {whole} belong"
        for number, root, hashes in tiles:
            kept = [hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)]
            yield from self._differing(number * TILE_WIDTH, kept)
            if len(kept) != TILE_WIDTH or subtree(kept) != root:
                yield f"tile {number} does not have the root it says"
        try:
            self.leaves(whole * TILE_WIDTH, size)
        except TamperedError as error:
            yield str(error)

    def _differing(self, start: int, kept: Sequence[bytes]) -> Iterator[str]:
        found = self._db.execute(_LEAVES, (start, start + len(kept)) * 2).fetchall()
        rows = dict(found)
        gone = self._db.retired()
        for index, leaf in enumerate(kept, start):
            if rows.get(index, leaf if index < gone else None) != leaf:
                yield f"log row {index} is not the leaf that its tile holds"
