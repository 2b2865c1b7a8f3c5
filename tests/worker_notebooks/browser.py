"""Shows notebooks as pages in a real browser, and measures whether anything is cut there."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 900  # pixels, of a laptop's window

# A part is cut if it holds more than it shows: it would have to be scrolled in itself.
_MEASURE = """
<script>
const cells = [...document.querySelectorAll(".jp-Cell")].map((cell) => {
  const faults = [];
  const box = cell.getBoundingClientRect();
  if (box.height > innerHeight) faults.push("longer than a screen");
  if (box.right > innerWidth || box.width === 0 || box.height === 0) faults.push("out of sight");
  for (const part of cell.querySelectorAll("div, pre, table")) {
    if (part.clientWidth && part.scrollWidth > part.clientWidth + 1) faults.push("wide");
    if (part.clientHeight && part.scrollHeight > part.clientHeight + 1) faults.push("high");
  }
  return [...new Set(faults)];
});
document.documentElement.dataset.cells = JSON.stringify(cells);
</script>
"""


def browser() -> str | None:
    """Return the browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@dataclass(frozen=True)
class Page:
    """A notebook as nbconvert shows it: for each of its cells, what is wrong with it."""

    faults: list[list[str]]


def shown(notebook: Path, place: Path) -> Page:
    """Turn a notebook into a page in the folder `place`, and look at it without a network."""
    from nbconvert import HTMLExporter  # noqa: PLC0415 - slow, and not for those without a browser

    program = browser()
    assert program is not None
    text, _ = HTMLExporter(template_name="lab").from_filename(str(notebook))  # type: ignore[no-untyped-call]
    page = place / f"{notebook.stem}.html"
    page.write_text(text.replace("</body>", f"{_MEASURE}</body>"))
    command = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={place / 'profile'}", f"--window-size={WIDTH},{HEIGHT}", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    [cells] = re.findall(r'<html[^>]* data-cells="([^"]*)"', done.stdout)
    return Page(json.loads(html.unescape(cells)))
