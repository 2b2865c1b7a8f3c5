"""Gives secrets as Kaggle's package of this name does, from a file, with its exceptions."""

import json
import os
from pathlib import Path


class BackendError(Exception):
    """The service has no such secret for this notebook."""


class UserSecretsClient:
    """Reads the secrets that are attached to the notebook."""

    def get_secret(self, label: str) -> str:
        """Return a secret."""
        secrets = json.loads(Path(os.environ["STAND_IN"], "secrets.json").read_text())
        if label not in secrets:
            raise BackendError(
                "Unexpected response from the service. Response: {'errors': ['No user secrets exist "
                f"for kernel id 1 and label {label}.'], 'wasSuccessful': False}}."
            )
        return str(secrets[label])
