"""The page in a real browser: selection, themes, widths, addresses, and texts that try to break out."""

import json
import re
from pathlib import Path
from typing import Any

from tests.processes import Project
from tests.report.chromium import Tab
from tests.report.conftest import Made, needs_browser
from tests.report.histories import bench, hostile, opened

pytestmark = needs_browser

FIGURES = ["best", "cells", "parallel", "importance", "slices", "curves", "failures", "timeline",
           "table"]  # fmt: skip
_ROWS = "document.querySelectorAll('#table tbody tr').length"


def count(tab: Tab) -> str:
    return str(tab.run("document.getElementById('count').textContent"))


def scrolled_through(tab: Tab) -> None:
    """Bring each figure into sight, so that it is drawn."""
    for name in tab.run("[...document.querySelectorAll('#main > section')].map((one) => one.id)"):
        tab.run(f"document.getElementById({name!r}).scrollIntoView()")
        tab.until(f"document.querySelector('#{name} .note').textContent !== ''")
    tab.settle()


def axis(tab: Tab, name: str) -> tuple[float, float, float]:
    """Return where the axis of a column is in the window: its x, its top and its bottom."""
    box = tab.box("#parallel canvas")
    label: dict[str, float] = tab.run(
        f"document.querySelector('[data-axis={name}]').getBoundingClientRect().toJSON()"
    )
    return label["x"] + label["width"] / 2, box["y"] + 46, box["y"] + box["height"] - 52


def silent(tab: Tab) -> bool:
    return tab.problems == [] and tab.foreign_requests == []


def test_every_figure_is_drawn_in_silence_and_without_a_network(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    assert count(tab) == "240 tasks"
    scrolled_through(tab)
    assert tab.run("[...document.querySelectorAll('section')].map((one) => one.id)") == FIGURES
    drawn = (
        "[...document.querySelectorAll('.plot')].map((one) => one.querySelectorAll('path').length)"
    )
    assert all(paths > 5 for paths in tab.run(drawn))
    labels = tab.run(
        "[...document.querySelectorAll('.plot, canvas[role]')].map((one) => one.ariaLabel)"
    )
    assert len(labels) == 5
    assert all(labels)
    assert silent(tab)


def test_the_policy_of_the_page_forbids_what_it_never_does(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    refused = tab.run("fetch('https://example.org').then(() => 'sent', () => 'refused')")
    evaluated = tab.run(
        "(() => { try { return new Function('return 1')(); } catch { return 0; } })()"
    )
    written = tab.run(
        "(() => { const bad = document.createElement('script'); bad.textContent = 'window.bad = 1';"
        " document.body.append(bad); return window.bad; })()"
    )
    assert (refused, evaluated, written) == ("refused", 0, None)


def test_a_brush_by_mouse_selects_in_the_table_and_everywhere(
    tab: Tab, bench_page: Path, bench_project: Project
) -> None:
    tab.open(bench_page)
    x, top, bottom = axis(tab, "lr")
    middle = (top + bottom) / 2  # of a logarithmic axis from 1e-5 to 0.1: 1e-3
    tab.drag((x, middle), (x, top - 6))
    scale = tab.run("decodeURIComponent(location.hash)")
    low = float(re.findall(r"f\.lr=(\S+?)\.\.Infinity", scale)[0])
    assert 8e-4 < low < 1.2e-3
    sweep = opened(bench_project, "bench")
    params = [sweep.tasks.params(index) for index in range(240)]
    expected = sum(each is not None and each["lr"] >= low for each in params)
    assert 60 < expected < 180
    assert count(tab) == f"{expected} of 240 tasks"
    tab.box("#table")
    tab.until(f"{_ROWS} === {min(expected, 100)}")
    assert tab.run("document.querySelector('#table .note').textContent").startswith(
        f"{expected} of"
    )
    tab.click(".chip")
    assert count(tab) == "240 tasks"
    assert silent(tab)


def test_a_click_in_the_matrix_selects_a_cell_and_another_lifts_it(
    tab: Tab, bench_page: Path
) -> None:
    tab.open(bench_page)
    cell = "#cells .cell[aria-label^='svm, wine']"
    tab.click(cell)
    assert count(tab) == "20 of 240 tasks"
    assert tab.run(f"document.querySelector({cell!r}).ariaPressed") == "true"
    tab.click(cell)
    assert count(tab) == "240 tasks"
    tab.click("#cells tbody th button")
    assert count(tab) == "80 of 240 tasks"
    assert silent(tab)


def test_the_rail_holds_the_tasks_that_lack_a_parameter(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    box = tab.box("#parallel canvas")
    x, _, _ = axis(tab, "dropout")
    place = x, box["y"] + box["height"] - 18
    tab.drag(place, place, steps=1)
    assert count(tab) == "160 of 240 tasks"
    assert "dropout: not set" in tab.run("document.querySelector('.chip').textContent")


def test_a_typed_condition_selects_and_a_mistake_is_shown_with_its_place(
    tab: Tab, bench_page: Path
) -> None:
    tab.open(bench_page)
    tab.click("#where")
    tab.type("model == 'svm' and dataset in ['iris', 'wine'] and C >= 0")
    tab.until("document.getElementById('count').textContent === '40 of 240 tasks'")
    tab.run("document.getElementById('where').select()")
    tab.type("model == 'svm' and learning < 1")
    tab.until("document.getElementById('where-error').textContent !== ''")
    assert tab.run("document.getElementById('where-error').textContent").startswith(
        "At character 20: no task has learning"
    )
    assert tab.run("document.getElementById('where').ariaInvalid") == "true"


def test_the_address_keeps_the_selection(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    tab.click("#cells .cell[aria-label^='mlp, iris']")
    tab.click("#where")
    tab.type("lr > 0.0001")
    tab.until("document.querySelector('#where').value && location.hash.includes('where')")
    tab.click("[data-axis=lr]")  # turns it over
    seen, address = count(tab), tab.run("location.hash")
    assert seen != "240 tasks"
    tab.open(bench_page, address)
    assert count(tab) == seen
    assert tab.run("location.hash") == address
    assert "flip=lr" in address
    tab.run("location.hash = ''")
    tab.until("document.getElementById('count').textContent === '240 tasks'")


def test_keys_move_turn_and_brush_an_axis(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    names = "[...document.querySelectorAll('.axes button')].map((one) => one.textContent)"
    before = tab.run(names)
    tab.run(f"document.querySelector('[data-axis={before[0]}]').focus()")
    tab.press("ArrowRight")
    after = tab.run(names)
    assert after[:2] == before[1::-1]
    assert tab.run("document.activeElement.textContent") == before[0]
    tab.run("document.querySelector('[data-axis=lr]').focus()")
    tab.press("-")
    assert count(tab) != "240 tasks"
    tab.press("Delete")
    assert count(tab) == "240 tasks"


def test_each_theme_has_its_colours_and_the_switch_wins_over_the_system(
    tab: Tab, bench_page: Path
) -> None:
    background = "getComputedStyle(document.documentElement).backgroundColor"
    switch = (
        "[...document.querySelectorAll('#bar button')].find((one) => one.title.startsWith('Dark'))"
    )
    tab.open(bench_page)
    light = tab.run(background)
    tab.prefer("dark")
    tab.until(f"{switch}.textContent === 'Light'")
    dark = tab.run(background)
    tab.run(f"{switch}.click()")
    assert tab.run(background) == light != dark
    assert "theme=light" in tab.run("location.hash")
    assert silent(tab)


def test_a_phone_shows_everything_without_scrolling_sideways(tab: Tab, bench_page: Path) -> None:
    for width in (360, 320):
        tab.size(width, 740, phone=True)
        tab.open(bench_page)
        scrolled_through(tab)
        assert tab.run("document.documentElement.scrollWidth") == width
        wide = (
            "[...document.querySelectorAll('#main > section, #head, #bar')]"
            f".filter((one) => one.getBoundingClientRect().right > {width}).map((one) => one.id)"
        )
        assert tab.run(wide) == []
        label = tab.run("document.querySelector('[data-axis=lr]').getBoundingClientRect().top")
        other = tab.run("document.querySelector('[data-axis=model]').getBoundingClientRect().top")
        assert label - other > 40  # the axes lie below each other
    assert silent(tab)


def test_the_table_sorts_and_its_csv_has_all_chosen_tasks(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    tab.box("#table")
    tab.until(f"{_ROWS} === 100")
    first = "document.querySelector('#table tbody th').textContent"
    best = tab.run(first)
    task = "[...document.querySelectorAll('#table thead button')].find((b) => b.textContent.trim() === 'task')"
    tab.run(f"{task}.click()")
    assert tab.run(first) == "t000000" != best
    tab.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (t) => { window.copied = t; }}})"
    )
    tab.run(
        "[...document.querySelectorAll('#table button')].find((b) => b.textContent === 'Copy CSV').click()"
    )
    lines = tab.run("window.copied").splitlines()
    assert (len(lines), lines[1].split(",")[0]) == (241, "t000000")


def test_texts_that_try_to_break_out_are_shown_as_they_are(
    tab: Tab, project: Project, made: Made
) -> None:
    hostile(project)
    page = made(project, "hostile")
    source = page.read_text()
    facts = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', source)
    assert len(facts) == 1
    assert "\u2028" not in source
    assert "\x1b" not in source
    json.loads(facts[0], parse_constant=lambda constant: 1 / 0)
    tab.open(page)
    scrolled_through(tab)
    tab.run("scrollTo(0, 0)")
    assert tab.run("document.querySelectorAll('img, b u, i u, script').length") == 3
    assert tab.run("document.querySelectorAll('[onerror]').length") == 0
    text: str = tab.run("document.body.innerText")
    for part in ("<b>bold</b>", "</script><img src=x onerror=alert(2)>", "<U+001B>[31mred",
                 "a<U+2028>b", "12345678901234567890", "__proto__"):  # fmt: skip
        assert part in text, part
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert silent(tab)


def test_several_sweeps_stand_side_by_side(tab: Tab, project: Project, made: Made) -> None:
    bench(project, 8)
    hostile(project)
    tab.open(made(project, "bench", "hostile"))
    scrolled_through(tab)
    tops: list[float] = tab.run(
        "[...document.querySelectorAll('#head .sweep')].map((one) => one.getBoundingClientRect().top)"
    )
    assert (len(tops), tops[0] - tops[1]) == (2, 0)
    assert count(tab) == "123 tasks"
    tab.click("#where")
    tab.type("sweep == 'hostile'")
    tab.until("document.getElementById('count').textContent === '27 of 123 tasks'")
    assert silent(tab)


def test_each_sweep_has_a_sign_that_legends_use(tab: Tab, project: Project, made: Made) -> None:
    bench(project, 8)
    hostile(project)
    tab.open(made(project, "bench", "hostile"))
    dashes = "[...document.querySelectorAll('{} .sign line')].map((one) => one.getAttribute('stroke-dasharray'))"
    head = tab.run(dashes.format("#head"))
    assert len(set(head)) == len(head) == 2
    scrolled_through(tab)
    names = tab.run(
        "[...document.querySelectorAll('#best .legend li')].map((one) => one.innerText)"
    )
    signs = tab.run(dashes.format("#best .legend"))
    assert 1 < len(names) <= 16
    assert names[0].startswith("bench, ")
    for name, dash in zip(names, signs, strict=True):
        assert dash == head[0 if name.startswith("bench") else 1]
    assert silent(tab)


def test_the_page_shows_the_digest_of_trust_and_what_was_discarded(
    tab: Tab, project: Project, made: Made
) -> None:
    project.declare(
        "s",
        "method: grid\nprogram: train.py:train\nmetric: {name: y, goal: minimize}\n"
        "parameters: {x: {values: [1, 2, 3]}}\n",
        "def train(params):\n    return {'y': params['x']}\n",
    )
    for command in (["work", "s"], ["discard", "s", "--task", "1", "--yes"], ["work", "s"]):
        assert project.run(*command).code == 0
    digest = json.loads(project.run("trust", "s", "--json").out)["digest"]
    tab.open(made(project, "s"))
    scrolled_through(tab)
    head = tab.run("document.getElementById('head').innerText")
    assert f"digest\n{digest[:12]}" in head
    assert "1 result discarded by ana" in head
    assert "duplicate" not in tab.run("document.body.innerText")
    assert "1 discarded" in tab.run("document.querySelector('#timeline .counts').innerText")
    assert "1 result was discarded" in tab.run(
        "document.querySelector('#timeline .note').innerText"
    )
    assert silent(tab)


def test_the_page_shows_extensions_and_the_version_that_each_task_ran(
    tab: Tab, project: Project, made: Made
) -> None:
    text = "method: grid\nmetric: {name: y}\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
    train = "def train(x):\n    return {'y': x}\n"
    project.declare("s", text, train)
    assert project.run("work", "s").code == 0
    tab.open(made(project, "s"))
    assert "extended" not in tab.run("document.getElementById('head').innerText")
    project.write("train.py", train + "\n# again\n")
    file = project.write("s.yaml", text.replace("2]", "2, 3]"))
    assert project.run("sweep", str(file), "--extend", "--yes", member="ben").code == 0
    assert project.run("work", "s", member="ben").code == 0
    tab.open(made(project, "s"))
    scrolled_through(tab)
    head = tab.run("document.getElementById('head').innerText")
    assert re.search(
        r"extended\nby ben, [-\d]+ [:\d]+ UTC: 1 new task, version 2 of the program; "
        "finished tasks: version 1 in 2, version 2 in 1",
        head,
    ), head
    titles = "[...document.querySelectorAll('#table thead th')].map((th) => th.innerText.trim())"
    assert "version" in tab.run(titles)
    tab.click("#where")
    tab.type("version = 2")
    tab.until("document.getElementById('count').textContent === '1 of 3 tasks'")
    tab.until(f"{_ROWS} === 1")
    assert tab.run("document.querySelector('#table tbody th').textContent") == "t000002"
    assert silent(tab)


def test_the_example_of_a_condition_chooses_some_tasks(tab: Tab, bench_page: Path) -> None:
    tab.open(bench_page)
    example = tab.run("document.getElementById('where').placeholder")
    tab.click("#where")
    tab.type(example)
    tab.until("document.getElementById('count').textContent.includes(' of ')")
    assert not count(tab).startswith("0 of")


def test_what_scrolls_sideways_on_a_phone_fades_at_its_edge(tab: Tab, bench_page: Path) -> None:
    tab.size(360, 740, phone=True)
    tab.open(bench_page)
    scrolled_through(tab)
    for box in ("#head .line", "#cells .scroll", "#table .scroll"):
        sides = f"['data-left', 'data-right'].map((one) => document.querySelector({box!r}).hasAttribute(one))"
        assert tab.run(sides) == [False, True], box
        tab.run(f"document.querySelector({box!r}).scrollTo(1e6, 0)")
        tab.until(f"String({sides}) === 'true,false'")


def test_axes_of_whole_numbers_and_listed_numbers_have_their_ticks(
    tab: Tab, bench_page: Path
) -> None:
    tab.open(bench_page)
    scrolled_through(tab)
    ticks = (
        "Object.fromEntries(Object.entries(document.querySelector('#slices .plot')._fullLayout)"
        ".filter(([name]) => /^xaxis/.test(name)).map(([, axis]) => [axis.title.text,"
        " axis._vals.filter((each) => each.text).map((each) => each.text.replace(/<.*?>/g, ''))]))"
    )
    shown = tab.run(ticks)
    assert shown["batch_size"] == ["16", "32", "64", "128", "512"]
    assert shown["layers"] == ["1", "2", "3", "4", "5", "6"]
    assert shown["dataset"] == ["iris", "wine", "breast_cancer", "digits"]


def test_a_sweep_without_a_finished_task_says_so(tab: Tab, project: Project, made: Made) -> None:
    project.declare("idle", "method: grid\nparameters: {x: {values: [1, 2]}}\n")
    tab.open(made(project, "idle"))
    text: str = tab.run("document.body.innerText")
    assert "No task has finished yet." in text
    assert "No task has run yet" in text
    assert tab.run("document.querySelectorAll('.plot').length") == 0
    assert silent(tab)


def test_paper_gets_the_light_theme_and_every_figure(tab: Tab, bench_page: Path) -> None:
    tab.prefer("dark")
    tab.open(bench_page)
    printed: dict[str, Any] = tab.send("Page.printToPDF", printBackground=True)
    assert len(printed["data"]) > 100_000
    notes = "[...document.querySelectorAll('section .note')].every((note) => note.textContent)"
    assert tab.run(notes)  # all were drawn, also those out of sight
    assert silent(tab)


def test_a_selection_survives_a_text_that_is_no_address(tab: Tab, bench_page: Path) -> None:
    tab.open(
        bench_page, "#f.lr=a..b&f.model==%E0%A4%A&f.nope==1&axes=nope,%ZZ&where=(((&sort=-nope"
    )
    assert count(tab) == "240 tasks"
    assert silent(tab)
