"""What a decision costs: a policy's rules on one claim, and a whole request decided with its votes.

usage: python benchmarks/policy.py

Each figure beside its floor in the same run: the same number of comparisons of words, done by
nothing but tuples. A policy must judge in a millisecond or less; so must a decision.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter

sys.path[:0] = [str(Path(__file__).parents[1])]

from approvals.loosening import loosened  # noqa: E402  found by the line above
from approvals.policy import Claim, Policy, judge  # noqa: E402
from approvals.roster import Reviewer, Tenure  # noqa: E402
from approvals.rules import load, shipped  # noqa: E402
from approvals.workflow import Cast, decide  # noqa: E402
from quarantine.model import Origin, Tier  # noqa: E402
from tests.unit.test_workflow import PEOPLE, request_of, vote  # noqa: E402

ROUNDS = 20_000
MUST_MS = 1.0


def measured(what: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the median and the 99th percentile (ms) of one call."""
    took = []
    for _ in range(rounds):
        started = perf_counter()
        what()
        took.append(perf_counter() - started)
    took.sort()
    return took[rounds // 2] * 1000, took[rounds * 99 // 100] * 1000


def large() -> Policy:
    """Return the shipped policy under fifty more rules and risks, as many scopes need."""
    text = shipped("default")
    rules = "".join(
        f'\n[[rule]]\nname = "r{n}"\nscopes = ["scope-{n}"]\nkinds = ["label"]\n'
        'origins = ["human"]\n'
        f'tiers = ["vetted"]\nlabels = ["a", "b"]\ntargets = ["t{n}/*"]\n'
        'min_age = "1d"\ndwell = "1d"\n'
        f'\n[[risk]]\nname = "k{n}"\nscopes = ["scope-{n}"]\nkinds = ["*"]\npeople = 3\n'
        for n in range(50)
    )
    before, first, after = text.partition("[[rule]]")
    return load(before + rules + first + after)


def main() -> int:
    """Print each figure with its floor; say 1 where one is over what it must be."""
    small, big = load(shipped("default")), large()
    claim = Claim("scope-49", "label", Origin.HUMAN, Tier.UNVETTED, "", "a", "t49/7")
    words = [(rule.lists, rule.targets) for rule in (*big.deny, *big.rule)]
    votes: list[Cast] = [vote(person.name, place) for place, person in enumerate(PEOPLE[1:], 1)]
    at = request_of().at + timedelta(minutes=30)
    people = [
        *PEOPLE,
        *(Reviewer(f"x{n}", f"x{n}", f"kx{n}", "", (), Tenure(at)) for n in range(96)),
    ]
    rows = (
        ("judge a claim, 7 rules", lambda: judge(small, claim)),
        ("judge a claim, 57 rules", lambda: judge(big, claim)),
        ("floor: the same words compared", lambda: [c in w for w, _ in words for c in claim]),
        (
            "decide a request, 3 votes, 4 people",
            lambda: decide(small, request_of(), votes, PEOPLE, at),
        ),
        (
            "decide a request, 3 votes, 100 people",
            lambda: decide(small, REQUEST, votes, people, at),
        ),
    )
    print("| what | median ms | p99 ms | must |\n|---|---|---|---|")
    over = 0
    for name, what in rows:
        median, worst = measured(what)
        over += median > MUST_MS
        print(f"| {name} | {median:.4f} | {worst:.4f} | {MUST_MS:g} |")
    loosened.cache_clear()
    started = perf_counter()
    loosened(small, big)
    print(f"| compare two policies (once a change) | {(perf_counter() - started) * 1000:.0f} | | |")
    return int(over > 0)


REQUEST = request_of()

if __name__ == "__main__":
    sys.exit(main())
