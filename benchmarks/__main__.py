"""List the benchmarks, or run one: ``python -m benchmarks [NAME [ARGUMENTS]]``."""

from __future__ import annotations

import ast
import importlib
import pathlib
import sys

NAMES = (
    "wasted_trials",
    "check_cost",
    "search_space",
    "two_commits",
    "search_quality",
    "search_cost",
    "following",
    "accelerator_idle",
    "agreement",
)


def first_line(name: str) -> str:
    """What a benchmark measures, read without importing it and what it needs."""
    path = pathlib.Path(__file__).with_name(f"{name}.py")
    return (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]


def main(arguments: list[str]) -> int:
    """Run the benchmark that is named; without a name, say which there are.

    Returns:
        The exit status: 2 for an unknown name.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print("python -m benchmarks NAME [--help]\n")
        print("\n".join(f"{name:16} {first_line(name)}" for name in NAMES))
        return 0
    name, *rest = arguments
    if name not in NAMES:
        print(f"There is no benchmark {name!r}; there are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"benchmarks.{name}").main(rest) or 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
