"""The Protection tab."""
