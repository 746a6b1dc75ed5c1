"""Everything a face shows: points, head pose, gaze, openness, expression, age, attributes, quality, as one value."""

from workbench.signs import Gaze, Signs
from workbench.tasks.analysis.eyes import angle_between, gaze
from workbench.tasks.analysis.face import FaceAnalysis, analyse, analyse_face
from workbench.tasks.analysis.layouts import NAMES as LAYOUTS
from workbench.tasks.analysis.layouts import points_of
from workbench.tasks.analysis.readers import Readers, SignReader, can_say_more, more_here, settled

__all__ = [
    "LAYOUTS",
    "FaceAnalysis",
    "Gaze",
    "Readers",
    "SignReader",
    "Signs",
    "analyse",
    "analyse_face",
    "angle_between",
    "can_say_more",
    "gaze",
    "more_here",
    "points_of",
    "settled",
]
