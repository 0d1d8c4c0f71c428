"""What a release says to people and tools: the dataset card, Croissant 1.1, one static page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from approvals.manifest import Predicate
from quarantine.record import spell_time
from quarantine.safe import safe

if TYPE_CHECKING:
    import pyarrow as pa

    from approvals.certificate import Certificate
    from approvals.model import Request, Vote

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#!|~$&])")
_PARQUET: Final = "application/x-parquet"
"""As Croissant's own library calls it; it reads no file of another encoding."""
_CROISSANT: Final = "http://mlcommons.org/croissant/"
_TYPES: Final = {
    "string": "sc:Text",
    "double": "sc:Float",
    "int64": "sc:Integer",
    "int32": "sc:Integer",
    "bool": "sc:Boolean",
    "timestamp[us, tz=UTC]": "sc:DateTime",
}
_LIST: Final = "list<element: string>"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a release is made of, as its card, its metadata and its page tell it.

    `files` are the files of rows with their digests, `clusters` the rows of each cluster, the
    largest first.
    """

    predicate: Predicate
    request: Request
    votes: Sequence[Vote]
    certificate: Certificate
    files: Mapping[str, str]
    clusters: Sequence[tuple[str, int]]


def readme(contents: Contents) -> str:
    """Return the dataset card: `datasets.load_dataset(DIR)` reads its `configs`."""
    release = contents.predicate
    worst = "\n".join(
        f"| {each.clusters} | {each.rows} | {each.share:.2%} |"
        for each in contents.certificate.worst
    )
    votes = "\n".join(
        f"- {_plain(vote.by)}: {vote.decision.value}, {spell_time(vote.at)}"
        for vote in contents.votes
    )
    columns = "\n".join(f"| `{column.name}` | {column.type} |" for column in release.columns)
    return f"""---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# {_plain(release.name)}

{release.rows} rows of {_plain(release.kind)} feedback for the scope {_plain(release.scope)}, from
{release.sources} sources in {release.clusters} independent clusters, released
{spell_time(release.created)} for the purpose {_plain(release.purpose)}.

Verify it before use, with a trust file that did not come from this directory:

    quarantine release verify DIR --trust trust.toml

## Who approved it

{votes}

The signed votes are in `votes/`, the policy they met in `policy.toml`.

## Exposure

The most rows that the k worst clusters can hold, whoever they are, every detector off
(`certificate.json`). It bounds exposure, not harm.

| k clusters | rows | share |
|---|---|---|
{worst}

## Columns

| column | type |
|---|---|
{columns}
"""


def croissant(contents: Contents) -> str:
    """Return the metadata in Croissant 1.1 (JSON-LD): files by digest, every column as a field."""
    release = contents.predicate
    distribution, origin = _distribution(contents.files)
    document = {
        "@context": _context(),
        "@type": "sc:Dataset",
        "name": release.name,
        "description": f"{release.rows} rows of {release.kind} feedback, approved by people.",
        "conformsTo": f"{_CROISSANT}1.1",
        "datePublished": spell_time(release.created),
        "creator": {"@type": "sc:Organization", "name": release.log.origin},
        "version": "1.0.0",
        "isLiveDataset": False,
        "distribution": distribution,
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "default",
                "name": "default",
                "key": {"@id": "default/log_index"},
                "field": [_field(column.name, column.type, origin) for column in release.columns],
            }
        ],
    }
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def _distribution(files: Mapping[str, str]) -> tuple[list[object], dict[str, object]]:
    """Return the files of rows as Croissant tells them, and where a field then comes from."""
    told: list[object] = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "encodingFormat": _PARQUET,
            "sha256": digest,
        }
        for name, digest in sorted(files.items())
    ]
    if len(told) == 1:
        return told, {"fileObject": {"@id": min(files)}}
    several = {
        "@type": "cr:FileSet",
        "@id": "rows",
        "name": "rows",
        "encodingFormat": _PARQUET,
        "includes": "data/*.parquet",
    }
    return [*told, several], {"fileSet": {"@id": "rows"}}


def page_of(contents: Contents) -> str:
    """Return the release as one static page."""
    from approvals.plots import bars  # noqa: PLC0415  templates are not everyone's
    from approvals.report import Table, page  # noqa: PLC0415

    release, certificate = contents.predicate, contents.certificate
    largest = contents.clusters[:30]
    return page(
        f"Release {release.name}",
        f"{release.rows} rows of {release.kind} feedback, made {spell_time(release.created)}.",
        [
            Table("What it is", ("field", "value"), _facts(contents)),
            Table(
                "Who decided",
                ("name", "decision", "when", "because"),
                [(v.by, v.decision.value, spell_time(v.at), v.because) for v in contents.votes],
            ),
            Table(
                "Exposure: the most that bad clusters can hold, every detector off",
                ("bad clusters", "rows", "share"),
                [(each.clusters, each.rows, each.share) for each in certificate.worst],
            ),
            bars(
                "The largest voices",
                "Rows of each of the largest clusters; none may exceed its budget.",
                {"rows": [float(rows) for _, rows in largest]},
                names=[name for name, _ in largest],
                up="rows",
            ),
        ],
    )


def columns_of(schema: pa.Schema) -> list[tuple[str, str]]:
    """Return the names and types of columns as the manifest spells them."""
    return [(field.name, str(field.type)) for field in schema]


def _facts(contents: Contents) -> list[tuple[str, str | int]]:
    release = contents.predicate
    detectors = ", ".join(
        f"{name} {version}" for name, version in sorted(release.detectors.items())
    )
    return [
        ("scope", release.scope),
        ("purpose", release.purpose),
        ("rows", release.rows),
        ("sources", release.sources),
        ("clusters", release.clusters),
        ("request", release.request),
        ("policy", release.policy),
        ("log", f"{release.log.origin}, {release.log.size} leaves"),
        ("before it", release.previous.name if release.previous else "nothing"),
        ("detectors", detectors or "none named"),
    ]


def _field(name: str, type_: str, origin: Mapping[str, object]) -> dict[str, object]:
    field: dict[str, object] = {
        "@type": "cr:Field",
        "@id": f"default/{name}",
        "name": name,
        "dataType": "sc:Text" if type_ == _LIST else _TYPES[type_],
        "source": {**origin, "extract": {"column": name}},
    }
    return {**field, "isArray": True, "arrayShape": "-1"} if type_ == _LIST else field


def _context() -> dict[str, object]:
    ours = (
        "arrayShape citeAs column containedIn equivalentProperty extract field fileObject"
        " fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 parentField"
        " path recordSet references regex repeated replace samplingRate separator source subField"
        " transform"
    )
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": _CROISSANT,
        "dct": "http://purl.org/dc/terms/",
        "rai": f"{_CROISSANT}RAI/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "name": {"@container": "@language"},
        "description": {"@container": "@language"},
        **{word: f"cr:{word}" for word in ours.split()},
    }


def _plain(text: str) -> str:
    """Spell untrusted text so that Markdown shows it and does nothing with it."""
    return _SPECIAL.sub(r"\\\1", safe(text, 200))
