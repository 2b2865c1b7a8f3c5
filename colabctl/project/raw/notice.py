"""What people read who come upon a protected folder without colabctl, such as in Drive's page."""

SENTINEL_TEXT = b"""\
colabctl put this file here. A listing of this folder without it is not complete, as it happens on a
Drive, so then no file here is called missing. Please leave it.
"""


def notice(folder: str, manifest: str) -> bytes:
    """Return the text of the file next to a protected folder."""
    return f"""\
READ ONLY: {folder}

The folder "{folder}" next to this file holds original data that the whole group relies on.
Please do not change, rename, move or delete anything in it.

To work with the data: copy what you need to another folder.
To add new originals:  put them into "{folder}", then run: colabctl protect
To check the data:     colabctl verify
                       or, without colabctl, in this folder: sha256sum -c {folder}.SHA256SUMS
Something was changed? Restore it from the version history of your Drive (right-click on the file),
                       or run: colabctl restore

{manifest} and {folder}.SHA256SUMS hold the checksums of all files. Please leave them as they are.
""".encode()
