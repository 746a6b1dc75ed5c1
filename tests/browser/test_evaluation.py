"""A zip of photos with masks goes in, a report comes out."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.page_jobs import JOBS
from tests.browser.walker import Keys
from tests.models import tiny_onnx


def _give(page, path: str) -> None:
    """Hand a zip over and wait until it is there: who presses earlier asks about nothing."""
    page.locator("#evaluation-zip input[type=file]").set_input_files(path)
    expect(page.locator("#evaluation-state")).to_contain_text("Ready")


def _open(page, server: str) -> None:
    page.goto(server)
    page.get_by_role("tab", name="Evaluation").click()


@pytest.fixture(scope="module")
def package(tmp_path_factory, bench, astronaut) -> str:
    """Ten photos of the astronaut, and masks a parser made of the unspoilt ones."""
    from workbench.tasks.detection import find_faces
    from workbench.tasks.parsing import parse

    finder, model = bench.model("blazeface"), bench.model("compact")
    path = tmp_path_factory.mktemp("truth") / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10):
            image = np.ascontiguousarray(astronaut[: 512 - 8 * number])
            labels = parse(image, model, find_faces(image, finder)).labels
            for name, picture in ((f"images/{number}.jpg", image), (f"masks/{number}.png", labels)):
                stream = io.BytesIO()
                Image.fromarray(picture).save(stream, "JPEG" if name.endswith("jpg") else "PNG")
                archive.writestr(f"faces/{name}", stream.getvalue())
        archive.writestr("faces/groups.csv", "file,half\n" + "".join(f"{n}.jpg,{n % 2}\n" for n in range(10)))
    return str(path)


def test_a_zip_with_masks_becomes_a_report(page, server: str, package: str, keep) -> None:
    """By keys alone."""
    person = Keys(page)
    person.open(server, next(job for job in JOBS if job.state == "evaluation"))
    person.give("evaluation-zip", [package])
    expect(page.locator("#evaluation-state")).to_contain_text("Ready")
    person.press("#evaluation-start")

    expect(page.locator("#evaluation-words")).to_contain_text("10 photos", timeout=120_000)
    expect(page.locator("#evaluation-table")).to_contain_text("pooled F1")
    report = page.frame_locator("#evaluation-page iframe")
    expect(report.locator("h1")).to_contain_text("Compact parser")
    expect(report.locator(".pair").first).to_be_visible()
    with page.expect_download() as download:
        person.press("#evaluation-report")
    assert person.lost == []
    text = Path(download.value.path()).read_text()
    assert "The worst pictures" in text
    keep(page)


def test_a_zip_without_truth_gets_a_sentence_and_no_result(page, server: str, tmp_path: Path, portrait: str) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(portrait, "a.png")
    _open(page, server)
    _give(page, str(path))
    page.locator("#evaluation-start").click()

    expect(page.get_by_text("no truth that is recognised").first).to_be_visible()
    expect(page.locator("#evaluation-report")).to_be_disabled()


def test_faces_are_moved_between_people_and_the_table_is_saved(page, tmp_path: Path, keep) -> None:
    """The page of groups needs no server: it is opened as the file it is, shut in as the tab shuts it in."""
    import html

    from tests.people import builders
    from workbench.people import naming
    from workbench.people.grouping import Way
    from workbench.people.run import sort, write

    faces = builders.drawn([3, 2, 1])
    write(sort(faces, Way(), given=["a", "a", "b", "b", "b", ""]), tmp_path, "photos")
    inside = html.escape((tmp_path / "people.html").read_text())
    page.set_content(
        f'<iframe sandbox="allow-scripts allow-downloads" style="width:95vw;height:90vh" srcdoc="{inside}">'
    )
    shut = page.frame_locator("iframe")
    expect(shut.locator(".person .count").first).to_have_text("3 faces")
    expect(shut.locator("#fresh")).to_be_disabled()

    shut.locator('[data-face="p00/2.jpg"]').click()
    shut.locator(".person").nth(1).get_by_role("button", name="Move chosen here").click()
    expect(shut.locator(".person .count").nth(1)).to_have_text("3 faces")
    shut.locator("#undo").click()
    expect(shut.locator(".person .count").first).to_have_text("3 faces")
    shut.locator('[data-face="p01/0.jpg"]').press("Enter")
    shut.locator("#fresh").click()
    shut.locator(".person input").first.fill("Ann, =B")
    shut.locator('[data-face="p00/0.jpg"]').click()
    shut.locator("#alone").click()
    keep(page)
    with page.expect_download() as download:
        shut.locator("#save").click()

    people = naming.corrected(Path(download.value.path()), faces)
    assert people == ("", "person-001", "person-001", "Ann, =B", "person-002", "")


def test_a_model_added_by_the_form_is_measured(page, server: str, package: str, tmp_path: Path, keep) -> None:
    matrix = np.array([[-9, -9, -9], [9, 4, 0]], np.float32)  # bright and warm is skin
    network = tiny_onnx.places(tmp_path / "warm.onnx", matrix, 64)
    _open(page, server)
    panel = page.locator("#evaluation-own")
    panel.get_by_role("button", name="Models", exact=False).first.click()
    panel.get_by_role("button", name="Add a model").click()
    panel.get_by_label("Id", exact=True).fill("warm-skin")
    panel.get_by_label("Labels, in the network's order").fill("background, skin")
    panel.get_by_label("Side, pixels").fill("64")
    panel.get_by_label("Owner's token").fill("owner-token-of-the-browser-tests")
    panel.locator("input[type=file][accept='.onnx']").set_input_files(str(network))
    expect(panel.get_by_text("warm.onnx")).to_be_visible()
    panel.get_by_role("button", name="Add", exact=True).click()
    expect(panel.get_by_text("was loaded once and added")).to_be_visible(timeout=60_000)
    keep(page, "added")

    page.locator("#evaluation-models input").click()
    page.get_by_role("option", name="warm-skin (parsing)").click()
    _give(page, package)
    page.locator("#evaluation-start").click()

    expect(page.locator("#evaluation-words")).to_contain_text("warm-skin: F1 per picture", timeout=120_000)
    report = page.frame_locator("#evaluation-page iframe")
    expect(report.locator("h1")).to_contain_text("warm-skin")
    keep(page)
