"""The roles of docstrings, such as ``:meth:`sample```, become links of the reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

_LINKED = re.compile(r":(?:class|func|meth|mod):`([^`]+)`")
_PLAIN = re.compile(r":attr:(`[^`]+`)")  # attributes of a record are listed in its class


class Roles(griffe.Extension):
    """For ``mkdocstrings``, which reads Markdown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of every object that has one."""
        if obj.docstring is not None:
            linked = _LINKED.sub(r"[`\1`][\1]", obj.docstring.value)
            obj.docstring.value = _PLAIN.sub(r"\1", linked)
