"""`python -m workbench`."""

from workbench.cli import entry

if __name__ == "__main__":
    entry()
