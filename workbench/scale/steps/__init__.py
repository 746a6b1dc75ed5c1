"""One module a command: `settle(bench, options) -> Step`."""
