"""Shapes on the command line: ``28,28,1``, ``(28, 28, 1)``, ``28x28x1``, ``image=28,28:uint8``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["Data", "Shape", "data_of", "shape_of"]

_SIZE = re.compile(r"[0-9]{1,9}")
_UNKNOWN = ("None", "none", "?")
_DTYPES = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bfloat16",
    "float16", "float32", "float64", "complex64", "complex128", "string",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Shape:
    """The shape of an input or a target, without the batch axis.

    Attributes:
        name: of the input; None where it has none.
        sizes: with None for one that may vary.
        dtype: as Keras calls it.
    """

    name: str | None
    sizes: tuple[int | None, ...]
    dtype: str = "float32"

    def tensor(self) -> Any:
        """The same for Keras."""
        import keras

        return keras.KerasTensor((None, *self.sizes), dtype=self.dtype)


@dataclasses.dataclass(frozen=True)
class Data:
    """What ``--x`` and ``--y`` say."""

    x: tuple[Shape, ...]
    y: tuple[Shape, ...]

    def tensors(self) -> dict[str, Any]:
        """The arguments ``x`` and ``y`` of the public functions."""
        return {"x": _structure(self.x), "y": _structure(self.y)}


def data_of(x: Sequence[str], y: Sequence[str]) -> Data:
    """The shapes of the data.

    Raises:
        click.UsageError: one cannot be read, or they do not go together.
    """
    data = Data(
        tuple(shape_of("--x", text) for text in x), tuple(shape_of("--y", text) for text in y)
    )
    for option, shapes in (("--x", data.x), ("--y", data.y)):
        names = [shape.name for shape in shapes]
        if None in names and any(names):
            raise click.UsageError(f"{option}: give every shape a name, or none.")
        for name in names:
            if name is not None and names.count(name) > 1:
                raise click.UsageError(f"{option} {name}: this name is given twice.")
    if data.y and not data.x:
        raise click.UsageError("--y needs --x: without inputs no training is judged.")
    return data


def shape_of(option: str, text: str) -> Shape:
    """One shape.

    Args:
        option: where it stands.
        text: what was given.

    Raises:
        click.UsageError: it cannot be read.
    """

    def wrong(why: str) -> click.UsageError:
        return click.UsageError(
            f'{option} "{text}": expected sizes such as 28,28,1 or name=28,28,1:float32; {why}.'
        )

    name, equals, rest = text.rpartition("=")
    name = name.strip()
    if equals and not name:
        raise wrong("there is no name before =")
    inner, colon, dtype = rest.partition(":")
    dtype = dtype.strip()
    if colon and dtype not in _DTYPES:
        raise wrong(f'"{dtype}" is not a Keras dtype' if dtype else "there is no dtype after :")
    sizes: list[int | None] = []
    for part in _parts(inner.strip(), wrong):
        if part in _UNKNOWN:
            sizes.append(None)
        elif not part:
            raise wrong("a size is missing")
        elif not _SIZE.fullmatch(part):
            raise wrong(f'"{part}" is not a size')
        elif int(part) == 0:
            raise wrong("a size is 0")
        else:
            sizes.append(int(part))
    return Shape(name or None, tuple(sizes), dtype or "float32")


def _parts(inner: str, wrong: Any) -> list[str]:
    opened, closed = inner[:1] in ("(", "["), inner[-1:] in (")", "]")
    if opened != closed or (opened and inner[0] + inner[-1] not in ("()", "[]")):
        raise wrong("a bracket is missing")
    if opened:
        inner = inner[1:-1].strip()
        if inner.endswith(",") and inner != ",":
            inner = inner[:-1]  # Python's (8,)
    if not inner:
        return []
    separator = "," if "," in inner else "x"
    return [part.strip() for part in inner.split(separator)]


def _structure(shapes: tuple[Shape, ...]) -> Any:
    """One tensor, a list of them, or a dict where they are named."""
    if not shapes:
        return None
    if shapes[0].name is not None:
        return {shape.name: shape.tensor() for shape in shapes}
    return shapes[0].tensor() if len(shapes) == 1 else [shape.tensor() for shape in shapes]
