"""The guide's page of commands says what the commands say."""

from tests.docs.reference import PAGE, RERUN, reference


def test_the_page_of_commands_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), f"a command changed; run: {RERUN}"


def test_every_option_has_a_description_and_a_default() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    for row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "").strip("|").split("|")]
        assert all(cells), row
        assert cells[1] != "None", row
        assert cells[1].endswith("."), row
