"""Face Workbench: parse, explain, generate, protect and label faces. Importing it loads nothing heavy."""

__version__ = "0.1.0"
