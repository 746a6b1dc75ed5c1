"""The Landmarks tab."""
