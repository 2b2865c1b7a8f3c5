"""Tells whether a process has lost its GPU or TPU, or run out of the device's memory.

An error of a kernel, such as a failed assertion on the device, breaks a CUDA context for good:
every later call in the process fails. The messages are those of torch, TensorFlow, JAX, CuPy,
Numba and the drivers.
"""

import gc
import re
import sys
from collections.abc import Iterator

_EXHAUSTED = re.compile(
    r"out.?of.?memory|memoryerror|resource.?exhausted|CUBLAS_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"(?:CUDA|HIP|cuDNN|MIOpen|cuFFT|NCCL|XPU|TPU|MPS|Metal|GPU)(?: \w+)? (?:error|failure)\b"
    r"|CUDA_ERROR_|cudaError[A-Z]|hipError[A-Z]|CU(?:BLAS|DNN|SOLVER|SPARSE|FFT)_(?:STATUS_|\w*FAIL)"
    r"|CUDARuntimeError|CUDADriverError|CudaAPIError|AcceleratorError|ncclUnhandled|ncclSystemError"
    r"|device-side assert|illegal memory access|illegal instruction|misaligned address"
    r"|unspecified launch (?:failure|timeout)|an illegal address|GPU sync failed"
    r"|(?:Xla|Jax)RuntimeError: (?:INTERNAL|UNAVAILABLE|ABORTED|DATA_LOSS)"
    r"|(?:device|GPU|TPU)\b.{0,40}\b(?:is|was|has been|been) (?:lost|reset|halted)\b|device lost"
    r"|MPSCommandBuffer|IOGPUCommandBuffer"
)


def is_lost(text: str) -> bool:
    """Whether an error, as "Type: message", means that the process cannot use the device again."""
    return _LOST.search(text) is not None and not is_exhausted(text)


def is_exhausted(text: str) -> bool:
    """Whether an error, as "Type: message", means that memory ran out."""
    return _EXHAUSTED.search(text) is not None


def texts(error: BaseException) -> Iterator[str]:
    """Yield an exception, as "Type: message", and those that it was raised from or contains."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield f"{type(each).__name__}: {each}"
        waiting += [other for other in (each.__cause__, each.__context__) if other is not None]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def answers() -> bool:
    """Whether the GPU still works, if torch uses one in this process.

    Kernels run asynchronously, so a task may have ended before its error arrives.
    """
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        if cuda is not None and cuda.is_initialized():
            cuda.synchronize()
    except Exception:  # noqa: BLE001 - of whatever kind: the device does not answer
        return False
    return True


def free_memory() -> None:
    """Free the memory of objects that are no longer in use, on the device too."""
    gc.collect()
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        cuda.empty_cache()
