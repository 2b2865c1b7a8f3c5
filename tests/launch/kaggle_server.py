"""Answers Kaggle's command line as Kaggle does, as far as its SDK and documentation say.

Run by the Python that has Kaggle's SDK. It is the command line's HTTP proxy, because that knows only
the addresses of Kaggle and http://localhost. Prints its port; keeps each kernel in a folder.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kagglesdk.kernels.types.kernels_api_service import (
    ApiGetAcceleratorQuotaStatisticsRequest,
    ApiSaveKernelRequest,
    ApiSaveKernelResponse,
)
from slugify import slugify

KEPT = Path(sys.argv[1])
SOURCE = 1_000_000  # bytes of a kernel's source
SHAPES = ("", "NvidiaTeslaT4", "NvidiaTeslaT4Highmem", "NvidiaL4", "TpuV5E8", "TpuV6E8")
GPU_SESSIONS = 2
running: list[str] = []


def save(body: dict[str, Any]) -> Any:
    """Check and keep a kernel, and answer as Kaggle does."""
    known = {field.json_name for field in ApiSaveKernelRequest._fields}
    assert body.keys() <= known, body.keys() - known
    request = ApiSaveKernelRequest.from_dict(body)
    response = ApiSaveKernelResponse()
    error = fault(request)
    if error:
        response.error = error
        return ApiSaveKernelResponse.to_dict(response)
    if request.enable_gpu:
        running.append(request.slug)
    (KEPT / f"{request.slug.replace('/', '.')}.json").write_text(json.dumps(body))
    response.version_number = 1
    response.url = f"https://www.kaggle.com/code/{request.slug}"
    return ApiSaveKernelResponse.to_dict(response)


def fault(request: Any) -> str:
    """Return why Kaggle does not take a kernel, or nothing."""
    if not 5 <= len(request.new_title) <= 50:
        return "The title must have from 5 to 50 characters."
    if slugify(request.new_title) != request.slug.rpartition("/")[2]:
        return "The title does not resolve to the id."
    if len(request.text.encode()) > SOURCE:
        return "The source must be under 1 megabyte."
    if (request.machine_shape or "") not in SHAPES:
        return f"Unknown machine shape {request.machine_shape}."
    if not request.is_private or not request.enable_internet:
        return "This test wants private kernels with internet."
    if (request.session_timeout_seconds or 0) > 12 * 3600:
        return "The session is too long."
    if request.enable_gpu and len(running) >= GPU_SESSIONS:
        return f"Maximum batch GPU session count of {GPU_SESSIONS} reached."
    return ""


def quota(body: dict[str, Any]) -> Any:
    """Say how much of the week's quota is used."""
    ApiGetAcceleratorQuotaStatisticsRequest.from_dict(body)
    used, total = "9000s", "108000s"
    each = {"timeUsed": used, "totalTimeAllowed": total}
    return {"quotaRefreshTime": "2026-12-05T00:00:00Z", "gpuQuota": each, "tpuQuota": each}


CALLS = {"SaveKernel": save, "GetAcceleratorQuotaStatistics": quota}


class Handler(BaseHTTPRequestHandler):
    """Answers a call of the SDK."""

    def do_POST(self) -> None:
        """Answer a call."""
        name = self.path.rpartition("/")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        if not self.headers.get("Authorization"):
            code, answer = 401, {"code": 401, "message": "Unauthorized"}
        elif name not in CALLS:
            code, answer = 404, {"code": 404, "message": f"there is no {name}"}
        else:
            code, answer = 200, CALLS[name](body)
        data = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Stay silent."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()  # until the test ends
