"""A person with a phone does a tab's whole job by touch: in reach, large enough, the result right below its button.

Parsing, Explanation, Generation, Protection and Labeling have theirs in their own files, beside what they draw.
"""

from dataclasses import replace

import pytest

from tests.browser.page_jobs import JOBS, Job, zipped
from tests.browser.thumbs import Touch, below
from tests.browser.walker import do, layout

SHORT = [job for job in JOBS if job.name in ("analysis/photo", "evaluation/people-in-a-folder", "models")]


@pytest.mark.parametrize("job", SHORT, ids=lambda job: job.tab)
def test_a_job_goes_by_touch(phone, server: str, portrait: str, tmp_path, job: Job) -> None:
    person = Touch(phone)
    person.open(server, job)
    assert layout(phone) == []
    do(person, replace(job, change=""), {"drawn": [zipped(tmp_path / "people.zip", [portrait])]})
    assert (layout(phone), person.far) == ([], [])
    assert not job.start or below(phone, job) <= 24
