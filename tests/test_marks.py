"""A file's marks: written into PNG and JPEG, read again, inherited by what is made of a marked picture."""

import io

import numpy as np
import pytest
from PIL import Image

from workbench import images, marks
from workbench.decoding import read
from workbench.errors import BadRequest
from workbench.generation import marking

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("text", "source", "verdict"),
    [
        (marking.drawn("m", 3), "trainedAlgorithmicMedia", "generated"),
        (marking.edited("yaw +10"), "compositeWithTrainedAlgorithmicMedia", "edited"),
    ],
)
def test_a_png_names_its_digital_source_type_where_other_programs_look_for_it(text, source, verdict, settings):
    data = marking.png(PICTURE, text)
    with Image.open(io.BytesIO(data)) as picture:
        described = picture.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert described["DigitalSourceType"] == marks.VOCABULARY + source
    assert marks.read(data).source == source
    assert marks.read(data).verdict == verdict
    assert (images.decode(data, settings) == PICTURE).all()
    assert set(marking.read(data)) == set(text)


def test_the_mark_survives_the_workbenchs_own_jpeg(settings):
    drawn = read(marking.png(PICTURE, marking.drawn("m", 3)), settings)
    jpeg = marks.kept(images.encode_jpeg(drawn.image, 90), drawn.source)
    assert marks.read(jpeg) == marks.Marks("trainedAlgorithmicMedia")
    with Image.open(io.BytesIO(jpeg)) as picture:
        described = picture.getxmp()["xmpmeta"]["RDF"]["Description"]
        assert described["DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert (images.decode(jpeg, settings) == images.decode(images.encode_jpeg(drawn.image, 90), settings)).all()
    assert read(jpeg, settings).source == "trainedAlgorithmicMedia"
    again = marks.kept(images.encode_jpeg(PICTURE), jpeg)
    assert marks.read(again).source == "trainedAlgorithmicMedia"


def test_a_plain_photo_is_given_no_mark():
    jpeg = images.encode_jpeg(PICTURE)
    assert marks.kept(jpeg, jpeg) == jpeg
    assert marks.read(jpeg) == marks.Marks()
    assert marks.Marks().verdict == ""


def test_notes_of_other_programs_count_as_generated():
    note = marks.read(b"\x89PNG....tEXtparameters\x00a castle\nNegative prompt: none")
    assert note.verdict == "generated"
    assert "Stable Diffusion" in note.words()


def test_a_description_cannot_break_out_of_the_packet():
    packet = marks.xmp(marks.EDITED, '</rdf:li><x y="trainedAlgorithmicMedia">')
    assert packet.count(b"<rdf:li") == 1


@pytest.mark.parametrize("source", ["", "no/type", "<x>", "a" * 99])
def test_a_source_type_is_one_word(source):
    with pytest.raises(BadRequest):
        marks.xmp(source)


def test_only_jpegs_are_marked_as_jpegs():
    with pytest.raises(BadRequest):
        marks.in_jpeg(images.encode_png(PICTURE), marks.DRAWN)
