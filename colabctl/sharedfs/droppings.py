"""Tells the files that systems, editors and sync clients leave behind from those of people."""

import re

# By their whole names, in any case.
_NAMES = frozenset(
    {
        # file managers
        *(".ds_store", ".localized", ".spotlight-v100", ".trashes", ".fseventsd", ".apdisk"),
        *(".temporaryitems", ".appledouble", ".documentrevisions-v100", "icon\r", "__macosx"),
        *("desktop.ini", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "$recycle.bin"),
        *(".directory", "@eadir", "#recycle", "lost+found", "system volume information"),
        # sync clients
        *(".dropbox", ".dropbox.attr", ".dropbox.cache", ".tmp.drivedownload", ".tmp.driveupload"),
        *(".stfolder", ".stversions", ".stignore", ".sync", ".owncloudsync.log"),
        # interpreters and editors
        *("__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
        *(".rhistory", ".netrwhist", ".idea", ".vscode"),
    }
)
_PATTERNS = re.compile(
    r"""
    \._.+                             # macOS, next to each file on a foreign disk
    | \.nfs[0-9a-f]+                  # NFS, for a deleted file that is still open
    | \.fuse_hidden[0-9a-f]+          # FUSE, the same
    | \.trash(-\d+)?                  # Linux desktops
    | ~\$.+ | \.~lock\..+\#           # Microsoft Office, LibreOffice
    | ~wrl\d+\.tmp
    | \..+\.sw[a-px] | .+~ | \#.+\#   # vim, and others; emacs
    | \.\#.+                          # emacs
    | \.goutputstream-.+              # GNOME
    | \.syncthing\..+\.tmp | ~syncthing~.+\.tmp
    | .+\.py[co]                      # Python
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What a Drive shows for a document of Google, which has no bytes of its own.
_SHORTCUT = re.compile(
    r".+\.(gdoc|gsheet|gslides|gdraw|gform|gmap|gsite|gjam|gnote|gtable|gscript|gshortcut|glink)",
    re.IGNORECASE,
)
# How Drive and other clients name a copy, and the second of two files with one name.
_COPY = re.compile(
    r"""
    (?P<before>.+?)(?:\ -\ Copy|\ -\ Kopie|\ copy)(?:\ \(?\d+\)?)?(?P<after>\.[^.]+)?
    | (?P<stem>.+)\ \((?:\d+|[^()]*conflict[^()]*)\)(?P<ending>\.[^.]+)?   # plan (1).json
    | (?:Copy\ of|Kopie\ von|Copie\ de|Copia\ de)\ (?P<of>.+)              # Copy of plan.json
    | (?P<plain>.+)\.(?:conflict|orig|rej)[-\w]*                          # plan.json.conflict
    | (?P<start>.+)\.sync-conflict-[-\w]+(?P<end>\.[^.]+)?                # Syncthing
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_dropping(name: str) -> bool:
    """Whether a program left a file or folder of that name behind, so that no person misses it."""
    return (
        name.casefold() in _NAMES
        or _PATTERNS.fullmatch(name) is not None
        or is_google_document(name)
    )


def is_google_document(name: str) -> bool:
    """Whether a file of that name leads to a document of Google, and holds nothing of it."""
    return _SHORTCUT.fullmatch(name) is not None


def is_stray(name: str) -> bool:
    """Whether a file or folder of that name is a dropping, a copy or a conflict."""
    return is_dropping(name) or original_of(name) is not None


def original_of(name: str) -> str | None:
    """Return the name of which `name` is a copy or a conflict; None if it is neither.

    Someone may need what is in it.
    """
    match = _COPY.fullmatch(name)
    if match is None:
        return None
    return "".join(part for part in match.groups() if part)
