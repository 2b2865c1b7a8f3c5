"""What is kept of a task's output, and what is new in it while the task runs."""

from pathlib import Path

import pytest

from colabctl.run.output import NewOutput, output_of

SECRET = "hunter2-and-more"


def conceal(text: str) -> str:
    return text.replace(SECRET, "[TOKEN]")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "slot-0.log"


def test_a_short_output_is_kept_whole_without_colours(log: Path) -> None:
    log.write_bytes("\x1b[31mred\x1b[0m\x1b]0;title\x07 é\n  two\n\n".encode())
    assert output_of(log) == "red é\n  two"


def test_of_a_long_output_the_beginning_and_the_end_are_kept_in_whole_lines(log: Path) -> None:
    lines = [f"line {number}" for number in range(1_000_000)]
    log.write_text("\n".join(lines))
    kept = output_of(log)
    assert len(kept) < 65_000
    head, note, tail = kept.partition(" bytes of output are left out]\n")
    *first, start = head.split("\n")
    assert first == lines[: len(first)]
    assert tail.split("\n") == lines[-len(tail.split("\n")) :]
    left_out = log.stat().st_size - len("\n".join(first)) - len(tail)
    assert (start, bool(note)) == (f"[{left_out:,}", True)


def test_two_gigabytes_are_shortened_without_being_read(log: Path) -> None:
    with log.open("wb") as file:
        file.write(b"first\n")
        file.truncate(2 << 30)
        file.seek(0, 2)
        file.write(b"\nlast\n")
    kept = output_of(log)
    assert kept.startswith("first\n")
    assert kept.endswith("\nlast")
    assert len(kept) < 65_000


def test_a_long_line_without_an_end_is_shortened(log: Path) -> None:
    log.write_text("x" * 200_000)
    kept = output_of(log)
    assert kept == f"{'x' * 16_000}\n[136,000 bytes of output are left out]\n{'x' * 48_000}"


def test_bytes_that_are_no_text_are_replaced(log: Path) -> None:
    log.write_bytes(bytes(range(256)) * 4096)
    kept = output_of(log)
    assert "\ufffd" in kept
    kept.encode()


def test_a_progress_bar_takes_one_line(log: Path) -> None:
    bar = "".join(f"\r{percent}%|{'█' * 50}" for percent in range(1000))
    log.write_bytes(f"start\r\n{bar}\nend\n".encode())
    assert output_of(log) == f"start\n999%|{'█' * 50}\nend"


def test_of_a_progress_bar_that_is_long_the_last_state_is_kept(log: Path) -> None:
    log.write_text("start\n" + "".join(f"\r{n / 1000:.1f}%|{'#' * 50}" for n in range(100_000)))
    head, _, tail = output_of(log).partition("\n[")
    assert head == "start"
    assert tail.endswith(f"left out]\n100.0%|{'#' * 50}")


@pytest.mark.parametrize("before", range(0, 64_000, 3001))
def test_no_part_of_a_secret_is_left_where_an_output_is_cut(log: Path, before: int) -> None:
    line = f"{SECRET}{'y' * 10}"
    log.write_text("z" * (before % 97) + line * 40_000)
    kept = output_of(log, conceal)
    head, _, tail = kept.partition("\n[")
    for part in (head, tail):
        assert "hunter" not in part
        assert "and-more" not in part


def test_new_output_is_read_once_and_by_lines_while_there_are_secrets(log: Path) -> None:
    news = NewOutput(log, conceal, hides=True)
    log.write_text("")
    assert news.read(is_new=True) == ""
    with log.open("a") as file:
        for text, new in (
            ("one\ntw", "one\n"),
            ("o\n", "two\n"),
            (f"the {SECRET[:7]}", ""),
            (f"{SECRET[7:]} is\n", "the [TOKEN] is\n"),
        ):
            file.write(text)
            file.flush()
            assert news.read() == new
        file.write("no end")
    assert news.read() == ""
    assert news.read(over=True) == "no end"
    log.write_text("next task\n")
    assert news.read(is_new=True) == "next task\n"


def test_without_secrets_a_line_is_read_while_it_grows(log: Path) -> None:
    news = NewOutput(log, str, hides=False)
    log.write_bytes(b"...\xc3")
    assert news.read(is_new=True) == "..."
    with log.open("ab") as file:
        file.write("é".encode()[1:] + b"..")
    assert news.read() == "é.."


def test_of_much_new_output_the_last_lines_are_read(log: Path) -> None:
    news = NewOutput(log, str, hides=False)
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    new = news.read(is_new=True)
    assert new.startswith("\n[")
    assert new.endswith("\nline 99999\n")
    assert len(new) < 17_000
    assert news.read() == ""


def test_new_progress_replaces_its_line(log: Path) -> None:
    news = NewOutput(log, str, hides=False)
    log.write_text("\r10%\r20%\r")
    assert news.read(is_new=True) == "\r20%"
    with log.open("a") as file:
        file.write("30%\r40%\ndone\nx\ry\n")
    assert news.read() == "\r40%\ndone\ny\n"
