"""The live client against a local server that answers as the API documents."""

import asyncio
import email.utils
import json
from datetime import UTC, datetime

import pytest

from service.adapters.france_travail import Access, FeedQuery, FranceTravailClient, Patience
from service.adapters.france_travail.calls import Calls, Pace
from service.schemas.feed import FeedBatch, FeedError
from tests.feeds.invented_api import CLIENT_ID, CLIENT_SECRET, Fault, InventedApi, offer

ARDECHE = FeedQuery(departements=("07",))
QUICK = Patience(calls_per_second=2000, timeout=5, attempts=3, first_delay=0.001, longest_delay=0.01)


def access(api: InventedApi, *, secret: str = CLIENT_SECRET) -> Access:
    return Access(
        client_id=CLIENT_ID,
        client_secret=secret,
        token_url=f"{api.address}/token?realm=%2Fpartenaire",
        base_url=api.address,
    )


async def read(api: InventedApi, query: FeedQuery = ARDECHE, patience: Patience = QUICK) -> FeedBatch:
    async with FranceTravailClient(access(api), patience) as client:
        return await client.read(query)


def ids(batch: FeedBatch) -> set[str]:
    return {posting.source_id for posting in batch.postings}


async def test_all_pages_are_read_and_counted(api: InventedApi) -> None:
    api.offers = [offer(number) for number in range(320)]
    batch = await read(api)
    assert ids(batch) == {str(item["id"]) for item in api.offers}
    assert (batch.received, batch.expected, batch.complete, batch.notes) == (320, 320, True, [])
    assert [search["range"] for search in api.searches] == ["0-149", "150-299", "300-449"]
    assert {search["departement"] for search in api.searches} == {"07"}


async def test_a_single_page_and_no_result_are_complete(api: InventedApi) -> None:
    assert (await read(api)).complete
    api.offers = [offer(1)]
    batch = await read(api)
    assert (batch.received, batch.expected, batch.complete) == (1, 1, True)


async def test_each_departement_is_its_own_search(api: InventedApi) -> None:
    api.offers = [offer(1), offer(2, departement="26"), offer(3, departement="38")]
    batch = await read(api, FeedQuery(departements=("07", "26"), criteria={"typeContrat": "CDI"}))
    assert ids(batch) == {"001INVT", "002INVT"}
    assert [search["departement"] for search in api.searches] == ["07", "26"]
    assert all(search["typeContrat"] == "CDI" for search in api.searches)


def test_communes_are_asked_five_at_a_time_without_their_surroundings() -> None:
    codes = tuple(f"07{number:03d}" for number in range(1, 8))
    searches = FeedQuery(communes=codes).searches()
    assert [search["commune"] for search in searches] == [",".join(codes[:5]), ",".join(codes[5:])]
    assert {search["distance"] for search in searches} == {"0"}
    assert FeedQuery().searches() == [{"sort": "1"}]
    assert FeedQuery(region="84").searches() == [{"sort": "1", "region": "84"}]


async def test_more_results_than_reachable_are_read_by_windows_of_dates(api: InventedApi) -> None:
    api.offers = [offer(number, day=1 + number % 28) for number in range(3400)]
    batch = await read(api)
    assert len(ids(batch)) == 3400
    assert batch.complete
    assert batch.received == len(batch.postings) + len(batch.repeated)
    assert any("minCreationDate" in search for search in api.searches)


async def test_what_no_window_can_separate_makes_the_reading_incomplete(api: InventedApi) -> None:
    api.offers = [offer(number, dateCreation="2025-05-01T08:00:00.000Z") for number in range(3200)]
    batch = await read(api)
    assert not batch.complete
    assert len(batch.postings) == 3150
    assert any("3150 received of 3200" in note for note in batch.notes)


async def test_what_is_older_than_every_window_makes_the_reading_incomplete(api: InventedApi) -> None:
    api.offers = [offer(number, day=1 + number % 28) for number in range(3200)]
    api.offers[7]["dateCreation"] = "2009-05-01T08:00:00.000Z"
    batch = await read(api)
    assert len(batch.postings) == 3199
    assert not batch.complete
    assert "3199 received of 3200" in batch.notes[0]


async def test_a_broken_item_is_rejected_and_the_others_stay(api: InventedApi) -> None:
    api.offers = [offer(1), offer(2, intitule=None), offer(3)]
    batch = await read(api)
    assert ids(batch) == {"001INVT", "003INVT"}
    assert [rejection.source_id for rejection in batch.rejections] == ["002INVT"]
    assert batch.complete


async def test_a_posting_withdrawn_while_paging_does_not_hide_another(api: InventedApi) -> None:
    api.offers = [offer(number) for number in range(320)]

    def withdraw(call: int) -> None:
        if call == 2:  # between the first and the second page: one posting slips past the reader
            api.offers.pop(59)

    api.before_page = withdraw
    batch = await read(api)
    assert batch.complete
    assert ids(batch) == {str(item["id"]) for item in api.offers}
    assert len(api.searches) > 3


async def test_a_list_that_never_holds_still_is_incomplete(api: InventedApi) -> None:
    api.offers = [offer(number) for number in range(400)]

    def withdraw(_call: int) -> None:
        api.offers.pop()

    api.before_page = withdraw
    batch = await read(api)
    assert not batch.complete
    assert batch.postings


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_passing_failures_are_tried_again(api: InventedApi, status: int) -> None:
    api.offers = [offer(number) for number in range(200)]
    api.faults = [Fault(status=status), None, Fault(status=status), Fault(status=status)]
    batch = await read(api)
    assert (len(ids(batch)), batch.complete) == (200, True)


async def test_a_reply_cut_in_the_middle_is_tried_again(api: InventedApi) -> None:
    api.offers = [offer(1)]
    body = json.dumps({"resultats": [offer(1), offer(2)]}).encode()
    api.faults = [Fault(body=body, cut=40)]
    batch = await read(api)
    assert (ids(batch), batch.complete, len(api.searches)) == ({"001INVT"}, True, 2)


async def test_a_failure_that_lasts_leaves_an_incomplete_batch(api: InventedApi) -> None:
    api.offers = [offer(1), offer(2, departement="26"), offer(3, departement="38")]
    api.faults = [None, *[Fault(status=503)] * QUICK.attempts]
    batch = await read(api, FeedQuery(departements=("07", "26", "38")))
    assert ids(batch) == {"001INVT"}
    assert not batch.complete
    assert "departement=26" in batch.notes[0]
    assert "503" in batch.notes[0]


async def test_nothing_received_at_all_is_an_error(api: InventedApi) -> None:
    api.faults = [Fault(status=503)] * QUICK.attempts
    with pytest.raises(FeedError, match="503"):
        await read(api)
    assert len(api.searches) == QUICK.attempts


async def test_a_refused_query_is_not_insisted_upon(api: InventedApi) -> None:
    api.faults = [Fault(status=400, body='{"message": "Département inconnu."}'.encode())]
    with pytest.raises(FeedError, match="400: Département inconnu"):
        await read(api)
    assert len(api.searches) == 1


async def test_a_reply_of_another_kind_is_an_error(api: InventedApi) -> None:
    api.faults = [Fault(body=b'{"offres": []}')]
    with pytest.raises(FeedError, match="not a list of postings"):
        await read(api)


async def test_no_announced_total_means_incomplete(api: InventedApi) -> None:
    api.offers = [offer(number) for number in range(200)]
    api.content_range = False
    batch = await read(api)
    assert len(batch.postings) == 200
    assert not batch.complete


async def test_a_revoked_token_is_renewed_once(api: InventedApi) -> None:
    api.offers = [offer(number) for number in range(200)]
    api.before_page = lambda call: api.revoke_tokens() if call == 1 else None
    batch = await read(api)
    assert (len(batch.postings), batch.complete, api.tokens_given) == (200, True, 3)


async def test_an_expiring_token_is_renewed_before_use(api: InventedApi) -> None:
    api.token_seconds = 30
    api.offers = [offer(number) for number in range(200)]
    assert (await read(api)).complete
    assert api.tokens_given == len(api.searches) == 2


async def test_refused_credentials_are_an_error_that_keeps_the_secret(api: InventedApi) -> None:
    wrong = access(api, secret="not-the-secret")
    async with FranceTravailClient(wrong, QUICK) as client:
        with pytest.raises(FeedError, match="refuses these credentials: invalid_client") as caught:
            await client.read(ARDECHE)
    assert "not-the-secret" not in f"{caught.value!r} {wrong!r}"
    assert api.searches == []


async def test_a_token_endpoint_in_trouble_is_tried_again(api: InventedApi) -> None:
    api.offers = [offer(1)]
    api.token_faults = [Fault(status=503), Fault(status=429, body=b"later")]
    assert (await read(api)).complete


async def test_a_token_of_unknown_form_is_an_error(api: InventedApi) -> None:
    api.token_faults = [Fault(body=b'{"jeton": "?"}')]
    with pytest.raises(FeedError, match="token"):
        await read(api)


async def test_an_unreachable_source_is_an_error() -> None:
    nobody = Access(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_url="http://127.0.0.1:9/token",
        base_url="http://127.0.0.1:9",
    )
    async with FranceTravailClient(nobody, QUICK) as client:
        with pytest.raises(FeedError, match="cannot be reached"):
            await client.read(ARDECHE)


async def test_progress_is_told_after_each_page(api: InventedApi) -> None:
    api.offers = [offer(number) for number in range(200)]
    told: list[tuple[int, int | None]] = []
    async with FranceTravailClient(access(api), QUICK) as client:
        await client.read(ARDECHE, progress=lambda received, expected: told.append((received, expected)))
    assert told == [(150, 200), (200, 200)]


async def test_retry_after_is_obeyed_up_to_the_longest_delay(
    api: InventedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("service.adapters.france_travail.calls.asyncio.sleep", sleep)
    tomorrow = email.utils.format_datetime(datetime(2100, 1, 1, tzinfo=UTC), usegmt=True)
    api.offers = [offer(1)]
    api.faults = [
        Fault(status=429, headers={"Retry-After": "7"}),
        Fault(status=429, headers={"Retry-After": tomorrow}),
        Fault(status=503, headers={"Retry-After": "soon"}),
    ]
    patience = Patience(calls_per_second=1e9, attempts=4, first_delay=1, longest_delay=20)
    async with Calls(access(api), patience) as calls:
        reply = await calls.get("/v2/offres/search", {"range": "0-149"})
    assert reply.status_code == 200
    seven, capped, jittered = (seconds for seconds in slept if seconds > 0.1)
    assert (seven, capped) == (7, 20)
    assert 2 <= jittered <= 4


async def test_the_pace_spreads_calls_evenly() -> None:
    now = 100.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = Pace(4, clock=lambda: now, sleep=sleep)
    for _ in range(4):
        await pace.turn()
    assert slept == [0.25, 0.25, 0.25]
    now += 10
    await pace.turn()
    assert len(slept) == 3
