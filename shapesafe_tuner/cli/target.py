"""The hypermodel that a target on the command line names."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from shapesafe_tuner.cli.output import quietly
from shapesafe_tuner.cli.source import Problem, look_at

__all__ = ["EPILOG", "load"]

_FORM = "TARGET is file.py:build_model or package.module:build_model"
EPILOG = f"{_FORM}; MyHyperModel, a class or an instance, works too."


def load(target: str) -> Any:
    """The hypermodel that ``file.py:name`` or ``package.module:name`` names.

    Only that file or module is imported, and what it imports itself. Its folder, or the current
    one, is searched for these imports until the command ends. What can be seen in the source is
    checked before a backend starts.

    Raises:
        click.UsageError: there is no such thing, it cannot be imported, or is no hypermodel.
    """
    place, colon, name = target.rpartition(":")
    if not colon and os.path.isfile(target):
        raise click.UsageError(f"{target}: name a function of it, as in {target}:build_model.")
    if not place or not name:
        raise click.UsageError(f"{target or 'an empty TARGET'}: {_FORM}.")
    is_file = place.endswith(".py")
    path = _file(place) if is_file else _source_of(place)
    folder = str(path.parent) if is_file and path is not None else os.getcwd()
    if path is not None:
        try:
            look_at(path, name, folder)
        except Problem as problem:
            raise click.UsageError(f"{place}{problem}") from problem.__cause__
    _start_backend()
    _search(folder)
    with _one_line(place), quietly():
        module = _load_file(path) if is_file and path else importlib.import_module(place)
        if not hasattr(module, name):
            raise click.UsageError(f"{place} has no {name}.")
        return _hypermodel(getattr(module, name), f"{place}:{name}")


def _file(place: str) -> pathlib.Path:
    path = pathlib.Path(place).resolve()
    if not path.is_file():
        raise click.UsageError(f"{place}: there is no such file.")
    return path


def _source_of(place: str) -> pathlib.Path | None:
    """The file of a module, without importing it; None where only an import can tell."""
    first, *rest = place.split(".")
    missing = click.UsageError(f"{place}: there is no such module.")
    if not all(part.isidentifier() for part in (first, *rest)):
        raise click.UsageError(f"{place}: this is neither a file nor a module. {_FORM}.")
    with _searching(os.getcwd()):
        try:
            spec = importlib.util.find_spec(first)
        except (ImportError, ValueError, AttributeError):
            return None
    if spec is None:
        raise missing
    if spec.submodule_search_locations is None:
        if rest:
            raise missing
        found = spec.origin
        return pathlib.Path(found) if found and found.endswith(".py") else None
    for folder in map(pathlib.Path, spec.submodule_search_locations):
        inside = folder.joinpath(*rest)
        for path in (inside / "__init__.py", inside.with_suffix(".py") if rest else inside):
            if path.is_file():
                return path
    return None


def _start_backend() -> None:
    """Import what has yet to be imported, before the folder of the target can hide it."""
    import shapesafe_tuner

    with quietly():
        try:
            shapesafe_tuner.validate_search_space  # noqa: B018
            shapesafe_tuner.explain  # noqa: B018
        except ImportError as error:
            raise click.UsageError(f"Keras cannot start: {error}.") from error


def _load_file(path: pathlib.Path) -> Any:
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


def _search(folder: str) -> None:
    """Import from this folder too, until the command ends."""
    click.get_current_context().with_resource(_searching(folder))


@contextlib.contextmanager
def _searching(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


@contextlib.contextmanager
def _one_line(place: str) -> Iterator[None]:
    """Whatever a target raises while it is imported is wrong usage, in one line."""
    from shapesafe_tuner.tracing.attribution import place_of_error

    try:
        yield
    except (click.ClickException, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (place + ".").startswith(error.name + "."):
            raise click.UsageError(f"{place}: there is no such module.") from error
        where = place_of_error(error)
        raise click.UsageError(f"{place} cannot be imported: {error} ({where}).") from error
    except SystemExit as error:
        where = place_of_error(error)
        raise click.UsageError(
            f"{place} cannot be imported: it ends the program ({where}); put what runs under "
            'if __name__ == "__main__".'
        ) from error
    except BaseException as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")
        where = place_of_error(error)
        said += f" ({where})" if where else ""
        raise click.UsageError(f"{place} cannot be imported: {said}.") from error


def _hypermodel(found: Any, target: str) -> Any:
    """What is found under the name of the target, if a model can be built with it."""
    import keras
    import keras_tuner

    wanted = "a function build(hp), or a HyperModel"
    if isinstance(found, keras_tuner.HyperModel):
        return found
    if inspect.isclass(found):
        if issubclass(found, keras.Model):
            return found
        if not issubclass(found, keras_tuner.HyperModel):
            raise click.UsageError(f"{target} is the class {found.__name__}, not {wanted}.")
        try:
            return found()
        except TypeError as error:
            raise click.UsageError(
                f"{target} cannot be created without arguments ({error}); name an instance instead."
            ) from error
    if isinstance(found, keras.Model):
        raise click.UsageError(f"{target} is a model that is already built, not {wanted}.")
    if not callable(found):
        raise click.UsageError(f"{target} is of type {type(found).__name__}, not {wanted}.")
    return found
