"""What LLaMA-Factory must be told of an export, so that it can be trained on as it lies there.

`dataset_info.json` (LLaMA-Factory 0.9, "alpaca" layout): the dataset by the release's name, its
file, and which of its columns is the prompt, the response, the chosen and the rejected answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

INFO: Final = "dataset_info.json"
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._@-]", re.ASCII)

RANKED: Final = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
"""The columns of a preference; every column is named as LLaMA-Factory calls it, then as we do."""
ANSWERED: Final = {"prompt": "prompt", "response": "completion"}
TAGGED: Final = {**ANSWERED, "kto_tag": "label"}
CORRECTED: Final = {"prompt": "prompt", "response": "corrected"}


def describe(file: str, columns: Mapping[str, str], about: Mapping[str, str], to: Path) -> None:
    """Write `dataset_info.json` into the directory `to`: one line, one dataset, its `file`.

    A comma in the release's name would end it where datasets are listed, so only plain letters,
    digits and `._@-` stay as they are.
    """
    said = {
        "file_name": file,
        "formatting": "alpaca",
        "ranking": "chosen" in columns,
        "columns": dict(columns),
    }
    name = _UNUSUAL.sub("_", about["release"])
    spelled = json.dumps({name: said}, ensure_ascii=True)
    (to / INFO).write_text(f"{spelled}\n", encoding="ascii")
