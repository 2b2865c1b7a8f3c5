"""The log of a W&B run, read whole, in pieces, torn and damaged."""

import json
import struct
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.run.wandb.datastore import Entry, WandbLog

MAGIC = b":W&B\xe1\xbe\x00"
BLOCK = 32 * 1024


def varint(value: int) -> bytes:
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def field(number: int, content: bytes | int) -> bytes:
    """Encode a field of a protobuf message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def item(keys: tuple[str, ...], value: object) -> bytes:
    named = b"".join(field(2, key.encode()) for key in keys)
    return named + field(16, json.dumps(value).encode())


def record(entry: Entry) -> bytes:
    """Encode an entry, between fields that do not matter."""
    changed = b"".join(field(1, item(*value)) for value in entry.values)
    removed = b"".join(field(2, item(keys, None)) for keys in entry.removed)
    body = {"history": 2, "summary": 3}[entry.kind]
    return field(1, 7) + field(body, changed + removed) + field(200, b"info")


def chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IHB", crc32(bytes([kind]) + data), len(data), kind) + data


def log(records: list[bytes]) -> bytes:
    """Lay out records as LevelDB does."""
    whole = MAGIC
    for data in records:
        started = False
        while True:
            left = BLOCK - len(whole) % BLOCK
            if left < 7:
                whole += b"\0" * left
                continue
            part, data = data[: left - 7], data[left - 7 :]  # noqa: PLW2901 - eaten up
            kind = (3 if data else 4) if started else (2 if data else 1)
            whole += chunk(kind, part)
            started = True
            if not data:
                break
    return whole


keys = st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
long_text = st.integers(0, 3 * BLOCK).map("x".__mul__)
entries = st.builds(
    Entry,
    st.just("history"),
    st.lists(st.tuples(keys, values | long_text), max_size=5),
    st.just([]),
) | st.builds(
    Entry, st.just("summary"), st.lists(st.tuples(keys, values)), st.lists(keys, max_size=2)
)


@given(st.lists(entries, max_size=8), st.lists(st.floats(0, 1), max_size=4))
def test_reading_a_log_while_it_grows_gives_the_same_as_reading_it_at_the_end(
    tmp_path_factory: pytest.TempPathFactory, said: list[Entry], cuts: list[float]
) -> None:
    file = tmp_path_factory.mktemp("log") / "run-a.wandb"
    whole = log([record(entry) for entry in said])
    read = WandbLog(file)
    assert list(read.read()) == []
    entries_read = []
    for cut in (*sorted(cuts), 1.0):
        file.write_bytes(whole[: int(cut * len(whole))])
        entries_read += list(read.read())
    assert entries_read == said


@given(st.binary(max_size=300))
def test_whatever_a_record_holds_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    file = tmp_path_factory.mktemp("log") / "run-a.wandb"
    file.write_bytes(log([noise]))
    read = WandbLog(file)
    try:
        assert len(list(read.read())) <= 1
    except ValueError as error:
        text = str(error)
        assert text.startswith("run-a.wandb holds no W&B records: ")


def test_a_record_of_many_megabytes_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "run-a.wandb"
    small = Entry("history", [(("loss",), 1.5)], [])
    large = Entry("history", [(("text",), "x" * (17 << 20))], [])
    file.write_bytes(log([record(small), record(large), record(small)]))
    assert list(WandbLog(file).read()) == [small, small]


def test_a_damaged_log_is_read_up_to_the_damage_which_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "run-a.wandb"
    entry = Entry("history", [(("loss",), 1.5)], [])
    whole = bytearray(log([record(entry)] * 2000))
    size = 7 + len(record(entry))
    whole[len(MAGIC) + 3 * size + 20] ^= 1
    file.write_bytes(whole)
    reading = WandbLog(file).read()
    assert [next(reading) for _ in range(3)] == [entry] * 3
    with pytest.raises(ValueError, match=rf"run-a\.wandb is damaged at byte {7 + 3 * size}"):
        next(reading)


@pytest.mark.parametrize("start", [b":W&B\xe1\xbe\x01", b"PK\x03\x04abcdef"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, start: bytes) -> None:
    file = tmp_path / "run-a.wandb"
    file.write_bytes(start + b"\0" * 100)
    with pytest.raises(ValueError, match=r"run-a\.wandb is not a W&B log of version 0"):
        list(WandbLog(file).read())
