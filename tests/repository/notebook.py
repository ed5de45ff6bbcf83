"""Run the notebook from top to bottom and store what it shows, without TensorFlow's own log.

python -m tests.repository.notebook
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any

import nbclient
import nbformat

from tests.repository.running import ROOT

__all__ = ["NOTEBOOK", "executed"]

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


def executed(folder: pathlib.Path) -> Any:
    """The notebook as it is after a run in a kernel of its own.

    Args:
        folder: where the search writes its project.
    """
    os.environ["PYTHONPATH"] = str(ROOT)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, record_timing=False, resources=resources).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        nbformat.write(executed(pathlib.Path(place)), NOTEBOOK)
