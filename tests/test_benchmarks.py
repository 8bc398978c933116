"""Benchmarks are run by hand, and must still find what they import."""

import ast
import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.parametrize(
    "path", sorted(BENCHMARKS.rglob("*.py")), ids=lambda path: str(path.relative_to(BENCHMARKS))
)
def test_what_a_benchmark_imports_of_covermap_is_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("covermap"):
            module = importlib.import_module(node.module)
            missing = [item.name for item in node.names if not hasattr(module, item.name)]
            assert not missing, f"{node.module} has no {', '.join(missing)}"
