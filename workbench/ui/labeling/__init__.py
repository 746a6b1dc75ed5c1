"""The Labeling tab."""
