"""The picture in the README shows what the command shows today."""

import re
import xml.etree.ElementTree as ET

from tests.docs.picture import PICTURE, RERUN, half_done, picture, text
from tests.processes import Project, linux


def settled(lines: list[str]) -> list[str]:
    """Hide what differs from run to run: which tasks were run, and so which is best."""
    lines = [re.sub(r"t\d{6}", "t......", line) for line in lines]
    return [re.sub(r"[\d.e-]+", "#", line) if "best accuracy" in line else line for line in lines]


@linux
def test_the_picture_is_up_to_date(project: Project) -> None:
    half_done(project)
    now = settled(text(picture(project)))
    assert now[0].startswith("first  running  34/60 finished, 2 running, 1 failed")
    shown = settled(text(PICTURE.read_text(encoding="utf-8")))
    assert shown == now, f"`colabctl status` looks different now; run: {RERUN}"


def test_the_picture_asks_for_nothing_from_the_network() -> None:
    svg = PICTURE.read_text(encoding="utf-8")
    ET.fromstring(svg)
    assert set(re.findall(r"https?://[^\"' ]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in svg
    assert re.findall(r"url\(([^)#][^)]*)\)", svg) == []
