"""What is never frozen by itself: data, results, caches, environments, and secrets."""

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath

from colabctl.sharedfs import droppings

# What tools install or build.
_OF_TOOLS = frozenset(
    {
        *("node_modules", "site-packages", "build", "dist", "conda-meta", ".git", ".hg", ".svn"),
        *(".venv", ".tox", ".nox", ".eggs", ".cache"),
    }
)
# Where projects keep what programs read and write.
_DATA = frozenset(
    {
        *("data", "dataset", "datasets", "raw", "processed", "corpus", "cache", "downloads"),
        *("result", "results", "output", "outputs", "run", "runs", "log", "logs", "multirun"),
        *("checkpoint", "checkpoints", "ckpt", "ckpts", "weights", "pretrained", "saved_models"),
        *("trained_models", "artifacts", "figures", "plots", "images", "predictions"),
        *("wandb", "mlruns", "lightning_logs", "tensorboard", "tb_logs"),
    }
)
_SECRETS = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", "netrc", ".pypirc", ".htpasswd"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.keystore", "id_rsa*", "id_dsa*", "id_ecdsa*"),
    *("id_ed25519*", "*credential*", "*secret*", "service_account*", "service-account*"),
    *("token*.json", "token*.txt", "*_token.*", "*api_key*", "*apikey*", "kaggle.json"),
)
_SWEEP_IN_JSON = re.compile(rb"""["']?\b(method|parameters|program|metric|run_cap)["']?\s*:""")
_SWEEP = re.compile(rb"(?m)^(method|parameters|program|metric|run_cap)[ \t]*:")


def is_dropping(name: str) -> bool:
    """Whether a tool left a file or folder of that name behind, installed it or built it."""
    return name in _OF_TOOLS or name.endswith(".egg-info") or droppings.is_dropping(name)


def is_data(folder: str) -> bool:
    """Whether a path names a folder of data or results, by its own name."""
    return PurePosixPath(folder).name.casefold() in _DATA


def is_secret(path: str) -> bool:
    """Whether a path looks like that of passwords or keys; a Python module is code."""
    name = PurePosixPath(path).name.casefold()
    return not name.endswith((".py", ".ipynb")) and any(fnmatch(name, each) for each in _SECRETS)


def is_sweep_file(content: bytes) -> bool:
    """Whether YAML declares a sweep: a new one next to a program must not change its code."""
    pattern = _SWEEP_IN_JSON if content.lstrip()[:1] == b"{" else _SWEEP
    return len({match[1] for match in pattern.finditer(content)}) > 1
