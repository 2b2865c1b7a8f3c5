"""A lost device is distinguished from one that is only full, and from other errors."""

import pytest

from colabctl.run.device import is_exhausted, is_lost, texts


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: CUDA error: device-side assert triggered",
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        "AcceleratorError: CUDA error: unspecified launch failure",
        "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`",
        "RuntimeError: cuFFT error: CUFFT_EXEC_FAILED",
        "RuntimeError: NCCL error in: ProcessGroupNCCL.cpp:1275, unhandled cuda error",
        "RuntimeError: HIP error: invalid device function",
        "InternalError: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered",
        "InternalError: GPU sync failed",
        "CUDARuntimeError: cudaErrorIllegalAddress: an illegal memory access was encountered",
        "CudaAPIError: [700] Call to cuMemcpyDtoH results in UNKNOWN_CUDA_ERROR",
        "XlaRuntimeError: INTERNAL: Failed to execute XLA Runtime executable",
        "JaxRuntimeError: UNAVAILABLE: TPU backend is gone",
        "RuntimeError: The TPU has been reset",
        "RuntimeError: MPS error: command buffer exited with error status",
    ],
)
def test_an_error_that_breaks_the_device_for_the_process(text: str) -> None:
    assert is_lost(text)


@pytest.mark.parametrize(
    "text",
    [
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: MPS backend out of memory",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "ResourceExhaustedError: OOM when allocating tensor with shape[8192,8192]",
        "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes",
        "MemoryError",
    ],
)
def test_a_full_memory_is_not_a_lost_device(text: str) -> None:
    assert is_exhausted(text)
    assert not is_lost(text)


@pytest.mark.parametrize(
    "text",
    [
        "AssertionError: Torch not compiled with CUDA enabled",
        "RuntimeError: Expected all tensors to be on the same device, cuda:0 and cpu!",
        "ModuleNotFoundError: No module named 'cuda_ext'",
        "XlaRuntimeError: INVALID_ARGUMENT: shapes differ",
        "ValueError: device must be 'cuda' or 'cpu'",
        "KeyError: 'xla'",
        "FileNotFoundError: 'cudnn.yaml'",
    ],
)
def test_an_error_that_only_names_a_device(text: str) -> None:
    assert not is_lost(text)
    assert not is_exhausted(text)


def test_the_error_may_be_the_cause_of_another_one_or_in_a_group() -> None:
    lost = RuntimeError("CUDA error: device-side assert triggered")
    try:
        try:
            raise lost
        except RuntimeError as error:
            raise ValueError("training failed") from error
    except ValueError as error:
        wrapped = ExceptionGroup("two", [KeyError("x"), error])
    wrapped.__cause__ = wrapped.exceptions[1]
    lost.__context__ = wrapped  # even in a circle
    assert [text for text in texts(wrapped) if is_lost(text)] == [
        "RuntimeError: CUDA error: device-side assert triggered"
    ]
