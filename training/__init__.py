"""How the built-in weights and thresholds were made: runnable, seeded, documented."""
