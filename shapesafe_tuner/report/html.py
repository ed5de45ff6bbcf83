"""Pages and notebook cells: one template, one style, nothing from elsewhere."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import Any

from shapesafe_tuner import __version__
from shapesafe_tuner.escaping import short
from shapesafe_tuner.report.explanation_view import explanation_view
from shapesafe_tuner.report.search_view import search_view
from shapesafe_tuner.report.space_view import space_view

__all__ = ["in_notebook", "page", "write_page"]

_VIEWS: dict[str, Callable[..., dict[str, Any]]] = {
    "space": space_view,
    "explanation": explanation_view,
    "search": search_view,
}
_FOLDER = pathlib.Path(__file__).parent / "templates"


def write_page(path: str | os.PathLike[str], kind: str, subject: Any, **further: Any) -> None:
    """Write a page to a file.

    Args:
        path: of the file; it is replaced.
        kind: "space", "explanation" or "search".
        subject: what the page is about.
        further: arguments of the view of this kind.

    Raises:
        OSError: the file cannot be written.
    """
    file = pathlib.Path(path)
    if not file.parent.is_dir():
        raise FileNotFoundError(
            f"The page cannot be written to {short(str(path))}: there is no folder "
            f"{short(str(file.parent))}; make it first, or name another."
        )
    file.write_text(page(kind, subject, **further), encoding="utf-8")


def page(kind: str, subject: Any, **further: Any) -> str:
    """A whole page; arguments as of :func:`write_page`.

    Its policy lets nothing be loaded, and no style or script run but its own, which it knows by
    their hashes.
    """
    style = _part("style.css")
    script = _part("map.js") + _part("filters.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    now = datetime.datetime.now()
    return _rendered(
        f"{kind}.html.j2", base="page.html.j2", policy=policy, style=style, script=script,
        date=f"{now.day} {now:%B %Y}", time=f"{now:%H:%M:%S}", version=__version__,
        **_VIEWS[kind](subject, **further),
    )  # fmt: skip


def in_notebook(kind: str, subject: Any) -> str:
    """The cell of a notebook, without a script."""
    return _rendered(
        f"{kind}.html.j2", base="cell.html.j2", style=_part("style.css"), **_VIEWS[kind](subject)
    )


def _rendered(template: str, base: str, style: str, script: str = "", **view: Any) -> str:
    environment = _environment()
    from markupsafe import Markup

    return environment.get_template(template).render(  # type: ignore[no-any-return]
        base=base, style=Markup(style), script=Markup(script), **view
    )


@functools.cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
