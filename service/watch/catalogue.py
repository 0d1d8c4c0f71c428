"""Every metric there is: its name, what it counts, its labels, and who measures it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Form(StrEnum):
    """How a metric moves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class By(StrEnum):
    """Who measures it."""

    STORE = "the log and the store"
    BUS = "the bus"
    INTAKE = "intake"
    SCORING = "scoring"
    HERE = "the process that answers"


class Metric(NamedTuple):
    """One metric; `bounds` are the upper bounds of a histogram's buckets, in its unit."""

    name: str
    form: Form
    by: By
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Bounds for what takes a moment."""
AGES: Final = (60.0, 600.0, 3600.0, 21600.0, 86400.0, 3 * 86400.0, 7 * 86400.0, 30 * 86400.0)
"""Bounds for what takes people's time, in seconds: a minute to a month."""
ROWS: Final = (100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0)

_COUNTER, _GAUGE, _HISTOGRAM = Form.COUNTER, Form.GAUGE, Form.HISTOGRAM

CATALOGUE: Final = (
    Metric("fq_events_stored_total", _COUNTER, By.STORE, "Events held."),
    Metric("fq_events_duplicate_total", _COUNTER, By.STORE, "Events that were held already."),
    Metric(
        "fq_events_dead_lettered_total",
        _COUNTER,
        By.STORE,
        "Dead letters ever written, also those that went through the door again.",
        ("reason",),
    ),
    Metric(
        "fq_signature_failures_total",
        _COUNTER,
        By.STORE,
        "Entries whose signature did not count.",
        ("kind",),
    ),
    Metric("fq_entries_added_total", _COUNTER, By.STORE, "Entries that the bus says were added."),
    Metric("fq_entries_received_total", _COUNTER, By.STORE, "Entries taken in."),
    Metric("fq_entries_lost", _GAUGE, By.STORE, "Entries reported lost and not come since."),
    Metric(
        "fq_stream_pending", _GAUGE, By.BUS, "Entries that wait: read by nobody, or unfinished."
    ),
    Metric("fq_stream_lag", _GAUGE, By.BUS, "Entries that nobody was given yet."),
    Metric(
        "fq_oldest_pending_seconds",
        _GAUGE,
        By.BUS,
        "How long the oldest entry waits since it was last given to a consumer.",
    ),
    Metric(
        "fq_conservation_gap",
        _GAUGE,
        By.BUS,
        "Entries nobody accounts for, over all producers: 0, or something is wrong.",
    ),
    Metric("fq_bus_memory_bytes", _GAUGE, By.BUS, "Memory that the fullest server uses."),
    Metric("fq_bus_memory_limit_bytes", _GAUGE, By.BUS, "That server's maxmemory; 0: none."),
    Metric(
        "fq_bus_persistent",
        _GAUGE,
        By.BUS,
        "1 where every server has its append-only file and evicts nothing, else 0.",
    ),
    Metric("fq_clock_skew_seconds", _GAUGE, By.BUS, "The bus's clock less ours, the worst server."),
    Metric(
        "fq_ingest_batch_seconds",
        _HISTOGRAM,
        By.INTAKE,
        "From a batch read to all of it held or put aside.",
        bounds=SECONDS,
    ),
    Metric(
        "fq_store_commit_seconds",
        _HISTOGRAM,
        By.INTAKE,
        "One durable transaction of intake, sealing and log included.",
        bounds=SECONDS,
    ),
    Metric(
        "fq_quarantine_records",
        _GAUGE,
        By.SCORING,
        "Events by where they are; scopes that nobody registered or asked for are `other`.",
        ("state", "scope"),
    ),
    Metric(
        "fq_quarantine_age_seconds",
        _HISTOGRAM,
        By.SCORING,
        "How long what is held now has been held; no counter, it falls when events leave.",
        bounds=AGES,
    ),
    Metric(
        "fq_source_risk",
        _GAUGE,
        By.SCORING,
        "Sources by score; `bucket` is the upper bound of a tenth.",
        ("bucket",),
    ),
    Metric("fq_sources_flagged", _GAUGE, By.SCORING, "Sources on watch or on hold."),
    Metric("fq_collusion_components", _GAUGE, By.SCORING, "Clusters of two sources or more."),
    Metric(
        "fq_gold_accuracy",
        _GAUGE,
        By.SCORING,
        "The share of events on known answers that are right; absent where there are none.",
    ),
    Metric(
        "fq_budget_used_ratio",
        _GAUGE,
        By.SCORING,
        "What the voice that left most has used of its lifetime.",
        ("voice",),
    ),
    Metric("fq_scoring_timestamp_seconds", _GAUGE, By.STORE, "When scoring last finished (Unix)."),
    Metric("fq_review_queue_depth", _GAUGE, By.STORE, "Sources in doubt on whom no person ruled."),
    Metric(
        "fq_review_age_seconds",
        _HISTOGRAM,
        By.STORE,
        "How long they have been in doubt; no counter, it falls when people rule.",
        bounds=AGES,
    ),
    Metric(
        "fq_review_decision_seconds",
        _HISTOGRAM,
        By.STORE,
        "From a request to each vote on it, and from doubt to a ruling.",
        ("what",),
        AGES,
    ),
    Metric("fq_requests", _GAUGE, By.STORE, "Requests by where they stand.", ("state",)),
    Metric("fq_approvals_total", _COUNTER, By.STORE, "Votes cast.", ("outcome",)),
    Metric(
        "fq_reviewer_pace_per_minute",
        _GAUGE,
        By.STORE,
        "The most approvals and clearances of one reviewer in one minute of the last hour.",
    ),
    Metric(
        "fq_policy_denials_total",
        _COUNTER,
        By.STORE,
        "Attempts that a rule refused and that were written down; `rule` is the command's word.",
        ("rule",),
    ),
    Metric(
        "fq_releases_total", _COUNTER, By.STORE, "Releases, by what became of them.", ("outcome",)
    ),
    Metric("fq_release_records", _HISTOGRAM, By.STORE, "Rows of each release.", bounds=ROWS),
    Metric("fq_revocations_total", _COUNTER, By.STORE, "Times that something was taken back."),
    Metric("fq_log_size", _GAUGE, By.STORE, "Rows of the log."),
    Metric(
        "fq_log_verified_index",
        _GAUGE,
        By.STORE,
        "Rows under the newest signed checkpoint that still stands on the log.",
    ),
    Metric(
        "fq_log_verify_failures_total",
        _COUNTER,
        By.HERE,
        "Times that a checkpoint did not stand on the log, since this process started.",
    ),
    Metric(
        "fq_checkpoint_timestamp_seconds",
        _GAUGE,
        By.HERE,
        "When the witness was last given a checkpoint (Unix).",
    ),
    Metric("fq_disk_free_bytes", _GAUGE, By.HERE, "Room on the disk of the state directory."),
    Metric(
        "fq_part_ready",
        _GAUGE,
        By.HERE,
        "1 where a part works, 0 where `/readyz` complains of it.",
        ("part",),
    ),
    Metric(
        "fq_build_info",
        _GAUGE,
        By.HERE,
        "Always 1; the labels say what runs.",
        ("version", "python"),
    ),
)
"""In the order in which they are shown and documented."""

ABSENT: Final = {
    "fq_events_published_total": (
        "only a producer's own ledger knows what it published, on the producer's machine;"
        " `fq_entries_added_total` is what the bus says it was given"
    ),
}
"""Names that operators may expect, and why nothing is shown under them."""

NAMED: Final = {metric.name: metric for metric in CATALOGUE}
