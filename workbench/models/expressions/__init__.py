"""Expression networks: one file per family."""
