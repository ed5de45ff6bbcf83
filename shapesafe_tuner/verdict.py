"""What a check says: frozen records that every report, cache and oracle reads. No Keras here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from shapesafe_tuner.escaping import card, named, short, visible
from shapesafe_tuner.plain import plain, restored

__all__ = [
    "LayerShape", "Note", "Rejection", "Shape", "ShapeFault", "Stage", "Verdict", "kind_of",
]  # fmt: skip

Stage = Literal["conflict", "analytic", "symbolic", "training_step", "limit", "declared"]
Shape: TypeAlias = Any
"""A tuple of sizes with None for unknown ones, or a list, tuple or dict of such tuples."""


UNDECIDED = "Undecided:"
"""What the warning begins with that says why a verdict is undecided."""


def reason_of(warnings: Sequence[str]) -> str:
    """Why a verdict with these warnings is undecided."""
    said = [note for note in warnings if note.startswith(UNDECIDED)] or list(warnings)
    return said[-1].removeprefix(UNDECIDED).strip() if said else "No reason is known."


@dataclasses.dataclass(frozen=True)
class LayerShape:
    """One row of the shape table: a layer, what went in and what came out.

    Attributes:
        name: the layer's name in the model.
        layer_type: its class name.
        input_shapes: shape, or nested structure of shapes, with the batch axis.
        output_shape: likewise; None for the layer that failed.
        parameters: number of weights, trainable or not; None where not known.
        failed: True for the row the check stopped at.
        sources: of a layer on the way to the refusal, where its inputs come from: the place of a
            row in the table, or the name of an input of the model. None where that is not known.
    """

    name: str
    layer_type: str
    input_shapes: Shape
    output_shape: Shape = None
    parameters: int | None = None
    failed: bool = False
    sources: tuple[int | str, ...] | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class ShapeFault:
    """Why a configuration cannot be built or trained.

    Attributes:
        layer: name of the layer, operation, loss or metric that refused, if one did.
        layer_type: its class name.
        reason: one sentence in the user's terms.
        input_shapes: what the layer was given.
        hyperparameters: names and values that cause it; worked out when they are first read,
            where that takes time (:meth:`with_cause`).
        error: the message of Keras, of its backend or of the user's code, when one spoke.
        refused_by: "build" when the model cannot be made, "train" when ``fit`` refuses it.
    """

    layer: str | None
    layer_type: str | None
    reason: str
    input_shapes: Shape = None
    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    error: str | None = None
    refused_by: Literal["build", "train"] = "build"

    def __hash__(self) -> int:
        return hash((self.layer, self.layer_type, self.reason, self.refused_by))

    def __str__(self) -> str:
        return visible(self.reason)

    def __repr__(self) -> str:
        cause = named(self.hyperparameters)
        return f"<ShapeFault: {short(self.reason)}{f' ({cause})' if cause else ''}>"

    def _repr_html_(self) -> str:
        return card("Fault", self._rows())

    def _rows(self) -> dict[str, str]:
        return {
            "Reason": self.reason,
            "Layer": " ".join(filter(None, [self.layer_type, self.layer and f"'{self.layer}'"])),
            "Caused by": named(self.hyperparameters),
            "Keras says": self.further_error,
        }

    @property
    def further_error(self) -> str:
        """The message of Keras, where the reason does not say it; otherwise empty."""
        return self.error if self.error and self.error not in self.reason else ""

    def with_cause(self, find: Callable[[], Mapping[str, Any]]) -> ShapeFault:
        """The same fault, whose ``hyperparameters`` are found when something reads them.

        Printing, comparing, copying, pickling and saving read them too, so that it behaves like a
        fault that had them from the start.

        Args:
            find: gives the names and values; called once.
        """
        later = object.__new__(ShapeFault)
        later.__dict__.update(self.__dict__)
        later.__dict__.pop("hyperparameters", None)
        later.__dict__["_find"] = find
        return later

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What the instance lacks until it is read."""
            if name != "hyperparameters" or "_find" not in self.__dict__:
                kind = type(self).__name__
                raise AttributeError(f"{kind!r} object has no attribute {name!r}", obj=self)
            found = self.__dict__.setdefault("hyperparameters", self.__dict__["_find"]())
            self.__dict__.pop("_find", None)
            return found

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


class Note(str):
    """A sentence that goes with a verdict, for the user.

    Args:
        text: the sentence.
        kind: what it is about, for those that a search shows at once: "suspicious" (the model
            trains, but hardly on what was meant), "not saved" (it trains, and a search cannot save
            it), "frozen bounds", "varying build", "undecided".
    """

    kind: str

    def __new__(cls, text: str, kind: str = "") -> Note:  # noqa: D102
        note = super().__new__(cls, text)
        note.kind = kind
        return note


def kind_of(note: str) -> str:
    """The kind of a note; "" for a plain sentence."""
    return note.kind if isinstance(note, Note) else ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a configuration can be built, and trained for one step on the user's data.

    Attributes:
        feasible: True, False, or None where it cannot be decided; its trial then runs.
        stage: who proved an infeasible one; otherwise who resolved the model's shapes.
        fault: why it is infeasible; None otherwise.
        warnings: what else the user should know, a sentence each.
        output_shape: of the model, with None for the batch; nested for several outputs.
        parameters: number of weights of the model, or None.
        layers: the shape table, up to the fault.
        slow_because: why rules alone could not decide, and the line of ``build`` where that came
            up; a check then uses Keras's own classes and takes a hundred times as long. None where
            rules decided. Verdicts that differ in nothing else are equal.
    """

    feasible: bool | None
    stage: Stage
    fault: ShapeFault | None = None
    warnings: tuple[str, ...] = ()
    output_shape: Shape = None
    parameters: int | None = None
    layers: tuple[LayerShape, ...] = ()
    slow_because: str | None = dataclasses.field(default=None, compare=False)

    def __bool__(self) -> bool:
        """False only for what is proved infeasible."""
        return self.feasible is not False

    def __hash__(self) -> int:
        return hash((self.feasible, self.stage, self.fault, self.warnings, self.parameters))

    @property
    def outcome(self) -> str:
        """In one word: "feasible", "infeasible" or "undecided"."""
        return {True: "feasible", False: "infeasible", None: "undecided"}[self.feasible]

    @property
    def reason(self) -> str:
        """Why it is not feasible; empty where it is."""
        if self.feasible is None:
            return reason_of(self.warnings)
        return "" if self.fault is None else self.fault.reason

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, without the one that says why it is undecided."""
        if self.feasible is not None:
            return self.warnings
        return tuple(note for note in self.warnings if reason_of([note]) != self.reason)

    def __str__(self) -> str:
        outcome = self.outcome.capitalize()
        return visible(f"{outcome}: {self.reason}" if self.reason else f"{outcome}.")

    def __repr__(self) -> str:
        return f"<Verdict {self.outcome}{': ' if self.reason else ''}{short(self.reason)}>"

    def _repr_html_(self) -> str:
        rows = {} if self.fault is None else self.fault._rows()
        if self.feasible is None:
            rows["Reason"] = self.reason
        if self.parameters is not None:
            rows["Parameters"] = f"{self.parameters:,}"
        for number, note in enumerate(self.notes, 1):
            rows[f"Note {number}" if len(self.notes) > 1 else "Note"] = note
        return card(self.outcome.capitalize(), rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, ready for JSON; :meth:`from_dict` reads them back."""
        return plain(dataclasses.asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Verdict:
        """The verdict that :meth:`to_dict` wrote."""
        fields = restored(state)
        if fields.get("fault") is not None:
            fault = dict(fields["fault"])
            fault["input_shapes"] = _shapes(fault.get("input_shapes"))
            fields["fault"] = ShapeFault(**fault)
        fields["output_shape"] = _shapes(fields.get("output_shape"))
        fields["warnings"] = tuple(fields.get("warnings", ()))
        rows = (dict(row) for row in fields.get("layers", ()))
        fields["layers"] = tuple(
            LayerShape(
                **{
                    **row,
                    "input_shapes": _shapes(row["input_shapes"]),
                    "output_shape": _shapes(row.get("output_shape")),
                    "sources": None if row.get("sources") is None else tuple(row["sources"]),
                }
            )
            for row in rows
        )
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Rejection:
    """A configuration that a search drew and did not run.

    Attributes:
        values: the configuration.
        verdict: why it was refused.
        repaired_to: the configuration tried in its place, where one was derived from it.
        told: what the optimiser was given in its place, if anything.
        seconds: what the check cost.
        time: when, in seconds since the epoch.
        trial_id: of the trial that it was drawn for; None where the search ended first.
    """

    values: Mapping[str, Any]
    verdict: Verdict
    repaired_to: Mapping[str, Any] | None = None
    told: str | None = None
    seconds: float = 0.0
    time: float = 0.0
    trial_id: str | None = None

    def __hash__(self) -> int:
        return hash((frozenset(self.values), self.time))

    def __str__(self) -> str:
        return f"{named(self.values)}: {visible(self.verdict.reason)}"

    def __repr__(self) -> str:
        return f"<Rejection {short(str(self))}>"

    def _repr_html_(self) -> str:
        rows = {"Values": named(self.values)}
        rows.update({} if self.verdict.fault is None else self.verdict.fault._rows())
        if self.repaired_to is not None:
            rows["Repaired to"] = named(self.repaired_to)
        return card("Rejection", rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, ready for JSON; :meth:`from_dict` reads them back."""
        state = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "verdict"
        }
        return {**plain(state), "verdict": self.verdict.to_dict()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Rejection:
        """The rejection that :meth:`to_dict` wrote."""
        return cls(**{**restored(state), "verdict": Verdict.from_dict(state["verdict"])})


def _shapes(value: Shape) -> Shape:
    """Shapes as tuples again, after JSON made lists of them."""
    if isinstance(value, Mapping):
        return {key: _shapes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if all(item is None or isinstance(item, int) for item in value):
            return tuple(value)
        return [_shapes(item) for item in value]
    return value
