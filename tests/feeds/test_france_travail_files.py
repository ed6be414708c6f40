"""Saved feeds: whole files are read in several forms, half files are refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from service.adapters.france_travail import parse_file
from service.schemas.feed import FeedBatch, FeedError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "offers"


def item(number: int, **fields: object) -> dict[str, object]:
    return {"id": f"{number:03d}INVT", "intitule": f"Serveur n° {number}", **fields}


ITEMS = [item(1), item(2, description="Un « menu » : {plats}, [vins]."), item(3)]
REPLY = json.dumps({"filtresPossibles": [], "resultats": ITEMS}, ensure_ascii=False, indent=1).encode()
CUT_ANYWHERE = json.dumps(
    {"resultats": [item(1, alternance=True, nombrePostes=12.5, description="caf\u00e9 {[]}")]}
).encode()
LINES = "\n".join(json.dumps(entry, ensure_ascii=False) for entry in ITEMS).encode()


def accounted(batch: FeedBatch) -> bool:
    return batch.received == len(batch.postings) + len(batch.repeated) + len(batch.rejections)


@pytest.mark.parametrize(
    "content",
    [
        REPLY,
        b"\xef\xbb\xbf" + REPLY,
        json.dumps(ITEMS).encode(),
        LINES,
        LINES.replace(b"\n", b"\r\n\r\n") + b"\n",
        b"\n".join(json.dumps({"resultats": [entry]}).encode() for entry in ITEMS),
    ],
)
def test_every_form_gives_the_same_batch(content: bytes) -> None:
    batch = parse_file(content)
    assert [posting.source_id for posting in batch.postings] == ["001INVT", "002INVT", "003INVT"]
    assert (batch.received, batch.expected, batch.complete, batch.source) == (3, None, True, "france-travail")


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    path.write_bytes(REPLY)
    assert parse_file(path).received == 3
    with pytest.raises(FeedError, match=r"cannot read absent\.json"):
        parse_file(tmp_path / "absent.json")


def test_an_empty_list_is_an_empty_batch() -> None:
    assert parse_file(b'{"resultats": []}').received == 0


@given(st.integers(min_value=1, max_value=len(REPLY) - 1))
def test_a_reply_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(FeedError, match="stops in the middle"):
        parse_file(REPLY[:length])


@pytest.mark.parametrize("length", range(1, len(CUT_ANYWHERE)))
def test_a_reply_cut_in_a_number_a_word_or_an_escape_is_refused(length: int) -> None:
    with pytest.raises(FeedError, match="stops in the middle"):
        parse_file(CUT_ANYWHERE[:length])


def test_lines_cut_within_the_last_one_are_refused() -> None:
    with pytest.raises(FeedError, match="stops in the middle"):
        parse_file(LINES[:-5])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html><body>502 Bad Gateway</body></html>", "expected"),
        (b'"resultats"', "expected"),
        (b'{"resultats": null}', "expected"),
        (b'{"resultats": {"id": "1"}}', "expected"),
        (b'{"message": "Quota atteint", "codeErreur": "429"}', "Quota atteint"),
        (b'{"resultats": [] "autre"}', "not JSON"),
        (b'{"resultats": ["\xff"]}', "not UTF-8 at byte 16"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(FeedError, match=reason):
        parse_file(content)


def test_broken_items_are_rejections_with_reasons() -> None:
    batch = parse_file(json.dumps([item(1), 7, item(2, intitule=""), {"intitule": "Chef"}]).encode())
    assert [posting.source_id for posting in batch.postings] == ["001INVT"]
    assert [(r.source_id, r.pointer) for r in batch.rejections] == [
        (None, ""),
        ("002INVT", "/intitule"),
        (None, "/id"),
    ]
    assert accounted(batch)


def test_a_broken_line_is_one_rejection() -> None:
    lines = LINES.splitlines()
    lines[1] = lines[1].replace(b'"intitule":', b'"intitule"')
    batch = parse_file(b"\n".join(lines))
    assert len(batch.postings) == 2
    assert [rejection.pointer for rejection in batch.rejections] == ["/2"]


def test_lone_surrogates_and_nul_do_not_stop_the_feed() -> None:
    raw = b'[{"id": "1", "intitule": "Chef \\ud800 de\\u0000 rang"}, {"id": "2", "intitule": "Serveur"}]'
    assert [posting.title for posting in parse_file(raw).postings] == ["Chef de rang", "Serveur"]


def test_of_two_copies_the_most_recent_is_kept() -> None:
    older = item(1, description="avant", dateCreation="2025-05-01T00:00:00Z")
    newer = item(1, description="après", dateActualisation="2025-05-02T00:00:00Z")
    for entries in ([older, newer, item(2)], [newer, item(2), older]):
        batch = parse_file(json.dumps(entries).encode())
        found = {posting.source_id: posting.description for posting in batch.postings}
        assert found == {"001INVT": "après", "002INVT": None}
        assert batch.repeated == ["001INVT"]
        assert accounted(batch)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not beside the repository")
@pytest.mark.parametrize(
    ("name", "received", "distinct"),
    [
        ("france_travail_ardeche_100.json", 100, 100),
        ("france_travail_ardeche_cdi_thin.json", 1187, 1185),
        ("france_travail_it_thin.json", 1548, 1548),
    ],
)
def test_real_feeds_are_accounted_for_to_the_unit(name: str, received: int, distinct: int) -> None:
    batch = parse_file(SHARED / name)
    assert (batch.received, len(batch.postings), batch.rejections) == (received, distinct, [])
    assert accounted(batch)
    assert all(posting.contract.kind is not None for posting in batch.postings)
    assert all(posting.place.label is not None for posting in batch.postings)
