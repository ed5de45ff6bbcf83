"""The labels on disk: TensorFlow's in full, of another backend what it does differently.

``labels/SPACE.json`` holds what real Keras said on TensorFlow. ``labels/BACKEND.json`` holds, for
every space labelled there, the configurations whose outcome or message is another one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from tests.labelled.model import Space

LABELS = Path(__file__).parent / "labels"
BACKEND: str = keras.config.backend()
OTHERS = ("jax", "torch")
"""Backends that have labels besides TensorFlow."""
OUTCOME = ("build", "fit", "message")
"""What of a label depends on the backend; shapes and parameters do not."""


def tensorflow_labels(space: Space, folder: Path = LABELS) -> list[dict[str, Any]]:
    """The configurations of a space as TensorFlow labelled them, the defaults first."""
    content = json.loads((folder / f"{space.name}.json").read_text())
    return list(content["configurations"])


def labels_of(space: Space) -> list[dict[str, Any]]:
    """The configurations of a space as the backend in use labelled them, the defaults first.

    Raises:
        KeyError: the space has not been labelled on this backend.
    """
    known = tensorflow_labels(space)
    if BACKEND == "tensorflow":
        return known
    others = {_key(item): item for item in read(LABELS)["spaces"][space.name]}
    return [{**label, **others.get(_key(label), {})} for label in known]


def of_this_keras(space: Space) -> bool:
    """Whether the labels of a space were made with the minor version of Keras that is installed.

    Another version may refuse the same configuration elsewhere: maps without a place are built up
    to Keras 3.13 and 3.14, and refused in training.
    """
    if BACKEND == "tensorflow":
        content = json.loads((LABELS / f"{space.name}.json").read_text())
    else:
        content = read(LABELS)
    return _minor(content["versions"]["keras"]) == _minor(keras.__version__)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def read(folder: Path) -> dict[str, Any]:
    """What the backend in use does differently; empty before the first labels."""
    file = folder / f"{BACKEND}.json"
    return dict(json.loads(file.read_text())) if file.exists() else {"spaces": {}}


def differing(backend: str) -> dict[str, int]:
    """How many configurations of each space have another verdict than on TensorFlow."""
    spaces = json.loads((LABELS / f"{backend}.json").read_text())["spaces"]
    found = {}
    for name, items in spaces.items():
        known = json.loads((LABELS / f"{name}.json").read_text())["configurations"]
        before = {_key(label): _verdict(label) for label in known}
        count = sum(_verdict(item) != before[_key(item)] for item in items)
        if count:
            found[name] = count
    return found


def is_labelled(space: Space, folder: Path) -> bool:
    """Whether there are labels of the backend in use."""
    if BACKEND == "tensorflow":
        return (folder / f"{space.name}.json").exists()
    return space.name in read(folder)["spaces"]


def write(
    space: Space, records: list[dict[str, Any]], versions: dict[str, str], folder: Path
) -> None:
    """Write the labels of one space.

    Args:
        space: the space.
        records: one for each configuration, as ``label.py`` makes them.
        versions: of what labelled.
        folder: where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if BACKEND == "tensorflow":
        document = {
            "space": space.name,
            "seed": space.seed,
            "tags": list(space.tags),
            "versions": versions,
            "configurations": records,
        }
        text = json.dumps(document, indent=1, sort_keys=True) + "\n"
        (folder / f"{space.name}.json").write_text(text)
        return
    document = read(folder)
    document["versions"] = versions
    document["spaces"][space.name] = _differences(tensorflow_labels(space), records)
    (folder / f"{BACKEND}.json").write_text(_lines(document))


def _differences(
    known: list[dict[str, Any]], records: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {"values": label["values"], **{name: record[name] for name in OUTCOME}}
        for label, record in zip(known, records, strict=True)
        if any(label[name] != record[name] for name in OUTCOME)
    ]


def _lines(document: dict[str, Any]) -> str:
    """JSON with a line for each configuration, so that a change reads well."""
    spaces = []
    for name, items in sorted(document["spaces"].items()):
        lines = ",\n".join("  " + json.dumps(item, sort_keys=True) for item in items)
        spaces.append(f" {json.dumps(name)}: [" + (f"\n{lines}\n ]" if items else "]"))
    versions = json.dumps(document["versions"], sort_keys=True)
    return f'{{"versions": {versions},\n"spaces": {{\n' + ",\n".join(spaces) + "\n}}\n"


def _verdict(label: dict[str, Any]) -> tuple[bool, bool]:
    return label["build"] == "ok", label["fit"] == "ok"


def _key(label: dict[str, Any]) -> str:
    return json.dumps(label["values"], sort_keys=True)
