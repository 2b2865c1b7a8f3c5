"""Brings the secrets that a project names from Colab into the environment, and nowhere else."""

from collections.abc import Iterable, MutableMapping

from colabctl.project.notebooks.bootstrap import NotebookError


def read_secrets(names: Iterable[str], environ: MutableMapping[str, str]) -> None:
    """Put each secret that `environ` lacks into it, from Colab's secrets.

    Only a notebook's own kernel can ask Colab. Raises NotebookError that names all the missing.
    """
    missing = [name for name in names if not environ.get(name)]
    if not missing:
        return
    try:
        from google.colab import userdata  # noqa: PLC0415 - Colab's
    except ImportError:
        raise NotebookError(
            f"no {', '.join(missing)} in the environment, and colabctl.yaml names it as a secret; "
            "set it before Jupyter starts"
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
            f"no secret {', '.join(refused)}; add it under the key in Colab's left bar, allow this "
            "notebook to read it, and run this cell again"
        )
