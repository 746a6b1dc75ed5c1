"""Readers of checkpoints and small runtimes. Nothing here executes what a file says."""
