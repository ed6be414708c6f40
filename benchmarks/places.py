"""Measure the share of real place labels resolved to a commune, and say which are not.

Reads the shared data beside the repository: ``python -m benchmarks.places``.
"""

import csv
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from service.matching.places import CommuneFacts, CommuneIndex, PlacePrecision

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = ("france_travail_ardeche_cdi_thin", "france_travail_ardeche_100", "france_travail_it_thin")


def load_index() -> CommuneIndex:
    """Return the index of the shared communes file."""
    with (SHARED / "geo" / "communes.csv").open(encoding="utf-8", newline="") as file:
        return CommuneIndex(
            CommuneFacts(
                code=row["code_insee"],
                name=row["nom"],
                postal_codes=tuple(filter(None, row["codes_postaux"].split("|"))),
                departement_code=row["code_departement"],
                departement_name=row["departement"],
                region_code=row["code_region"],
                region_name=row["region"],
                latitude=float(row["latitude"]) if row["latitude"] else None,
                longitude=float(row["longitude"]) if row["longitude"] else None,
            )
            for row in csv.DictReader(file)
        )


def main() -> None:
    """Print the shares, the labels that stay wider than a commune, and the errors against codes."""
    if not SHARED.is_dir():
        sys.exit("the shared data folder is not beside the repository")
    started = time.perf_counter()
    index = load_index()
    print(f"index built in {time.perf_counter() - started:.2f} s")
    for name in FILES:
        offers = json.loads((SHARED / "offers" / f"{name}.json").read_bytes())["resultats"]
        places = [offer["lieuTravail"] for offer in offers]
        started = time.perf_counter()
        resolved = [index.resolve(place["libelle"]) for place in places]
        spent = time.perf_counter() - started
        precisions = Counter(place.precision for place in resolved)
        share = precisions[PlacePrecision.COMMUNE] / len(places)
        print(f"\n{name}, label alone: {share:.2%} of {len(places)} at commune level")
        print(f"  {1e6 * spent / len(places):.0f} µs each; {dict(precisions)}")
        print(f"  {dict(Counter(place.how for place in resolved))}")
        wider = Counter(
            (place["libelle"], str(found.precision))
            for place, found in zip(places, resolved, strict=True)
            if found.precision is not PlacePrecision.COMMUNE
        )
        for (label, precision), count in wider.most_common():
            print(f"    {count:4} × {label!r}: {precision}")
        report_with_text(index, offers)
        report_against_codes(index, places)


def report_with_text(index: CommuneIndex, offers: list[dict[str, Any]]) -> None:
    """Print the share once the posting's own title and description may place it."""
    found = [
        index.resolve(
            offer["lieuTravail"]["libelle"],
            title=offer["intitule"],
            description=offer["description"],
        )
        for offer in offers
    ]
    share = sum(place.precision is PlacePrecision.COMMUNE for place in found) / len(found)
    print(f"  with the posting's text: {share:.2%} at commune level")
    for offer, place in zip(offers, found, strict=True):
        if "description" in place.how or "title" in place.how:
            title = offer["intitule"]
            print(f"    {offer['lieuTravail']['libelle']!r} → {place.commune_code}, {place.how}: {title!r}")


def report_against_codes(index: CommuneIndex, places: list[dict[str, Any]]) -> None:
    """Print how often each kind of evidence finds the source's own commune code."""
    coded = [place for place in places if place.get("commune")]
    if not coded:
        return
    evidence = {
        "label": ("libelle",),
        "postal code": ("codePostal",),
        "point": ("latitude", "longitude"),
        "postal code and point": ("codePostal", "latitude", "longitude"),
    }
    names = {
        "libelle": "label",
        "codePostal": "postal_code",
        "latitude": "latitude",
        "longitude": "longitude",
    }
    for title, fields in evidence.items():
        found = [index.resolve(**{names[field]: place[field] for field in fields}) for place in coded]
        right = sum(
            resolved.commune_code == place["commune"] for resolved, place in zip(found, coded, strict=True)
        )
        wrong = [
            (place["libelle"], place["commune"], resolved.commune_code, resolved.how)
            for resolved, place in zip(found, coded, strict=True)
            if resolved.commune_code not in {None, place["commune"]}
        ]
        print(
            f"  against the source's code, {title} alone: {right} right, {len(wrong)} wrong of {len(coded)}"
        )
        for case in wrong:
            print(f"    {case}")


if __name__ == "__main__":
    main()
