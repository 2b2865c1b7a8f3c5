"""Checks and creates file names that are safe on Linux, macOS, Windows and Drive."""

import re
import unicodedata

from colabctl.errors import UserError

_LONGEST = 64  # characters
_MOST_BYTES = 200  # of UTF-8; file systems allow 255, and suffixes are added to names
_LONGEST_LABEL = 100
_LONGEST_SLUG = 20
_LONGEST_FROM_TITLE = 60  # characters; -2 can be added
_LONGEST_NAME = 255  # characters, on NTFS
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_FORBIDDEN = frozenset('<>:"|?*/\\')
# Device names, which Windows refuses with any extension: "nul.txt" is the null device too
# (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
_DEVICES = frozenset(["con", "prn", "aux", "nul", "conin$", "conout$"]).union(
    port + digit for port in ("com", "lpt") for digit in "0123456789¹²³"
)
_FIX = "use letters, digits, '-' and '_'"


def check_name(name: str, kind: str, *, longest: int = _LONGEST) -> str:
    """Return `name` in Unicode form NFC if it can name a file or folder on every system.

    `kind`, such as "member" or "sweep", is for the message; `longest` is in characters. Raises
    UserError with the problem and the fix.
    """
    name = unicodedata.normalize("NFC", name)
    problem = _problem(name, longest)
    if problem:
        raise UserError(f"{kind} name {_quoted(name)} {problem}")
    return name


def check_folder(path: str, kind: str) -> str:
    """Return `path`, in Unicode form NFC, if it is a relative POSIX path of safe names.

    Raises UserError for an absolute path, for "..", and for a name that check_name refuses.
    """
    fix = "give a path inside the project, such as data/raw"
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        raise UserError(f"{kind} {_quoted(path)} is an absolute path; {fix}")
    parts = path.removesuffix("/").split("/")
    if ".." in parts:
        raise UserError(f"{kind} {_quoted(path)} leaves the project; {fix}")
    return "/".join(check_name(part, f"{kind}:") for part in parts)


def check_label(text: str, kind: str) -> str:
    """Return `text` without surrounding spaces if it is a printable line of 1-100 characters.

    For names that are not used as file names. Raises UserError for any other text.
    """
    text = unicodedata.normalize("NFC", text.strip())
    if text.isprintable() and 0 < len(text) <= _LONGEST_LABEL:
        return text
    raise UserError(
        f"{kind} {_quoted(text)} is not allowed; use a single line of 1-{_LONGEST_LABEL} characters"
    )


def obstacle(name: str) -> str:
    """Return why Windows or a Drive refuses a name that a person gave; "" if they take it."""
    match = _REFUSED.search(name)
    if match or not name.isprintable():
        character = match[0] if match else next(each for each in name if not each.isprintable())
        shown = character if character.isprintable() else f"U+{ord(character):04X} (invisible)"
        return f"contains {shown}, which Windows refuses"
    if name[-1] in ". ":
        return f"ends with {name[-1]!r}, which Windows drops"
    if name.split(".", maxsplit=1)[0].rstrip().casefold() in _DEVICES:
        return "is the name of a device on Windows"
    if len(name) > _LONGEST_NAME:
        return f"has more than {_LONGEST_NAME} characters, which Windows refuses"
    return ""


def slug(text: str) -> str:
    """Return the letters a-z and digits of `text`: 1-20 characters that check_name accepts.

    Different texts may have the same slug.
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    short = re.sub("[^a-z0-9]", "", plain)[:_LONGEST_SLUG]
    return f"{short}x" if not short or short in _DEVICES else short


def safe_name(title: str) -> str:
    """Return a title as a name that check_name accepts: itself if it can be, else words and dashes.

    "ResNet: lr/bs sweep" becomes "ResNet-lr-bs-sweep". Different titles may have the same name.
    """
    title = unicodedata.normalize("NFC", title)
    if not _problem(title, _LONGEST):
        return title
    words = re.sub(r"[^\w.+-]|\.\.+", "-", title)
    name = re.sub(r"-{2,}", "-", words).strip("-._+")[:_LONGEST_FROM_TITLE]
    name = name.encode()[: _MOST_BYTES - 10].decode(errors="ignore").strip("-._+")
    if not name:
        return "sweep"
    return f"sweep-{name}" if _problem(name, _LONGEST) else name


def _problem(name: str, longest: int) -> str:
    """Return the problem with `name` and its fix; "" if there is none."""
    if not name:
        return f"is empty; use 1-{longest} characters"
    for character in name:
        if not character.isprintable() or character in _FORBIDDEN:
            shown = character if character.isprintable() else f"U+{ord(character):04X} (invisible)"
            return f"contains {shown}; {_FIX}"
    if len(name) > longest or len(name.encode()) > _MOST_BYTES:
        return f"is too long; use at most {longest} characters"
    if ".." in name:
        return f"contains ..; {_FIX}"
    if name[0] in ".- ":
        return f"starts with {name[0]!r}; start it with a letter or a digit"
    if name[-1] in ". ":
        return f"ends with {name[-1]!r}; end it with a letter or a digit"
    if name.split(".", maxsplit=1)[0].rstrip().casefold() in _DEVICES:
        return "is a device on Windows; choose another name"
    return ""


def _quoted(text: str) -> str:
    """Return `text` in quotes, on one line and cut, for a message."""
    return repr(text if len(text) <= _LONGEST_LABEL else f"{text[:_LONGEST_LABEL]}…")
