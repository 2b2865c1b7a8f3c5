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
# How Drive and other clients name a copy, and the second of two files with one name. Not all can be
# known: OneDrive adds the computer's name, which is recognised only as Windows chooses it.
_COPY = re.compile(
    r"""
    # macOS and Windows: plan - Copy (2).json, plan copy 2.json
    (?P<before>.+?)(?:\ -)?\ (?:Copy|Kopie|Copie|Copia)(?:\ \(?\d+\)?)?(?P<after>\.[^.]+)?
    # Drive: plan (1).json; Dropbox, Nextcloud, Seafile: plan (Ana's conflicted copy).json
    | (?P<stem>.+)\ \((?:\d+|[^()]*(?:conflict|konflikt|conflit)[^()]*)\)(?P<ending>\.[^.]+)?
    # Colab and Drive: Copy of plan.json
    | (?:Copy\ of|Kopie\ von|Kopie\ van|Copie\ de|C[oó]pia\ de|Copia\ di)\ (?P<of>.+)
    | (?P<plain>.+)\.(?:conflict|orig|rej)[-\w]*                           # plan.json.conflict
    | (?P<start>.+)\.sync-conflict-[-\w]+(?P<end>\.[^.]+)?                 # Syncthing
    | (?P<one>.+)\.conflict\d+(?P<one_end>\.[^.]+)                         # rclone bisync
    | (?P<copied>.+)-Copy\d+(?P<copied_end>\.[^.]+)                        # Jupyter
    | (?P<on>.+)-(?:DESKTOP|LAPTOP)-[A-Z0-9]{7}(?:-\d+)?(?P<on_end>\.[^.]+) # OneDrive
    | (?P<own>.+)_conflict-\d{8}-\d{6}(?P<own_end>\.[^.]+)                 # ownCloud
    | (?P<syn>.+)_[^_]+_\w{3}-\d\d-\d{4,6}-\d{4}_\w*Conflict(?P<syn_end>\.[^.]+)  # Synology
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
