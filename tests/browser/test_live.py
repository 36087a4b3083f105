"""A live view in a page, against Python: the same numbers, the same words, moved by a hand."""

import json
import random

import nbformat
import numpy as np
import polars as pl
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from scipy import special

import toolkit as tk
from toolkit import rates
from toolkit.chart import live
from toolkit.chart.drawing import records
from toolkit.chart.funnel import drawing
from toolkit.explore.view import WIDGET
from toolkit.share import write_pages
from toolkit.share.live import script

pytestmark = pytest.mark.browser
FILTERS = ("campaign", "country", "device", "anonymous")
STAGES = ["not attempted", "attempted", "passed", "chosen", "loaded", "shown"]
NUMBERS = [
    "n", "total", "total_low", "total_high", "share", "share_low", "share_high",
    "conversion", "conversion_low", "conversion_high", "n_eff", "taken_over",
]  # fmt: skip
SAME = 1e-9


@pytest.fixture(scope="module")
def rows():
    """Sample with more in it that is odd: rows without a country, a time or a usable rate."""
    rows = tk.load.impressions("data/sample/beacons.tsv.gz").rows
    at = pl.int_range(pl.len())
    return rows.with_columns(
        country=pl.when(at % 97 != 0).then("country"),
        dt=pl.when(at % 211 != 0).then("dt"),
        sample_rate=pl.when(at % 131 != 0).then("sample_rate"),
    )


@pytest.fixture(scope="module")
def view(rows):
    return tk.explore.status_funnel(rows, name="readers")


@pytest.fixture(scope="module")
def file(view, tmp_path_factory):
    """Page with the explorer twice, so that two of them can disturb each other."""
    folder = tmp_path_factory.mktemp("live")
    faces = {kind: face for kind, face in view._repr_mimebundle_().items() if kind != WIDGET}
    shown = [
        new_code_cell("view", execution_count=at, outputs=[new_output("display_data", data=faces)]) for at in (1, 2)
    ]
    nbformat.write(new_notebook(cells=shown), folder / "live.ipynb")
    return write_pages([folder / "live.ipynb"], folder, publish_anyway="generated rows")[0]


@pytest.fixture(scope="module")
def opened(page, file):
    page.goto(file.as_uri())
    page.locator("figure.toolkit-live[data-drawn]").nth(1).wait_for()
    return page


@pytest.fixture
def figure(opened):
    """First view, as it is when the page is opened."""
    found = opened.locator("figure.toolkit-live").first
    settled(found, lambda: found.evaluate("async (it) => { it.view.choose(it.view.first); it.view.past = []; }"))
    return found


def settled(figure, act):
    """Act, then wait until what was asked is drawn and its table stands."""
    act()
    figure.evaluate("async (it) => { while (it.view.busy || it.view.waits) await new Promise(requestAnimationFrame); }")
    figure.evaluate("async (it) => { await it.view.draw(); await it.view.tabulate(); }")


def menu(figure, name):
    """Menu or box of a choice."""
    return figure.get_by_role("combobox", name=name, exact=True)


def chosen(rows, choices):
    """Table that the code of a notebook gives for these choices."""
    kept = rows.filter(
        True,  # noqa: FBT003 - a filter of nothing
        *[pl.col(name) == choices[name] for name in FILTERS if name != "campaign" and choices[name] is not None],
    )
    if choices["days"]:
        kept = kept.filter(tk.keep.period(*choices["days"]))
    if choices["weight"] == "recorded":
        kept = kept.with_columns(sample_rate=pl.lit(1.0))
    by, campaign = choices["by"], choices["campaign"]
    names = list(dict.fromkeys([*([by] if by else []), *(["campaign"] if campaign is not None else [])]))
    table = tk.measure.status_funnel(kept, by=names, unit=choices["unit"])
    if choices["weight"] == "recorded":
        table = table.with_columns(weight=pl.lit("1 for each recorded"))
    if campaign is not None:
        table = table.filter(pl.col("campaign") == campaign)
        table = table if by == "campaign" else table.drop("campaign")
    return table


def selections(face, seed, times):
    """Choices as a restless hand makes them."""
    hand = random.Random(seed)
    days = face["values"]["day"]
    values = {name: [face["values"][name][at] for at in face["choosable"][name]] for name in FILTERS}
    for _ in range(times):
        ends = sorted(hand.choices(days, k=2))
        yield {
            **{name: hand.choice(values[name]) if hand.random() < 0.3 else None for name in FILTERS},
            "unit": hand.choice(["pageview", "attempt"]),
            "weight": hand.choice(["rate", "rate", "rate", "recorded"]),
            "by": hand.choice([None, None, *face["by"]]),
            "days": ends if hand.random() < 0.5 and ends != [days[0], days[-1]] else None,
        }


def of_python(table, by):
    """Rows by what they are, in the order of the table."""
    found = []
    for row in table.iter_rows(named=True):
        value = row[by] if by else None
        value = f"{value:%Y-%m-%d}" if by == "day" and value is not None else value
        found.append(((value, STAGES.index(row["stage"]), row["outcome"], row["status_code"]), row))
    return found


def of_page(found, codes):
    """The same of what the page computed."""
    return [
        ((funnel["value"], row["at"], row["outcome"], None if row["code"] is None else codes[row["code"]]["code"]), {**funnel, **row})
        for funnel in found["funnels"]
        for row in funnel["rows"]
    ]  # fmt: skip


def is_same(one, other):
    if one is None or other is None:
        return one is None and other is None
    return one == other or abs(one - other) <= SAME * abs(one)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_seventy_random_selections_have_the_numbers_of_python(opened, rows, view, seed):
    face = view._repr_mimebundle_()[live.MIME]
    asked = list(selections(face, seed, 70))
    answers = opened.locator("figure.toolkit-live").first.evaluate(
        """async (it, asked) => {
            const found = [];
            for (const choices of asked) found.push(await it.view.model.funnels(choices));
            return JSON.stringify(found);
        }""",
        asked,
    )
    compared = 0
    for choices, answer in zip(asked, json.loads(answers), strict=True):
        python, page = of_python(chosen(rows, choices), choices["by"]), of_page(answer, face["codes"])
        assert [key for key, _ in python] == [key for key, _ in page], choices
        for (key, expected), (_, found) in zip(python, page, strict=True):
            differ = {name for name in NUMBERS if not is_same(expected[name], found[name])}
            assert not differ, (choices, key, {name: (expected[name], found[name]) for name in differ})
            assert [expected[name] for name in ("unweighted", "partial", "note")] == [
                found[name] for name in ("unweighted", "partial", "note")
            ]
        compared += len(python)
    assert compared > 1000


def test_what_fills_the_chart_is_what_fills_that_of_python(opened, rows, view):
    """Data, title, subtitle but for the minutes of its period, description, values of the form."""
    face = view._repr_mimebundle_()[live.MIME]
    for choices in selections(face, 5, 40):
        table = chosen(rows, choices)
        if table.is_empty():
            continue
        found = opened.locator("figure.toolkit-live").first.evaluate(DRAWN, choices)
        expected = drawing(table)
        assert found["title"] == expected.title
        assert [found["subtitle"][0], *found["subtitle"][2:]] == [expected.subtitle[0], *expected.subtitle[2:]]
        assert (
            found["description"] == expected.description or choices["by"]
        )  # of equal shares either may be the highest
        assert set(found["datasets"]) == set(expected.data)
        for name, frame in expected.data.items():
            by = [column for column in ("name", "at", "stage", "group") if column in frame.columns]
            ours, theirs = (
                sorted(one, key=lambda row: [row[column] for column in by])
                for one in (found["datasets"][name], records(frame))
            )
            assert len(ours) == len(theirs)
            for our, their in zip(ours, theirs, strict=True):
                assert {key: value for key, value in our.items() if not isinstance(value, float)} == {
                    key: value for key, value in their.items() if not isinstance(value, float)
                } or [our[key] for key in our if not is_same(our[key], their[key])] == []
        for name, value in expected.values.items():
            assert found["values"][name] == (pytest.approx(value, rel=SAME) if isinstance(value, float) else value)


DRAWN = """async (it, choices) => {
    const { view } = it;
    view.choices = { ...view.choices, ...choices };
    if (!choices.days) view.choices.days = view.allDays;
    const shown = [];
    const show = view.main.show;
    view.main.show = async (filling) => { shown.push(filling); };
    await view.draw();
    view.main.show = show;
    return shown[0];
}"""


def parts(page):
    """The modules of a page, to be asked alone."""
    page.evaluate(
        script().replace("viewModule.start();", "window.parts = { ...specialModule, ...ratesModule, ...wordsModule };")
    )


def test_the_incomplete_functions_are_those_of_scipy(opened):
    """Over all that a funnel asks: few and many units, rates from a thousandth on, near the mean and far from it."""
    draw = np.random.default_rng(1)
    gamma = [*zip(10 ** draw.uniform(-1, 4, 800), 10 ** draw.uniform(-2, 4, 800), strict=True)]
    gamma += [
        (a, a * near) for a, near in zip(10 ** draw.uniform(-1, 4, 800), draw.uniform(0.8, 1.3, 800), strict=True)
    ]
    n, rate = 10 ** draw.uniform(-1, 3, 1500), draw.choice([0.001, 0.01, 0.1, 0.5, 0.99], 1500)
    beta = [*zip(n + 1, n / rate * draw.uniform(1, 1.5, 1500), rate, strict=True)]
    parts(opened)
    found = opened.evaluate(
        "([gamma, beta]) => [gamma.map((one) => parts.gammainc(...one)), beta.map((one) => parts.betainc(...one))]",
        [[[float(of) for of in one] for one in many] for many in (gamma, beta)],
    )
    np.testing.assert_allclose(found[0], special.gammainc(*np.array(gamma).T), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found[1], special.betainc(*np.array(beta).T), rtol=1e-11, atol=1e-12)


def test_the_ends_are_those_of_python(opened):
    """Whole counts and parts of them, as clumps give; beyond a thousand by the closed form."""
    draw = np.random.default_rng(2)
    n = np.concatenate([draw.integers(0, 1200, 400), draw.uniform(0, 30, 200), [0, 1, 999, 1000]]).astype(float)
    rate = draw.choice([0, 0.001, 0.01, 0.1, 0.5, 1], len(n))
    parts(opened)
    found = opened.evaluate(
        "([n, rate, level, z]) => { const of = new parts.Intervals(level, z); return n.map((one, at) => of.ends(one, rate[at])); }",
        [n.tolist(), rate.tolist(), rates.LEVEL, rates.z_of()],
    )
    frame = pl.DataFrame({"n": n, "p": rate})
    low, high = rates._mid_p("n", pl.col("p"), 1.0, rates.LEVEL)
    expected = frame.select(low=low, high=high).to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("value", [0.5, 1.5, 2.5, 1234567.5, 0.0, 999.9999, 20146.4])
def test_counts_are_written_as_python_writes_them(opened, value):
    parts(opened)
    assert opened.evaluate("(value) => parts.count(value)", value) == f"{value:,.0f}"


@pytest.mark.parametrize("value", [None, 0.0, 0.0031, 0.00125, 0.8201, 0.0625, 0.1875, 1.0, 0.00999999])
def test_shares_are_written_as_python_writes_them(opened, value):
    from toolkit.chart.look import percent  # noqa: PLC0415

    parts(opened)
    assert opened.evaluate("(value) => parts.percent(value)", value) == percent(value)


def test_a_menu_filters_chart_table_bars_and_code(figure, rows):
    settled(figure, lambda: menu(figure, "device").select_option("desktop"))
    attempted = tk.measure.status_funnel(rows.filter(device="desktop")).row(0, named=True)
    said = f"{attempted['total']:,.0f}"
    assert said in figure.locator(".main svg").text_content()
    assert said in figure.locator(".live table").inner_text()
    assert '.filter(pl.col("device") == "desktop")' in figure.locator("pre").inner_text()
    assert "filters: device desktop" in figure.get_by_role("status").inner_text()


def test_the_code_shown_is_that_of_the_explorer(figure, view):
    for choices in (
        {"country": "DE", "by": "device"},
        {"campaign": "Reader_tips_lowprio", "unit": "attempt", "weight": "recorded", "by": "campaign"},
        {"anonymous": False, "days": ["2026-03-03", "2026-03-05"], "campaign": "Reader_tips_lowprio"},
    ):
        settled(
            figure,
            lambda asked=choices: figure.evaluate(
                "(it, asked) => it.view.choose({ ...it.view.first, ...asked })", asked
            ),
        )
        assert figure.locator("pre").inner_text() == view.reset().choose(**choices).code
    view.reset()


def test_many_values_are_a_box_to_search_in_by_keyboard(opened, figure):
    box = menu(figure, "country")
    box.focus()
    opened.keyboard.type("de")
    settled(figure, lambda: opened.keyboard.press("Enter"))
    assert figure.evaluate("(it) => it.view.choices.country") == "DE"
    box.fill("Atlantis")
    box.blur()
    assert figure.evaluate("(it) => it.view.choices.country") == "DE"
    assert box.evaluate("(it) => it.validationMessage") == "no country named Atlantis"


def test_a_bar_that_is_clicked_chooses_and_a_second_click_takes_it_back(figure):
    bar = figure.locator(".side [aria-label*='name: DE;'], .side [aria-label*='country: DE;']").first
    settled(figure, bar.click)
    assert figure.evaluate("(it) => it.view.choices.country") == "DE"
    assert menu(figure, "country").input_value() == "DE"
    settled(figure, bar.click)
    assert figure.evaluate("(it) => it.view.choices.country") is None


def days_of(figure):
    """Bars of the days, from left to right."""
    boxes = [bar.bounding_box() for bar in figure.locator(".side [aria-label*='days: 2026-']").all()]
    return sorted(
        ((box["x"] + box["width"] / 2, box["y"] + box["height"] - 3) for box in boxes if box), key=lambda at: at[0]
    )


def test_days_are_brushed_and_one_step_takes_it_back(opened, figure):
    figure.locator(".side").scroll_into_view_if_needed()
    places = days_of(figure)
    mouse = opened.mouse

    def brush():
        mouse.move(*places[1])
        mouse.down()
        mouse.move(*places[2])
        mouse.move(*places[3])
        mouse.up()

    settled(figure, brush)
    assert figure.evaluate("(it) => it.view.choices.days") == ["2026-03-03", "2026-03-05"]
    assert 'tk.keep.period("2026-03-03", "2026-03-05")' in figure.locator("pre").inner_text()
    settled(figure, lambda: figure.get_by_role("button", name="undo").click())
    assert figure.evaluate("(it) => it.view.choices.days") == ["2026-03-02", "2026-03-07"]


def test_days_are_chosen_by_menus_that_do_not_cross(figure):
    settled(figure, lambda: menu(figure, "last day (UTC)").select_option("2026-03-03"))
    settled(figure, lambda: menu(figure, "first day (UTC)").select_option("2026-03-05"))
    assert figure.evaluate("(it) => it.view.choices.days") == ["2026-03-05", "2026-03-05"]
    assert menu(figure, "last day (UTC)").input_value() == "2026-03-05"


def test_steps_are_taken_back_one_by_one_and_all_at_once(figure):
    undo, reset = (figure.get_by_role("button", name=name) for name in ("undo", "reset"))
    assert undo.is_disabled()
    settled(figure, lambda: menu(figure, "device").select_option("desktop"))
    settled(figure, lambda: menu(figure, "unit").select_option("campaign attempts"))
    settled(figure, undo.click)
    assert figure.evaluate("(it) => [it.view.choices.device, it.view.choices.unit]") == ["desktop", "pageview"]
    settled(figure, reset.click)
    assert figure.evaluate("(it) => it.view.choices.device") is None


def test_a_choice_that_leaves_nothing_says_so(figure, rows):
    country, campaign = rows.select("country", "campaign").drop_nulls().unique().sort("country", "campaign").row(0)
    pairs = set(rows.select("country", "campaign").unique().rows())
    campaign = next(name for name in sorted(rows["campaign"].drop_nulls().unique()) if (country, name) not in pairs)
    asked = {"country": country, "campaign": campaign, "unit": "attempt", "device": "ipad"}
    settled(figure, lambda: figure.evaluate("(it, asked) => it.view.choose(asked)", asked))
    if figure.evaluate("async (it) => (await it.view.model.funnels(it.view.choices)).funnels.length") == 0:
        assert "No rows under these choices" in figure.get_by_role("status").inner_text()
    else:
        pytest.fail("choose a combination that does not occur")


def test_two_views_do_not_disturb_each_other(opened, figure):
    settled(figure, lambda: menu(figure, "device").select_option("desktop"))
    other = opened.locator("figure.toolkit-live").nth(1)
    assert other.evaluate("(it) => it.view.choices.device") is None
    assert menu(other, "device").input_value() == "all"


def test_the_table_is_downloaded_with_all_its_numbers(opened, figure, rows):
    with opened.expect_download() as download:
        figure.get_by_role("button", name="CSV").click()
    found = pl.read_csv(download.value.path(), infer_schema_length=None)
    expected = tk.measure.status_funnel(rows)
    assert found["stage"].to_list() == expected["stage"].cast(pl.String).to_list()
    np.testing.assert_allclose(found["share_low"].cast(float), expected["share_low"].cast(float), rtol=SAME)


def test_every_control_has_a_name(figure):
    assert (
        figure.evaluate(
            "(it) => [...it.querySelectorAll('select, input')].filter((one) => !one.labels.length && !one.ariaLabel).length"
        )
        == 0
    )


def test_nothing_was_fetched_and_nothing_complained(opened, heard):
    assert opened.locator("figure.toolkit-live .picture").count() == 0
    assert heard.outside == []
    assert heard.errors == []


def test_without_scripts_picture_and_table_stand(chromium, file):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    figure = page.locator("figure.toolkit-live").first
    assert figure.get_by_role("img").bounding_box()["width"] > 100
    assert "stopped 2.1 closed earlier" in figure.get_by_role("table").inner_text()
    context.close()


def test_an_old_browser_keeps_the_picture_and_says_why(chromium, file):
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(file.as_uri())
    figure = page.locator("figure.toolkit-live").first
    figure.get_by_text("This browser is too old to filter this view").wait_for()
    assert figure.get_by_role("img").bounding_box()["width"] > 100
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [480, 1200])
def test_a_narrow_or_dark_page_is_not_wider_than_its_window(chromium, file, width, scheme):
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator("figure.toolkit-live[data-drawn]").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
