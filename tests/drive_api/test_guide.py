"""The guide's page about Google Drive's side shows what the commands print."""

import re
import shlex
from importlib import resources

from tests.drive_api.conftest import CLEO, Group

_QUESTION = "Change this on Google Drive? [y/N]: y"


def test_the_page_shows_what_the_commands_print(group: Group) -> None:
    page = (resources.files("colabctl") / "guide/drive-api.md").read_text("utf-8")
    blocks = re.findall(r"^```text\n(\$ colabctl .+?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    group.run("protect")
    for block in blocks:
        for command in block.split("$ colabctl ")[1:]:
            line, *shown = command.splitlines()
            if line == "share --list":
                del group.folder.roles[CLEO]  # the page has a smaller group there
            asked = _QUESTION in shown
            done = group(*shlex.split(line), *(["--yes"] if asked else []))
            printed = (done.err + done.out).splitlines()
            wanted = [each for each in shown if each != _QUESTION]
            assert sorted(printed) == sorted(wanted), line
