"""Says which names are safe on Linux, macOS, Windows and Drive alike, and makes safe ones."""

import re
import string
import unicodedata

from colabctl.errors import UserError

_LONGEST = 64  # characters
_MOST_BYTES = 200  # of UTF-8; file systems allow 255, and suffixes are added to names
_LONGEST_LABEL = 100
_LONGEST_SLUG = 20
_FORBIDDEN = frozenset('<>:"|?*/\\')
# Device names, refused by Windows whatever their ending: "nul.txt" is the null device too
# (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [port + digit for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_MEND = "use letters, digits, '-' and '_'"


def check_name(name: str, kind: str, *, longest: int = _LONGEST) -> str:
    """Return `name` in Unicode form NFC if it can name a file or folder on every system.

    `kind` says what is named ("member", "sweep") and `longest` is in characters. Raises
    UserError, with the fault and its mend.
    """
    name = unicodedata.normalize("NFC", name)
    fault = _fault(name, longest)
    if fault:
        raise UserError(f"{kind} name {_quoted(name)} {fault}")
    return name


def check_folder(path: str, kind: str) -> str:
    """Return `path` as a POSIX path of safe names that stays inside the folder it starts from.

    Raises UserError for an absolute path, for "..", and for what check_name refuses.
    """
    mend = "give a path inside the project, such as data/raw"
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        raise UserError(f"{kind} {_quoted(path)} is an absolute path; {mend}")
    parts = path.removesuffix("/").split("/")
    if ".." in parts:
        raise UserError(f"{kind} {_quoted(path)} leaves the project; {mend}")
    return "/".join(check_name(part, f"{kind}:") for part in parts)


def check_label(text: str, kind: str) -> str:
    """Return `text` without outer spaces if it is one printable line of 1 to 100 characters.

    For what people call things and no file is named after. Raises UserError.
    """
    text = unicodedata.normalize("NFC", text.strip())
    if text.isprintable() and 0 < len(text) <= _LONGEST_LABEL:
        return text
    raise UserError(
        f"{kind} {_quoted(text)} will not do; give one line of 1 to {_LONGEST_LABEL} characters"
    )


def slug(text: str) -> str:
    """Return what is left of `text` in a-z and 0-9: 1 to 20 characters that check_name accepts.

    Different texts may have one slug.
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    alphabet = string.ascii_lowercase + string.digits
    kept = "".join(character for character in plain if character in alphabet)[:_LONGEST_SLUG]
    return f"{kept}x" if not kept or kept in _DEVICES else kept


def _fault(name: str, longest: int) -> str:
    """Say what is wrong with `name` and how to mend it; "" if nothing is."""
    if not name:
        return f"is empty; give it 1 to {longest} characters"
    for character in name:
        if not character.isprintable() or character in _FORBIDDEN:
            shown = character if character.isprintable() else f"U+{ord(character):04X}, unseen,"
            return f"has {shown} in it; {_MEND}"
    if len(name) > longest or len(name.encode()) > _MOST_BYTES:
        return f"is too long; give it at most {longest} characters"
    if ".." in name:
        return f"has .. in it; {_MEND}"
    if name[0] in ".- ":
        return f"begins with {name[0]!r}; begin it with a letter or a digit"
    if name[-1] in ". ":
        return f"ends with {name[-1]!r}; end it with a letter or a digit"
    if name.split(".", maxsplit=1)[0].rstrip().casefold() in _DEVICES:
        return "is a device on Windows; choose another"
    return ""


def _quoted(text: str) -> str:
    """Quote `text` for a message of one line, however long and strange it is."""
    shown = text if len(text) <= _LONGEST_LABEL else f"{text[:_LONGEST_LABEL]}…"
    return repr(shown)
