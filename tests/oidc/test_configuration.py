"""``OIDC_PROVIDERS`` makes sense, or the application says at the start what does not."""

import json
from typing import Any

import pytest
import typer
from pydantic import ValidationError

from service.cli.context import settings_or_fail
from service.core.oidc_providers import AskAcr, parse_oidc_providers
from service.core.settings import Settings, get_settings

SECRET = "tres-secret-et-assez-long-pour-hs256"
ENTRY = {"name": "ville", "issuer": "https://id.exemple.fr", "client_id": "ancrage", "client_secret": SECRET}
PROCONNECT = {"name": "pro", "preset": "proconnect", "client_id": "ancrage", "client_secret": SECRET}
FRANCECONNECT = PROCONNECT | {"name": "fc", "preset": "franceconnect"}


def test_presets_know_what_each_wants() -> None:
    proconnect, franceconnect = parse_oidc_providers(json.dumps([PROCONNECT, FRANCECONNECT]))
    assert proconnect.issuer == "https://auth.agentconnect.gouv.fr/api/v2"
    assert (proconnect.pkce, proconnect.signed_userinfo, proconnect.secret_in_body) == (True, True, True)
    assert proconnect.email_vouched_for
    assert proconnect.acr_request is AskAcr.CLAIMS
    assert proconnect.accepted_levels == frozenset()
    assert franceconnect.issuer == "https://oidc.franceconnect.gouv.fr/api/v2"
    assert (franceconnect.pkce, franceconnect.signed_userinfo, franceconnect.secret_in_body) == (
        False,
        True,
        True,
    )
    assert not franceconnect.email_vouched_for
    assert franceconnect.accepted_levels == {"eidas1", "eidas2", "eidas3"}
    assert SECRET not in repr(proconnect)


def test_integration_and_what_an_entry_changes() -> None:
    found = parse_oidc_providers(
        json.dumps(
            [
                PROCONNECT | {"environment": "integration", "algorithms": ["ES256"], "label": "Agents"},
                FRANCECONNECT | {"environment": "integration", "acr_values": ["eidas2"]},
                PROCONNECT | {"name": "rie", "issuer": "https://auth.agentconnect.rie.gouv.fr/api/v2"},
            ]
        )
    )
    assert [provider.issuer for provider in found] == [
        "https://fca.integ01.dev-agentconnect.fr/api/v2",
        "https://fcp-low.integ01.dev-franceconnect.fr/api/v2",
        "https://auth.agentconnect.rie.gouv.fr/api/v2",
    ]
    assert (found[0].label, sorted(found[0].algorithms)) == ("Agents", ["ES256"])
    assert found[1].accepted_levels == {"eidas2", "eidas3"}


def test_any_other_provider() -> None:
    (found,) = parse_oidc_providers(
        json.dumps([ENTRY | {"scopes": ["email", "openid"], "acr_values": ["x"]}])
    )
    assert (found.label, found.scopes, found.algorithms) == (
        "ville",
        ("openid", "email"),
        frozenset({"RS256"}),
    )
    assert (found.pkce, found.signed_userinfo, found.email_vouched_for) == (True, False, False)
    assert found.accepted_levels == {"x"}


_LOOPBACKS = ("http://127.0.0.1:8080", "http://localhost/realms/x", "http://[::1]:1")


@pytest.mark.parametrize("issuer", _LOOPBACKS)
def test_plain_http_on_this_machine_alone(issuer: str) -> None:
    assert parse_oidc_providers(json.dumps([ENTRY | {"issuer": issuer}]))[0].issuer == issuer


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("nonsense", "JSON list"),
        ("{}", "list of objects"),
        ("[1]", "list of objects"),
        ([{}], "provider 1: name: Field required"),
        ([ENTRY, PROCONNECT | {"colour": SECRET}], "provider 2: colour: Extra inputs are not permitted"),
        ([{**ENTRY, "name": "Ville de X"}], "name: String should match"),
        ([{**ENTRY, "client_id": ""}], "client_id"),
        ([{**ENTRY, "client_id": "é"}], "client_id"),
        ([{**ENTRY, "client_secret": ""}], "client_secret"),
        ([{**ENTRY, "client_secret": "with space"}], "client_secret: must have printable ASCII"),
        ([{**ENTRY, "client_secret": [SECRET]}], "client_secret"),
        ([{k: v for k, v in ENTRY.items() if k != "client_secret"}], "client_secret: Field required"),
        ([{k: v for k, v in ENTRY.items() if k != "issuer"}], "issuer: give its address"),
        ([{**ENTRY, "issuer": "id.exemple.fr"}], "issuer: must look like https://"),
        ([{**ENTRY, "issuer": "http://id.exemple.fr"}], "issuer: must begin with https://"),
        ([{**ENTRY, "issuer": "https://id.exemple.fr?x"}], "without ? and #"),
        ([{**ENTRY, "issuer": "https://u:p@id.exemple.fr"}], "issuer: must look like"),
        ([{**ENTRY, "issuer": "https://id.exemple.fr:port"}], "issuer: is not an address"),
        ([{**ENTRY, "environment": "integration"}], "environment: only presets"),
        ([{**PROCONNECT, "environment": "test"}], "environment: must be one of production, integration"),
        ([{**PROCONNECT, "environment": ["integration"]}], "environment: must be one of"),
        ([{**PROCONNECT, "preset": "google"}], "preset: must be one of proconnect, franceconnect"),
        ([{**PROCONNECT, "preset": ["proconnect"]}], "preset: must be one of"),
        ([{**ENTRY, "algorithms": []}], "algorithms"),
        ([{**ENTRY, "algorithms": ["none"]}], "algorithms: none is not among"),
        ([{**ENTRY, "algorithms": ["RS256", "HS256"]}], "HS256 beside others"),
        ([{**ENTRY, "algorithms": ["HS256"], "client_secret": "short"}], "HS256 needs one of 32"),
        ([{**ENTRY, "acr_values": ["a b"]}], "acr_values.0"),
        ([{**ENTRY, "acr_request": "maybe"}], "acr_request"),
        ([ENTRY, ENTRY], "two providers have the same name"),
        ([ENTRY, {**ENTRY, "name": "other"}], "two providers have the same issuer and client_id"),
        ([{**ENTRY, "name": f"n{n}"} for n in range(51)], "at most 50"),
    ],
)
def test_what_makes_no_sense_is_said(entries: Any, said: str) -> None:
    text = entries if isinstance(entries, str) else json.dumps(entries)
    with pytest.raises(ValueError, match=r"\S") as caught:
        parse_oidc_providers(text)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_process_says_so_at_its_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OIDC_PROVIDERS", json.dumps([ENTRY | {"issuer": "http://id.exemple.fr"}]))
    get_settings.cache_clear()
    with pytest.raises(typer.Exit):
        settings_or_fail()
    said = capsys.readouterr().err
    assert said == (
        "ancrage: OIDC_PROVIDERS is not acceptable: provider 1: issuer: must begin with https://, "
        "but on this machine itself.\n"
    )
    get_settings.cache_clear()


def test_the_settings_keep_the_secret_to_themselves() -> None:
    settings = Settings.model_validate({"oidc_providers": json.dumps([ENTRY])})
    assert SECRET not in repr(settings)
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"oidc_providers": json.dumps([{**ENTRY, "issuer": 1}])})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(public_url="https://api.exemple.fr/"), "https://api.exemple.fr"),
        (Settings(host="127.0.0.1", port=8123), "http://127.0.0.1:8123"),
        (Settings(host="::1"), "http://[::1]:8000"),
    ],
)
def test_the_public_address(settings: Settings, address: str) -> None:
    assert settings.public_address == address
