"""Google's command line as it is, without a login, and with another server than Colab's."""

import os

import colab_cli.common
import requests
from colab_cli.cli import app
from colab_cli.client import Prod

colab_cli.common.get_credentials = lambda *_args, **_more: requests.Session()
colab_cli.common.Prod = lambda: Prod(domain=os.environ["COLAB_STAND_IN"])
app()
