"""Turns the state of a half-trained model into a file without pickles, and back, unchanged.

A state is made of dictionaries, lists and tuples with tensors, arrays and plain values in them.
With a torch tensor in it, it becomes a .pt file that torch loads with `weights_only=True`; with
NumPy arrays, an .npz file; else JSON. What JSON has no form for, such as a tuple or NaN, is written
as an object with one key, such as {"__tuple__": [1, 2]}.
"""

import base64
import io
import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from colabctl.checkpoints.advice import advice
from colabctl.errors import UserError

_DEEPEST = 50  # levels
_TREE = "__state__"  # the array of an .npz file that holds the JSON
_ARRAY, _SCALAR, _NUMPY = "__array__", "__scalar__", "__numpy__"
_PLAIN = (type(None), bool, int, str)
_CONTAINERS: Mapping[type, str] = {tuple: "__tuple__", set: "__set__", frozenset: "__frozenset__"}
_BACK: Mapping[str, Callable[[Any], Any]] = {
    "__tuple__": tuple,
    "__set__": set,
    "__frozenset__": frozenset,
    "__float__": float,
    "__complex__": lambda parts: complex(float(parts[0]), float(parts[1])),
    "__bytes__": base64.b64decode,
}


def ending_for(state: Any) -> str:
    """Return the extension of the format for a state, by what it holds."""
    kinds = set(_kinds(state, _DEEPEST))
    return ".pt" if "torch" in kinds else ".npz" if "numpy" in kinds else ".json"


def save_json(state: Any, file: BinaryIO) -> None:
    """Write a state of plain values; raise UserError, with its place, for any other value."""
    file.write(json.dumps(_encode(state, "state", None)).encode())


def load_json(file: BinaryIO) -> Any:
    """Return the state in a file of `save_json`."""
    return _decode(json.loads(file.read()), {})


def save_npz(state: Any, file: BinaryIO) -> None:
    """Write a state with arrays; a dictionary of arrays is an ordinary .npz file."""
    import numpy as np  # noqa: PLC0415 - for this format only

    if type(state) is dict and state and all(_names_array(*item) for item in state.items()):
        for name, array in state.items():
            _check_array(array, f"state[{name!r}]")
        np.savez(file, allow_pickle=False, **state)
        return
    arrays: dict[str, Any] = {}
    tree = json.dumps(_encode(state, "state", arrays)).encode()
    np.savez(file, allow_pickle=False, **arrays, **{_TREE: np.frombuffer(tree, np.uint8)})


def load_npz(file: BinaryIO) -> Any:
    """Return the state in a file of `save_npz`, or the arrays in another .npz file, by name."""
    import numpy as np  # noqa: PLC0415 - for this format only

    with np.load(file, allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    tree = held.pop(_TREE, None)
    return held if tree is None else _decode(json.loads(tree.tobytes()), held)


def save_torch(state: Any, file: BinaryIO) -> None:
    """Write a state with tensors; raise UserError, with its place, for what may not be loaded."""
    import torch  # noqa: PLC0415 - for this format only

    torch.save(_to_torch(state, "state", _DEEPEST), file)


def load_torch(file: BinaryIO) -> Any:
    """Return the state in a .pt file, with all tensors on the CPU; no pickled code runs."""
    import torch  # noqa: PLC0415 - for this format only

    return _from_torch(torch.load(file, map_location="cpu", weights_only=True))


def _kinds(value: Any, left: int) -> Iterator[str]:
    """Yield the libraries whose arrays are in a value."""
    if left and isinstance(value, Mapping):
        for part in value.values():
            yield from _kinds(part, left - 1)
    elif left and isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _kinds(part, left - 1)
    elif is_tensor(value) or type(value).__module__ == "torch":
        yield "torch"
    elif _is_numpy(value):
        yield "numpy"


def is_tensor(value: Any) -> bool:
    """Whether a value is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: Any) -> bool:
    """Whether a value is a NumPy array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def _names_array(name: Any, value: Any) -> bool:
    # `file` is a parameter of numpy.savez, and a slash would make folders in the archive.
    return isinstance(name, str) and is_array(value) and name.isidentifier() and name != "file"


def _check_array(array: Any, where: str) -> None:
    if array.dtype.hasobject:
        raise UserError(f"{where} is an array of Python objects; make it an array of numbers")
    if type(array).__name__ == "MaskedArray":
        raise UserError(f"{where} is a masked array; save its .data and .mask")


def _encode(value: Any, where: str, arrays: dict[str, Any] | None, left: int = _DEEPEST) -> Any:
    """Return a value as JSON has it, after adding its arrays to `arrays`."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if value - value == 0 else {"__float__": str(value)}
    if not left:
        raise _too_deep(where)
    if kind is list or kind in _CONTAINERS:
        items = [_encode(v, f"{where}[{n}]", arrays, left - 1) for n, v in enumerate(value)]
        return items if kind is list else {_CONTAINERS[kind]: items}
    if kind in (dict, OrderedDict):
        parts = [
            [_encode(k, where, None, left - 1), _encode(v, f"{where}[{k!r}]", arrays, left - 1)]
            for k, v in value.items()
        ]
        if all(type(key) is str and not key.startswith("__") for key in value):
            return dict(parts)
        return {"__dict__": parts}
    if kind is complex:
        return {"__complex__": [str(value.real), str(value.imag)]}
    if kind in (bytes, bytearray):
        return {"__bytes__": base64.b64encode(value).decode()}
    if arrays is not None and _is_numpy(value):
        _check_array(value, where)
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {_ARRAY if is_array(value) else _SCALAR: name}
    raise UserError(f"{where} {advice(value)}")


def _decode(tree: Any, arrays: Mapping[str, Any]) -> Any:
    if type(tree) is list:
        return [_decode(part, arrays) for part in tree]
    if type(tree) is not dict:
        return tree
    if len(tree) == 1:
        [(tag, content)] = tree.items()
        if tag == _ARRAY:
            return arrays[content]
        if tag == _SCALAR:
            return arrays[content][()]
        if tag == "__dict__":
            return {_decode(key, arrays): _decode(part, arrays) for key, part in content}
        if tag in _BACK:
            return _BACK[tag](_decode(content, arrays))
    return {key: _decode(part, arrays) for key, part in tree.items()}


def _to_torch(value: Any, where: str, left: int) -> Any:
    """Return a value with its NumPy arrays as tensors, itself if it has none."""
    kind = type(value)
    if kind in _PLAIN or kind in (float, complex, bytes, bytearray) or is_tensor(value):
        return value
    if kind.__module__ == "torch" and kind.__name__ in ("Size", "dtype", "device"):
        return value
    if not left:
        raise _too_deep(where)
    if kind in (dict, OrderedDict):
        parts = {k: _to_torch(v, f"{where}[{k!r}]", left - 1) for k, v in value.items()}
        for key in value:
            _to_torch(key, f"a key of {where}", left - 1)
        return value if all(parts[key] is value[key] for key in value) else parts
    if kind in (list, tuple, set):
        items = [_to_torch(v, f"{where}[{n}]", left - 1) for n, v in enumerate(value)]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else kind(items)
    if _is_numpy(value):
        _check_array(value, where)
        return {_NUMPY if is_array(value) else _SCALAR: _as_bytes(value)}
    raise UserError(f"{where} {advice(value)}")


def _from_torch(value: Any) -> Any:
    kind = type(value)
    if kind is dict and len(value) == 1:
        [(tag, content)] = value.items()
        if tag in (_NUMPY, _SCALAR) and is_tensor(content):
            import numpy as np  # noqa: PLC0415 - for this value only

            buffer = io.BytesIO(content.numpy().tobytes())
            array = np.load(buffer, allow_pickle=False)
            return array if tag == _NUMPY else array[()]
    if kind in (dict, OrderedDict):
        parts = {key: _from_torch(part) for key, part in value.items()}
        return value if all(parts[key] is value[key] for key in value) else parts
    if kind in (list, tuple):
        items = [_from_torch(part) for part in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else kind(items)
    return value


def _as_bytes(array: Any) -> Any:
    """Return an array as a tensor with the bytes of an .npy file: torch lacks some of the types."""
    import numpy as np  # noqa: PLC0415 - for this value only
    import torch  # noqa: PLC0415 - as above

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)


def _too_deep(where: str) -> UserError:
    return UserError(f"{where[:80]} is nested more than {_DEEPEST} levels deep, or holds itself")
