"""Who speaks and who decides in the demo: their names, their keys, and how they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey, ReviewerAdded
from approvals.signers.file import FileSigner, new_key
from quarantine.model import Origin
from quarantine.ports import Store
from service import releasing, wiring
from service.demo.people import SCOPE
from service.settings import State

APP, METER, LOOP = "app", "meter", "loop"
ANA, BEN, CAM = "ana", "ben", "cam"
_ORIGINS: Final[Mapping[str, Origin]] = {
    APP: Origin.HUMAN,
    METER: Origin.AUTOMATED,
    LOOP: Origin.SELF_TRAINING,
}


def key_file(state: State, name: str) -> Path:
    """Return where the private key of somebody in the demo is kept."""
    folder = state.root / "people"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder / f"{name}.pem"


def seated(state: State, store: Store) -> dict[str, FileSigner]:
    """Register three producers and three people, each with a new key; return the keys by name."""
    at = wiring.now()
    operator = wiring.role_signer(state, "operator")
    keys = {name: new_key(key_file(state, name)) for name in (*_ORIGINS, ANA, BEN, CAM)}
    acts = [_producer(name, keys[name], origin, at) for name, origin in _ORIGINS.items()]
    seats = [_reviewer(name, keys[name], at) for name in (ANA, BEN, CAM)]
    store.record([act_of(act, operator) for act in (*acts, *seats)])
    releasing.publish_trust(state, store)
    return keys


def _producer(name: str, key: FileSigner, origin: Origin, at: datetime) -> ProducerAdded:
    public = ProducerKey(id=key.key_id, algorithm="ed25519", public=key.public)
    return ProducerAdded(at=at, name=name, key=public, origin=origin, scopes=(SCOPE,))


def _reviewer(name: str, key: FileSigner, at: datetime) -> ReviewerAdded:
    return ReviewerAdded(
        at=at,
        name=name,
        person=f"{name}@example.org",
        key=key.key_id,
        public=key.public,
        roles=("reviewer",),
    )
