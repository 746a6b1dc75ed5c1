"""Clips: read and written frame by frame, faces followed through them, hidden in them, and what they show as a table.

Knows no model (finders, recognisers and the rest are arguments) and no screen. Needs the extra `video` (PyAV).
"""
