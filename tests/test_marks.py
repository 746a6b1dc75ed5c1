"""A file's marks: written into PNG and JPEG, read again, inherited by what is made of a marked picture."""

import io

import numpy as np
import pytest
from PIL import Image

from workbench import images, marks
from workbench.cli import main
from workbench.decoding import read
from workbench.errors import BadRequest
from workbench.generation import credentials, marking

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


def _certificates() -> tuple[bytes, bytes]:
    """A chain of two certificates, made for this test, and the signer's key, as PEM."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, word), x509.NameAttribute(NameOID.COMMON_NAME, word)])
        for word in ("Test authority", "Test studio")
    ]
    today, made = datetime.datetime.now(datetime.timezone.utc), []
    for at, (key, name) in enumerate(zip(keys, names, strict=True)):
        root = at == 0
        use = x509.KeyUsage(True, False, False, False, False, root, root, False, False)
        draft = x509.CertificateBuilder().subject_name(name).issuer_name(names[0]).public_key(key.public_key())
        draft = draft.serial_number(x509.random_serial_number()).not_valid_before(today - datetime.timedelta(days=1))
        draft = draft.not_valid_after(today + datetime.timedelta(days=9)).add_extension(use, True)
        draft = draft.add_extension(x509.BasicConstraints(root, None), True)
        draft = draft.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if not root:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
            draft = draft.add_extension(usage, True).add_extension(issuer, False)
        made.append(draft.sign(keys[0], hashes.SHA256()))
    pem = serialization.Encoding.PEM
    chain = b"".join(each.public_bytes(pem) for each in reversed(made))
    return chain, keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_c2pas_own_reader_finds_what_was_signed_and_what_was_changed_afterwards(
    tmp_path, capsys, monkeypatch, settings
):
    pytest.importorskip("c2pa")
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    chain, key = _certificates()
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    jpeg = marks.in_jpeg(images.encode_jpeg(PICTURE, 90), marks.EDITED)
    (tmp_path / "drawn.png").write_bytes(marking.png(PICTURE, marking.drawn("m", 3)))
    (tmp_path / "edited.jpg").write_bytes(jpeg)
    (tmp_path / "plain.jpg").write_bytes(images.encode_jpeg(PICTURE))
    files = [str(tmp_path / name) for name in ("drawn.png", "edited.jpg", "plain.jpg")]
    sign = [
        "--sign",
        str(tmp_path / "chain.pem"),
        "--key",
        str(tmp_path / "key.pem"),
        "--out",
        str(tmp_path / "signed"),
    ]
    assert main(["marks", *files, *sign]) == 1
    told = capsys.readouterr().out.splitlines()
    assert "nothing to sign" in told[2]
    assert not (tmp_path / "signed" / "plain.jpg").exists()
    for name, source in (("drawn.png", marks.DRAWN), ("edited.jpg", marks.EDITED)):
        data = (tmp_path / "signed" / name).read_bytes()
        found = credentials.checked(data)
        assert found is not None
        assert (found.state, found.source, found.signer) == ("Valid", source, "Test studio")
        assert (images.decode(data, settings) == images.decode((tmp_path / name).read_bytes(), settings)).all()
        assert marks.read(data).content
        broken = bytearray(data)
        broken[-60] ^= 1
        torn = credentials.checked(bytes(broken))
        assert torn is not None
        assert torn.state == "Invalid"
        assert "broken" in torn.words()
    assert credentials.checked(jpeg) is None
    assert main(["marks", str(tmp_path / "signed" / "edited.jpg")]) == 0
    assert "signed, unbroken, by a not listed certificate of Test studio" in capsys.readouterr().out


def test_a_signature_that_does_not_fit_is_refused_in_words():
    pytest.importorskip("c2pa")
    chain, key = _certificates()
    drawn = marking.png(PICTURE, marking.drawn("m", 3))
    with pytest.raises(BadRequest, match="PEM"):
        credentials.Signature(b"no", key)
    with pytest.raises(BadRequest, match="algorithm"):
        credentials.Signature(chain, key, "md5")
    with pytest.raises(BadRequest, match="could not be signed"):
        credentials.signed(drawn, credentials.Signature(chain, key, "es512"))
    with pytest.raises(BadRequest, match="PNG or a JPEG"):
        credentials.signed(b"GIF89a", credentials.Signature(chain, key))
