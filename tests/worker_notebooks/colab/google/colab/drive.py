"""Mounts a folder as the Drive, as google.colab.drive does: again is harmless, and says so."""

from pathlib import Path

from google.colab import note, place

_mounted = place / "mounted"  # where it is mounted is a fact of the machine, not of a kernel


def mount(mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000) -> None:
    """Show the Drive at `mountpoint`."""
    note("mount")
    if Path(mountpoint).is_symlink():
        print(
            f"Drive already mounted at {mountpoint}; to attempt to forcibly remount, call drive.mount"
        )
        return
    Path(mountpoint).symlink_to(place / "drive")
    _mounted.write_text(mountpoint)
    print(f"Mounted at {mountpoint}")


def flush_and_unmount(timeout_ms: int = 24 * 60 * 60 * 1000) -> None:
    """Take the Drive away."""
    note("flush")
    if not _mounted.exists():
        print("Drive not mounted, so nothing to flush and unmount.")
        return
    Path(_mounted.read_text()).unlink()
    _mounted.unlink()
