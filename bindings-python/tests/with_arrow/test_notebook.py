"""The notebook of the examples runs, and says what its document says."""

from pathlib import Path

import nbclient
import nbformat

NOTEBOOK = Path(__file__).parents[3] / "examples" / "notebook.ipynb"


def test_every_cell_runs_and_shows_a_table_and_a_picture(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without answers"
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    kinds = [set(output.get("data", {})) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/html" in kind for kind in kinds)
    assert any("image/png" in kind for kind in kinds)
