"""The command that shows the documentation, one page at a time."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import tell
from colabctl.errors import UserError, nearest

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from markdown_it.token import Token
    from rich.console import Console, ConsoleOptions, RenderResult

ORDER = (
    "getting-started",
    "project",
    "colab",
    "kaggle",
    "notebooks",
    "running-tasks",
    "engines",
    "sweep-file",
    "code",
    "search",
    "story",
    "status",
    "steering",
    "results",
    "report",
    "promote",
    "commands",
    "python",
    "checkpoints",
    "raw-data",
    "space",
    "drive-api",
    "stage",
    "dask",
    "ray",
    "kubernetes",
    "skypilot",
    "modal",
    "parallel",
    "drive",
    "stores",
    "rclone",
    "trust",
    "wandb",
    "format",
    "performance",
    "troubleshooting",
    "glossary",
)
"""The topics in the order in which people read them."""

_MAX_WIDTH = 100  # columns of text
_MOST_PAGES = 3  # that are suggested because they use a word
# As git does: keep colours, and just print a page that fits on the screen.
_LESS = "FRX -P?e(END) .q quits, / searches$"


def pages() -> "Traversable":
    """Return the package's folder of pages."""
    from importlib import resources

    return resources.files("colabctl") / "guide"


def topics() -> list[str]:
    """Return the names of all pages, in reading order."""
    names = {
        page.name.removesuffix(".md") for page in pages().iterdir() if page.name.endswith(".md")
    }
    return [name for name in ORDER if name in names] + sorted(names - set(ORDER))


def page(topic: str) -> str:
    """Return the Markdown text of a page, without comments."""
    text = (pages() / f"{topic}.md").read_text(encoding="utf-8")
    return re.sub(r"^<!--.*?-->\n\n?", "", text, flags=re.MULTILINE | re.DOTALL)


def summary(text: str) -> str:
    """Return the first sentence below the title of a page, as plain text."""
    from rich.markdown import Markdown

    tokens = Markdown(text.partition("\n## ")[0]).parsed
    start = next(n for n, token in enumerate(tokens) if token.type == "paragraph_open")
    words = tokens[start + 1].children or ()
    paragraph = "".join(" " if word.type == "softbreak" else word.content for word in words)
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def complete_topic(incomplete: str) -> list[str]:
    """Return the topics that start with `incomplete`, for shell completion."""
    return [topic for topic in topics() if topic.startswith(incomplete)]


def guide(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC",
            help="Name of a page.",
            show_default="list the topics",
            autocompletion=complete_topic,
        ),
    ] = None,
) -> None:
    """Read the documentation: list its topics, or show a page.

    On a terminal the page opens in your pager (PAGER, else less); in a pipe it is plain Markdown.
    """
    if topic is None:
        _list()
        return
    names = topics()
    name = topic.casefold().removesuffix(".md")
    if name not in names:
        close = " or ".join(_close(name, names))
        hint = f"did you mean {close}?" if close else f"choose one of {', '.join(names)}"
        raise UserError(f"the guide has no page {topic!r}; {hint}")
    text = page(name)
    if sys.stdout.isatty():
        _show(text)
    else:
        print(text, end="")


def _close(name: str, names: list[str]) -> list[str]:
    """Return the topics that contain `name`, else those about it, else the most similar name."""
    matches = [topic for topic in names if name and name in topic]
    close = nearest(name, names)
    return matches or _titled(name, names) or ([close] if close else _with_word(name, names))


def _titled(word: str, names: list[str]) -> list[str]:
    """Return the topics of which a heading has the word, without that of all messages."""
    heading = re.compile(rf"^#+ .*\b{re.escape(word)}\b", re.MULTILINE | re.IGNORECASE)
    others = (name for name in names if name != "troubleshooting")
    return [name for name in others if word and heading.search(page(name))]


def _with_word(word: str, names: list[str]) -> list[str]:
    """Return the topics that use a word most, without that of all messages."""
    if not word:
        return []
    used = re.compile(rf"\b{re.escape(word)}", re.IGNORECASE)
    counts = {name: len(used.findall(page(name))) for name in names if name != "troubleshooting"}
    often = sorted(filter(counts.__getitem__, counts), key=counts.__getitem__, reverse=True)
    return often[:_MOST_PAGES]


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

    summaries = {topic: summary(page(topic)) for topic in topics()}
    if not sys.stdout.isatty():
        width = max(map(len, summaries))
        print("\n".join(f"{topic:{width}}  {text}" for topic, text in summaries.items()))
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    for topic, text in summaries.items():
        table.add_row(topic, text)
    Console(highlight=False).print(table)
    tell("read a page: colabctl guide TOPIC (q quits, / searches)")


def _show(text: str) -> None:
    """Show a page in the pager (PAGER, else less); print it if there is none."""
    import signal
    import subprocess

    from rich.console import Console

    rendered = rendered_page(text, Console())
    pager = os.environ.get("PAGER", "less")
    if not _is_installed(pager):
        print(rendered, end="")
        return
    with subprocess.Popen(  # noqa: S602 - the user's own command, run as git and man run it
        pager,
        shell=True,
        stdin=subprocess.PIPE,
        env={"LESS": _LESS, **os.environ},
        encoding="utf-8",
    ) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the pager
        try:
            process.communicate(rendered)
        finally:
            signal.signal(signal.SIGINT, before)


def _is_installed(pager: str) -> bool:
    import shlex
    import shutil

    try:
        words = shlex.split(pager)
    except ValueError:  # an unmatched quotation mark
        return False
    return bool(words) and shutil.which(words[0]) is not None


def rendered_page(text: str, console: "Console") -> str:
    """Return a page as `console` shows it.

    A link to another page becomes the command that shows it. Code can be copied: its lines are
    neither indented nor wrapped.
    """
    from rich.markdown import CodeBlock, Markdown
    from rich.text import Text

    class Code(CodeBlock):
        def __rich_console__(self, _: "Console", __: "ConsoleOptions") -> "RenderResult":
            yield Text(str(self.text).rstrip("\n"), "cyan", no_wrap=True, overflow="ignore")

    class Page(Markdown):
        elements = {**Markdown.elements, "fence": Code}  # noqa: RUF012 - as in rich

    shown = Page(text, hyperlinks=False)
    for block in shown.parsed:
        block.children = block.children and list(_linked(block.children))
    with console.capture() as rendered:
        console.print(shown, width=min(console.width, _MAX_WIDTH), crop=False)
    return rendered.get()


def _linked(tokens: "Iterable[Token]") -> "Iterator[Token]":
    """Yield the tokens of a line; links within the page become plain text."""
    within = False
    for token in tokens:
        if token.type == "link_open":
            target = str(token.attrs["href"])
            within = target.startswith("#")
            other = re.fullmatch(r"([a-z-]+)\.md(#.*)?", target)
            if other:
                token.attrs["href"] = f"colabctl guide {other[1]}"
        if not (within and token.type in ("link_open", "link_close")):
            yield token
