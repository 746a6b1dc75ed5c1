"""The Parsing tab."""
