"""Where weights come from, and that they are the ones that were meant."""
