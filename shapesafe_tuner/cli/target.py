"""The hypermodel that a target on the command line names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pathlib
import sys
from typing import Any

import click

__all__ = ["TARGET", "load"]

TARGET = "TARGET is file.py:build_model or package.module:build_model."


def load(target: str) -> Any:
    """The hypermodel that ``file.py:name`` or ``package.module:name`` names.

    Only that file or module is imported, and what it imports itself. Its folder, or the current
    one, is searched for these imports until the command ends.

    Raises:
        click.UsageError: there is no such thing.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise click.UsageError(f"{target}: {TARGET}")
    module = _load_file(place) if place.endswith(".py") else _load_module(place)
    if not hasattr(module, name):
        raise click.UsageError(f"{place} has no {name}.")
    found = getattr(module, name)
    return found() if inspect.isclass(found) else found


def _load_file(place: str) -> Any:
    path = pathlib.Path(place).resolve()
    if not path.is_file():
        raise click.UsageError(f"{place}: there is no such file.")
    _search(str(path.parent))
    # A file may be called as a module is that was imported already, or __main__.
    name = path.stem if path.stem not in sys.modules else f"{path.stem} of {path.parent}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    click.get_current_context().call_on_close(lambda: sys.modules.pop(name, None))
    spec.loader.exec_module(module)
    return module


def _load_module(place: str) -> Any:
    _search(os.getcwd())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and place.startswith(error.name):
            raise click.UsageError(f"{place}: there is no such module.") from None
        raise


def _search(folder: str) -> None:
    """Import from this folder too, but nothing that the package itself has yet to import."""
    import shapesafe_tuner

    # Starts the backend.
    shapesafe_tuner.validate_search_space  # noqa: B018
    shapesafe_tuner.explain  # noqa: B018
    sys.path.insert(0, folder)
    click.get_current_context().call_on_close(lambda: sys.path.remove(folder))
