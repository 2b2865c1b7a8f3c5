"""Copies a project's secrets from Colab into the environment, and nowhere else."""

from collections.abc import Iterable, MutableMapping
from contextlib import suppress

from colabctl.project.notebooks.bootstrap import NotebookError


def read_secrets(
    names: Iterable[str], environ: MutableMapping[str, str], optional: Iterable[str] = ()
) -> None:
    """Add the secrets that are missing in `environ`, from Colab's secrets.

    Only a notebook's own kernel can ask Colab. Raises NotebookError with the names of all secrets
    that are missing there too; one that is `optional` may be missing.
    """
    for name in optional:
        with suppress(NotebookError):
            read_secrets([name], environ)
    missing = [name for name in names if not environ.get(name)]
    if not missing:
        return
    try:
        from google.colab import userdata  # noqa: PLC0415 - Colab's
    except ImportError:
        raise NotebookError(
            f"secrets in colabctl.yaml that are not in the environment: {', '.join(missing)}; set "
            "them before you start Jupyter"
        ) from None
    refusals = (
        userdata.SecretNotFoundError,
        userdata.NotebookAccessError,
        userdata.TimeoutException,
    )
    refused = []
    for name in missing:
        try:
            environ[name] = userdata.get(name)
        except refusals:
            refused.append(name)
    if refused:
        raise NotebookError(
            f"secrets in colabctl.yaml that are not in Colab: {', '.join(refused)}; add them under "
            "the key in the left sidebar, allow this notebook to read them, and run this cell again"
        )
