"""Links within modules drawn, clicks by traits of the mentor, and the progress of the start modules."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import reference
from toolkit.chart import dots, look
from toolkit.measure.links import LINK_USAGE, MENTOR_USAGE, START_PROGRESS


def link_usage(table: pl.DataFrame) -> Any:
    """Draw which links are clicked, by what share of those who saw the module.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.link_usage` gives, without or with one further dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with; the 25 links with most clicks, if there are more.

    Examples
    --------
    >>> from toolkit.measure import links
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1], "visit": [0, 0, 1], "module": "help", "ms": [0, 9, 5],
    ...                      "action": ["impression", "link-click", "impression"], "action_data": ["", "linkId=view-more", ""]})
    >>> link_usage(links.link_usage(rows)).to_dict()["description"]
    'Share of users who click each of 1 links: most often all help pages of help (50.0 %).'
    """
    look.check(table, "link_usage", LINK_USAGE)
    by = dots.one_dimension(table, LINK_USAGE, "link_usage")
    value, series = dots.series_of(table, by)
    several = table["module"].n_unique() > 1
    words = pl.coalesce("label", "link")
    # two links may have the same words; the id tells them apart
    twice = pl.struct("module", words).is_duplicated() if by is None else pl.lit(value=False)
    named = pl.when(twice).then(pl.concat_str(words, pl.lit(" ("), "link", pl.lit(")"))).otherwise(words)
    label = pl.concat_str("module", named, separator=" · ") if several else named
    whole = table.group_by("module", "link").agg(
        n_clicks=pl.col("clicks").sum(), whole=pl.col("clicked").sum() / pl.col("n").sum()
    )
    most = whole.sort("n_clicks", "module", "link", descending=[True, False, False]).head(look.MOST)
    kept = table.join(most, on=["module", "link"], how="inner").with_columns(row=label)
    ranked = kept.sort("module", "whole", "row", descending=[False, True, False])
    order = list(dict.fromkeys(ranked["row"]))
    units = "users" if table["unit"][0].startswith("user") else "visits"
    rows = kept.select(
        "link",
        "clicks",
        "n",
        "clicked",
        "share",
        label="row",
        value=value,
        low="share_low",
        high="share_high",
        said=look.percents("share"),
        interval=dots.between("share_low", "share_high"),
    )
    tips = {"link": "link id", "said": "share", "interval": "interval", "clicked": f"{units} with a click", "n": f"{units} who saw the module", "clicks": "clicks"}  # fmt: skip
    panel = dots.dot_panel(
        rows,
        order=order,
        axis=f"share of {units} that click the link, of those who saw the module",
        tips=tips,
        series=series,
        legend=by,
        width=340,
        label_limit=360,
    )
    top = kept.sort("whole", "row", descending=[True, False], nulls_last=True).row(0, named=True)
    said = (
        f"Share of {units} who click each of {whole.height} links: most often {top['label'] or top['link']} of "
        f"{top['module']} ({look.percent(top['whole'])})."
    )
    more = f"the {look.MOST} of {whole.height} links with most clicks" if whole.height > look.MOST else None
    title = "Which links are clicked?" if several else f"Which links of {table['module'][0]} are clicked?"
    return look.titled(panel, title, dots.told(table, more, *dots.notes(table)), said)


def mentor_usage(table: pl.DataFrame) -> Any:
    """Draw clicks on the mentorship module by the mentor's edits and last activity.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.mentor_usage` gives, without or with one further dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with, one panel for each trait.

    Examples
    --------
    >>> from toolkit.measure import links
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": "mentorship", "ms": 1_557_169_385_000,
    ...                      "action": ["impression", "link-click"],
    ...                      "action_data": "mentorEditCount=1528;mentorLastActive=20190506181617"})
    >>> mentor_usage(links.mentor_usage(rows)).to_dict()["description"]
    'Share of visits with a click on the mentorship module: by edits of the mentor, 100.0 % (1,000 to 9,999); by mentor last active, 100.0 % (less than a day ago).'
    """
    look.check(table, "mentor_usage", MENTOR_USAGE)
    by = dots.one_dimension(table, MENTOR_USAGE, "mentor_usage")
    value, series = dots.series_of(table, by)
    units = "users" if table["unit"][0].startswith("user") else "visits"
    rows = table.select(
        "trait",
        "n",
        "clicked",
        "users",
        "share",
        label=pl.col("band").cast(pl.String),
        value=value,
        low="share_low",
        high="share_high",
        said=look.percents("share"),
        interval=dots.between("share_low", "share_high"),
    )
    tips = {"said": "share", "interval": "interval", "clicked": f"{units} with a click", "n": units, "users": "users"}
    parts, said = [], []
    for trait in table["trait"].cast(pl.String).unique(maintain_order=True):
        own = rows.filter(pl.col("trait").cast(pl.String) == trait)
        order = list(dict.fromkeys(table.filter(pl.col("trait").cast(pl.String) == trait).sort("band")["band"]))
        parts.append(
            dots.dot_panel(
                own,
                order=order,
                title=trait.capitalize(),
                axis=f"share of {units} with a click",
                tips=tips,
                series=series,
                legend=by,
                width=380,
            )
        )
        whole = own.group_by("label", maintain_order=True).agg(pl.col("clicked").sum() / pl.col("n").sum())
        found = dict(whole.iter_rows())
        said.append(f"by {trait}, " + ", ".join(f"{look.percent(found[name])} ({name})" for name in order))
    return look.titled(
        alt.vconcat(*parts, spacing=18),
        "Does it matter who the mentor is?",
        dots.told(table, f"{units} with an impression of the mentorship module", *dots.notes(table)),
        f"Share of {units} with a click on the mentorship module: {'; '.join(said)}.",
    )


def start_progress(table: pl.DataFrame) -> Any:
    """Draw how far users are with the start modules at their first visit and at their last.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.start_progress` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with.

    Examples
    --------
    >>> from toolkit.measure import links
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": [0, 1], "module": "start-tutorial",
    ...                      "state": ["incomplete", "complete"], "action": "impression", "ms": [0, 9]})
    >>> start_progress(links.start_progress(rows)).to_dict()["description"]
    'Share of users in each state at their first visit and at their last: Start: tutorial complete 0.0 %, then 100.0 %.'
    """
    look.check(table, "start_progress", START_PROGRESS)
    dots.no_dimension(table, START_PROGRESS, "start_progress")
    words = dict(reference.table("module").select("module", "label").iter_rows())
    label = pl.concat_str(pl.col("module").replace(words), "state", separator=" · ")
    table = table.with_columns(row=label)
    series = ["at the first visit", "at the last visit"]
    rows = pl.concat([
        table.select("n", label="row", value=pl.lit(name), users=when, share=f"{when}_share", low=f"{when}_share_low", high=f"{when}_share_high")
        for name, when in zip(series, ("first", "last"), strict=True)
    ]).with_columns(said=look.percents("share"), interval=dots.between("low", "high"))  # fmt: skip
    tips = {"said": "share", "interval": "interval", "users": "users in the state", "n": "users who saw the module"}
    panel = dots.dot_panel(
        rows,
        order=list(table["row"]),
        axis="share of users in the state, of those who saw the module",
        tips=tips,
        series=series,
        legend="state",
        width=380,
        label_limit=260,
    )
    done = table.filter(pl.col("state").is_in(["complete", "confirmed"]), pl.col("module") != "start-account")
    said = "; ".join(
        f"{words.get(row['module'], row['module'])} {row['state']} {look.percent(row['first_share'])}, then {look.percent(row['last_share'])}"
        for row in done.iter_rows(named=True)
    )
    return look.titled(
        panel,
        "How far do newcomers come with the start modules?",
        dots.told(table, "states are those at the load of a page", *dots.notes(table)),
        f"Share of users in each state at their first visit and at their last: {said or 'none is done'}.",
    )
