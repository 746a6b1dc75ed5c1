"""Face Workbench: parse, explain, generate, protect and label faces. Importing it loads nothing heavy."""

from pathlib import Path

__version__ = "0.1.0"

WEIGHTS = Path(__file__).parent / "weights"
"""The weights and tables that ship with the code."""
