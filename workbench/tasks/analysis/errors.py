"""What the figures of a face may be off by, measured on faces drawn with known angles (docs/analysis.md)."""

POSE_WORDS = "TODO"
GAZE_WORDS = "TODO"
OPEN_WORDS = "TODO"
