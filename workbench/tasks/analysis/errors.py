"""What the figures of a face may be off by, measured on faces drawn with known angles (docs/analysis.md)."""

POSE_WORDS = "off by 2° in most level heads, 4° turned by up to 25°, 8° beyond; turns are read a quarter too small"
GAZE_WORDS = "off by about 7°, in one face of twenty by 14°; up and down are read half as large"
OPEN_WORDS = "lid gap over eye width (0.3 is open, 0.1 closed), lip gap over mouth width; off by 0.06"
