"""Age, gender and quality networks: one file per family."""
