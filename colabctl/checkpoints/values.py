"""Digests of values, the same in every process and on every machine."""

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import hashlib
import sys
import types
import uuid
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from colabctl.checkpoints.advice import advice
from colabctl.checkpoints.states import is_array, is_tensor
from colabctl.errors import UserError

_DEEPEST = 50  # levels
_BY_TEXT = (
    dt.date, dt.time, dt.timedelta, decimal.Decimal, fractions.Fraction,
    uuid.UUID, range, slice, complex,
)  # fmt: skip
_PLAIN = (type(None), bool, int, float, str, bytes)


def digest_of(value: Any, where: str) -> str:
    """Return a digest of a value: equal for equal values of the same types.

    Raises UserError, which names the value as `where`, for one that has no stable content, such as
    a lambda, a model or an open file.
    """
    return _hash(value, where, _DEEPEST).hex()


def _hash(value: Any, where: str, left: int) -> bytes:
    if not left:
        raise UserError(f"{where[:80]} is nested more than {_DEEPEST} levels deep, or holds itself")
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind in _PLAIN or isinstance(value, _BY_TEXT):
        return _sum(name, repr(value).encode("utf-8", "surrogatepass"))
    if kind in (list, tuple):
        return _sum(name, *(_hash(v, f"{where}[{n}]", left - 1) for n, v in enumerate(value)))
    if kind in (set, frozenset):
        return _sum(name, *sorted(_hash(part, f"a part of {where}", left - 1) for part in value))
    if isinstance(value, Mapping) and kind.__module__ in ("builtins", "collections", "types"):
        return _sum(
            name,
            *sorted(
                _hash(key, f"a key of {where}", left - 1)
                + _hash(part, f"{where}[{key!r:.60}]", left - 1)
                for key, part in value.items()
            ),
        )
    if isinstance(value, enum.Enum):
        return _sum(name, value.name.encode())
    if isinstance(value, PurePath):
        return _sum("path", value.as_posix().encode("utf-8", "surrogateescape"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _sum(name, _hash(fields, where, left - 1))
    return _sum(name, _hash_array(value, where))


def _hash_array(value: Any, where: str) -> bytes:
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if is_tensor(value):
        import torch  # noqa: PLC0415 - it is imported already

        plain = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return _sum(str(value.dtype), str(tuple(value.shape)).encode(), plain.numpy().tobytes())
    if is_array(value) or (numpy is not None and isinstance(value, numpy.generic)):
        if not value.dtype.hasobject and type(value).__name__ != "MaskedArray":
            return _sum(value.dtype.str, str(value.shape).encode(), value.tobytes())
    elif pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series | pandas.Index):
        return _hash_frame(value, where)
    elif isinstance(value, types.FunctionType) and value.__name__ != "<lambda>":
        from colabctl.checkpoints.code import code_of  # noqa: PLC0415 - it uses this module

        return _hash(code_of(value), where, _DEEPEST)
    raise UserError(f"{where} {advice(value, 'has no stable content')}")


def _hash_frame(frame: Any, where: str) -> bytes:
    pandas = sys.modules["pandas"]
    columns = getattr(frame, "dtypes", None)
    try:
        rows = pandas.util.hash_pandas_object(frame).to_numpy().tobytes()
    except TypeError as error:
        raise UserError(f"{where} has cells that are not plain values ({error})") from None
    return _sum(str(columns), str(list(getattr(frame, "columns", ()))).encode(), rows)


def _sum(kind: str, *parts: bytes) -> bytes:
    """Return the digest of parts, each with its length, so that no two lists look alike."""
    total = hashlib.sha256(kind.encode())
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.digest()
