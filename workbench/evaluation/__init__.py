"""One room for measuring models against truth and people."""
