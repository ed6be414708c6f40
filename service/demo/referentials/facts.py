"""The demo's facts as the releases that the import verbs take; the files beside this one hold them."""

import hashlib
from importlib.resources import files
from typing import Any

import orjson

from service.schemas.referential_files import (
    CommuneRelease,
    CommuneRow,
    CrosswalkRow,
    FamilyRelease,
    FamilyRow,
    MobilityRow,
    OccupationRow,
    OccupationSectorRow,
    OccupationSkillRow,
    RomeRelease,
    SectorRow,
    SkillRow,
    TensionFiles,
    TensionRelease,
    TensionRow,
    TitleRow,
)

ROME_VERSION = "60 (demo)"
COMMUNES_VERSION = "2025 (demo)"
FAMILIES_VERSION = "FAP 2009 (demo)"


def rome_release() -> RomeRelease:
    """Return the demo's trades, and by code and label alone the occupations they lead to."""
    facts, checksum = _read("trades.json")
    trades: list[dict[str, Any]] = facts["trades"]
    occupations = {trade["code"]: _occupation(trade) for trade in trades}
    skills: dict[str, SkillRow] = {}
    for trade in trades:
        for move in trade["mobilities"]:
            occupations.setdefault(move["code"], _target(move))
        for skill in trade["skills"]:
            skills[skill["code"]] = SkillRow(skill["code"], skill["label"], skill["kind"], None, None)
    return RomeRelease(
        version=ROME_VERSION,
        checksum=checksum,
        files=[],
        sectors=[SectorRow(code, label) for code, label in facts["sectors"].items()],
        occupations=list(occupations.values()),
        titles=[
            TitleRow(title["code"], trade["code"], title["label"], title["label"], title.get("rare", False))
            for trade in trades
            for title in trade["titles"]
        ],
        skills=list(skills.values()),
        occupation_skills=[
            OccupationSkillRow(trade["code"], skill["code"], "principale" if skill["core"] else None)
            for trade in trades
            for skill in trade["skills"]
        ],
        mobilities=[
            MobilityRow(trade["code"], move["code"], move["rank"])
            for trade in trades
            for move in trade["mobilities"]
        ],
        occupation_sectors=[
            OccupationSectorRow(trade["code"], sector) for trade in trades for sector in trade["sectors"]
        ],
        links={},
    )


def commune_release() -> CommuneRelease:
    """Return the communes of the demo's EPCI."""
    facts, checksum = _read("communes.json")
    shared = {
        f"{part}_{name}": facts[part][name]
        for part in ("region", "departement", "epci", "employment_area")
        for name in ("code", "name")
    }
    communes = [
        CommuneRow(
            code=commune["code"],
            name=commune["name"],
            postal_codes=commune["postal_codes"],
            population=commune["population"],
            **shared,
            bmo_area_code=None,
            bmo_area_name=None,
            latitude=commune["point"][0],
            longitude=commune["point"][1],
        )
        for commune in facts["communes"]
    ]
    return CommuneRelease(COMMUNES_VERSION, checksum, [], communes)


def tension_releases() -> TensionFiles:
    """Return what is told of the trades' families: labels, crosswalk, Dares levels, the official list."""
    facts, checksum = _read("tension.json")
    families: list[dict[str, Any]] = facts["families"]
    areas: dict[str, dict[str, Any]] = facts["areas"]

    def row(family: dict[str, Any], area: Any, **said: Any) -> TensionRow:
        return TensionRow(family["code"], area, areas[area]["code"], areas[area]["name"], **said)

    levels = [
        row(family, area, level=level) for family in families for area, level in family["dares"].items()
    ]
    listed = [row(family, area, listed=True) for family in families for area in family["listed"]]
    return TensionFiles(
        files=[],
        families=FamilyRelease(
            FAMILIES_VERSION,
            checksum,
            [FamilyRow("fap2009", family["code"], family["label"]) for family in families],
            [
                CrosswalkRow(family["code"], rome_code, list(digits))
                for family in families
                for rome_code, digits in family["rome"].items()
            ],
        ),
        releases=[
            TensionRelease("dares", facts["dares_year"], "fap2009", checksum, levels, {}),
            TensionRelease("official-list", facts["official_list_year"], "fap2009", checksum, listed, {}),
        ],
    )


def _read(name: str) -> tuple[dict[str, Any], str]:
    content = files(__package__).joinpath(name).read_bytes()
    return orjson.loads(content), hashlib.sha256(content).hexdigest()


def _occupation(trade: dict[str, Any]) -> OccupationRow:
    return OccupationRow(
        code=trade["code"],
        label=trade["label"],
        definition=None,
        access=None,
        parent_code=trade["parent_code"],
        domain_code=trade["domain"]["code"],
        domain_label=trade["domain"]["label"],
        major_domain_code=trade["major_domain"]["code"],
        major_domain_label=trade["major_domain"]["label"],
    )


def _target(move: dict[str, Any]) -> OccupationRow:
    return OccupationRow(move["code"], move["label"], None, None, None, None, None, None, None)
