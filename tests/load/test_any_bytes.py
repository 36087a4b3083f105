"""Whatever was done to an export, every row of it is accounted for, or one sentence says why not."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import ToolkitError, load, measure

SAMPLES = {
    "beacons.tsv.gz": load.impressions,
    "druid_banner_activity.csv.gz": load.impressions,
    "impressions_capsule.ndjson.gz": load.impressions,
    "impressions_event_platform.ndjson.gz": load.impressions,
    "homepage_modules_2019.ndjson.gz": load.homepage_modules,
    "homepage_modules_2022.ndjson.gz": load.homepage_modules,
    "homepage_visits_2019.ndjson.gz": load.homepage_visits,
}
PIECES = st.sampled_from(
    [b"\n", b"\r\n", b"\t", b",", b'"', b"'", b"{", b"}", b"[]", b"null", b"\xff", b"\xef\xbb\xbf", b"\0", b":", b"&", b"=", b"%", b"9", b"2.10", b" ", b"true", b"\\"]
)  # fmt: skip
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), min_size=1, max_size=6)


def edited(raw, edits):
    """Bytes with pieces put in the place of others."""
    for place, length, piece in edits:
        at = int(place * len(raw))
        raw = raw[:at] + piece + raw[at + length :]
    return raw


@pytest.mark.parametrize("name", SAMPLES)
def test_every_row_is_accounted_for_whatever_was_done_to_the_bytes(sample, tmp_path_factory, name):
    """`Load` itself refuses an account that does not add up; so does this test, by counting lines."""
    head = b"\n".join(gzip.decompress((sample / name).read_bytes()).split(b"\n")[:6]) + b"\n"
    path = tmp_path_factory.mktemp("any") / "export"

    @settings(max_examples=120)
    @given(EDITS)
    def check(edits):
        raw = edited(head, edits)
        path.write_bytes(raw)
        try:
            found = SAMPLES[name](path)
        except ToolkitError:
            return
        n_lines = sum(1 for line in raw.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip(b" \r\t"))
        headed = found.account["shape"][0] in {"request log, tab separated", "Druid banner_activity, comma separated"}
        assert found.account["rows_in"].sum() in {n_lines - headed, n_lines - headed + 1}
        assert (
            found.account.select("kept", "set_aside", "duplicates").sum().sum_horizontal().item()
            == found.account["rows_in"].sum()
        )
        if found.table == "impressions" and found.rows.height:
            funnel = measure.status_funnel(found.rows)
            assert funnel.filter(outcome="reached")["n"].max() <= found.rows["requests"].sum()

    check()
