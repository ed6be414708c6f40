"""Labels of places, as sources word them, resolved to communes."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from service.matching.places import CommuneFacts, CommuneIndex, PlacePrecision, ResolvedPlace

SHARED = Path(__file__).parents[3] / "shared" / "data"

# code, name, postal codes, département, region, latitude, longitude
ROWS = (
    ("07010", "Annonay", "07100", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 45.245, 4.652),
    ("07019", "Aubenas", "07200", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.613, 4.392),
    ("07064", "Le Cheylard", "07160", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.904, 4.422),
    ("07181", "Le Pouzin", "07250", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.747, 4.752),
    ("07229", "Saint-Didier-sous-Aubenas", "07200", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.612, 4.415),
    ("07281", "Saint-Péray", "07130", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.947, 4.843),
    ("07288", "Saint-Priest", "07000", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.719, 4.556),
    ("07330", "Vallon-Pont-d'Arc", "07150", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.405, 4.398),
    ("07349", "La Voulte-sur-Rhône", "07800", "07 Ardèche", "84 Auvergne-Rhône-Alpes", 44.799, 4.790),
    ("69123", "Lyon", "69001|69003", "69 Rhône", "84 Auvergne-Rhône-Alpes", None, None),
    ("69264", "Villefranche-sur-Saône", "69400", "69 Rhône", "84 Auvergne-Rhône-Alpes", 45.987, 4.732),
    ("69290", "Saint-Priest", "69800", "69 Rhône", "84 Auvergne-Rhône-Alpes", 45.697, 4.946),
    ("75056", "Paris", "75001|75010", "75 Paris", "11 Île-de-France", None, None),
    ("92002", "Antony", "92160", "92 Hauts-de-Seine", "11 Île-de-France", 48.750, 2.300),
    ("92060", "Le Plessis-Robinson", "92350", "92 Hauts-de-Seine", "11 Île-de-France", 48.781, 2.260),
    ("13055", "Marseille", "13001|13016", "13 Bouches-du-Rhône", "93 Provence-Alpes-Côte d'Azur", None, None),
    ("13004", "Arles", "13200", "13 Bouches-du-Rhône", "93 Provence-Alpes-Côte d'Azur", 43.676, 4.628),
    ("2A004", "Ajaccio", "20000|20090", "2A Corse-du-Sud", "94 Corse", 41.923, 8.706),
    ("2B033", "Bastia", "20200|20600", "2B Haute-Corse", "94 Corse", 42.697, 9.451),
    ("53147", "Mayenne", "53100", "53 Mayenne", "52 Pays de la Loire", 48.303, -0.617),
    ("53130", "Laval", "53000", "53 Mayenne", "52 Pays de la Loire", 48.070, -0.770),
    ("89387", "Sens", "89100", "89 Yonne", "27 Bourgogne-Franche-Comté", 48.198, 3.283),
    ("89024", "Auxerre", "89000", "89 Yonne", "27 Bourgogne-Franche-Comté", 47.798, 3.567),
    ("97411", "Saint-Denis", "97400", "974 La Réunion", "04 La Réunion", -20.943, 55.444),
    ("97416", "Saint-Pierre", "97410", "974 La Réunion", "04 La Réunion", -21.340, 55.478),
)


def facts(row: tuple[str, str, str, str, str, float | None, float | None]) -> CommuneFacts:
    code, name, postal_codes, departement, region, latitude, longitude = row
    departement_code, _, departement_name = departement.partition(" ")
    region_code, _, region_name = region.partition(" ")
    return CommuneFacts(
        code=code,
        name=name,
        postal_codes=tuple(postal_codes.split("|")),
        departement_code=departement_code,
        departement_name=departement_name,
        region_code=region_code,
        region_name=region_name,
        latitude=latitude,
        longitude=longitude,
    )


INDEX = CommuneIndex(facts(row) for row in ROWS)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("07 - AUBENAS", "07019"),
        ("07 - Aubenas", "07019"),
        ("07 – Aubenas", "07019"),
        ("07 - AUBENAS CEDEX 2", "07019"),
        ("07 - ST DIDIER SOUS AUBENAS", "07229"),
        ("07 - Saint-Didier-sous-Aubenas", "07229"),
        ("07 - ST PERAY", "07281"),
        ("07 - Saint Péray et alentours", "07281"),
        ("07 - VALLON PONT D ARC", "07330"),
        ("07 - LE POUZIN", "07181"),
        ("07 - Pouzin", "07181"),
        ("07 - Cheylard", "07064"),
        ("92 - Plessis-Robinson", "92060"),
        ("07 - La Voulte", "07349"),
        ("07 - LA VOULTE S/ RHONE", "07349"),
        ("69 - VILLEFRANCHE S SAONE", "69264"),
        ("07 - ANONNAY", None),
        ("07 - VALLON PONT DARC", "07330"),
        ("75 - PARIS 10", "75056"),
        ("75 - Paris 1er Arrondissement", "75056"),
        ("75 - Paris (Dept.)", "75056"),
        ("75 - Paris", "75056"),
        ("69 - LYON 03", "69123"),
        ("13 - MARSEILLE 16", "13055"),
        ("2A - AJACCIO", "2A004"),
        ("20 - BASTIA", "2B033"),
        ("974 - Saint-Denis", "97411"),
        ("Aubenas (07)", "07019"),
        ("07200 Aubenas", "07019"),
        ("Lyon", "69123"),
        ("07 - ST PRIEST", "07288"),
        ("69 - ST PRIEST", "69290"),
        ("53 - Laval", "53130"),
    ],
)
def test_labels_that_name_a_commune(label: str, code: str | None) -> None:
    assert INDEX.resolve(label).commune_code == code


@pytest.mark.parametrize(
    ("label", "precision", "departement", "region"),
    [
        ("92 - Hauts-de-Seine", "departement", "92", "11"),
        ("07 - Ardèche", "departement", "07", "84"),
        ("07 - Ardèche Drome et Isère", "departement", "07", "84"),
        ("53 - Mayenne", "departement", "53", "52"),
        ("Hauts-de-Seine", "departement", "92", "11"),
        ("Île-de-France", "region", None, "11"),
        ("Corse", "region", None, "94"),
        ("20 - Corse", "region", None, "94"),
        ("France", "country", None, None),
        ("Luxembourg", "none", None, None),
        ("Saint-Priest", "none", None, None),
        ("99 - ETRANGER", "none", None, None),
        ("", "none", None, None),
        (None, "none", None, None),
    ],
)
def test_labels_wider_than_a_commune(
    label: str | None, precision: str, departement: str | None, region: str | None
) -> None:
    found = INDEX.resolve(label)
    assert (found.precision, found.departement_code, found.region_code) == (precision, departement, region)
    assert found.commune_code is None


def test_the_code_decides_and_arrondissements_belong_to_their_city() -> None:
    assert INDEX.resolve("07 - AUBENAS", commune_code="07010").commune_code == "07010"
    assert INDEX.resolve(commune_code="75110").commune_code == "75056"
    assert INDEX.resolve(commune_code="69383").commune_code == "69123"
    assert INDEX.resolve(commune_code="13216").commune_code == "13055"
    assert INDEX.resolve(commune_code="07010").confidence == 1


def test_a_former_commune_is_where_its_point_is() -> None:
    found = INDEX.resolve("07 - ANCIEN VILLAGE", commune_code="07999", latitude=44.62, longitude=4.40)
    assert found.commune_code == "07019"
    assert found.how == "nearest"


def test_a_former_commune_is_found_among_those_of_its_postal_code() -> None:
    found = INDEX.resolve("07 - ANCIEN VILLAGE", postal_code="07200", latitude=44.611, longitude=4.42)
    assert (found.commune_code, found.how) == ("07229", "nearest of the postal code")
    assert INDEX.resolve("07 - ANCIEN VILLAGE", postal_code="07250").commune_code == "07181"
    assert INDEX.resolve("07 - ANCIEN VILLAGE", postal_code="07200").precision is PlacePrecision.DEPARTEMENT


def test_a_point_far_from_every_commune_tells_nothing() -> None:
    assert INDEX.resolve(latitude=0.5, longitude=0.5).precision is PlacePrecision.NONE
    assert INDEX.resolve("07 - X", latitude=48.75, longitude=2.30).precision is PlacePrecision.DEPARTEMENT


def test_a_postal_code_or_a_point_settles_an_ambiguous_name() -> None:
    assert INDEX.resolve("Saint-Priest", postal_code="69800").commune_code == "69290"
    assert INDEX.resolve("Saint-Priest", latitude=44.72, longitude=4.55).commune_code == "07288"
    settled = INDEX.resolve("53 - Mayenne", postal_code="53100")
    assert (settled.commune_code, settled.how) == ("53147", "name")


@pytest.mark.parametrize(
    ("label", "title", "description", "code"),
    [
        ("07 - Ardèche", "Plombier - Centrale du Pouzin H/F", "", None),
        ("07 - Ardèche", "Plombier - Le Pouzin H/F", "", "07181"),
        ("07 - Ardèche", "Vendeur (H/F) - Annonay", "", "07010"),
        ("07 - Ardèche", "Maçon", "Chantier au Pouzin, puis basé à Aubenas.", "07019"),
        ("07 - Ardèche", "Maçon", "Usine d'Annonay (07), transports depuis Aubenas.", "07010"),
        ("07 - Ardèche", "Maçon", "Notre agence d'Annonay recrute.", "07010"),
        ("07 - Ardèche", "Maçon", "Nos agences d'Annonay et d'Aubenas recrutent.", None),
        ("07 - Ardèche", "Maçon", "Basé(e) à Saint-Priest (69).", None),
        ("07 - Ardèche", "Maçon", "Basé(e) à Saint-Priest (07).", "07288"),
        ("89 - Yonne", "Maçon", "Un travail pour donner du sens.", None),
        ("89 - Yonne", "Maçon", "Notre agence de Sens recrute.", "89387"),
        ("Bretagne", "Maçon à Aubenas", "", None),
    ],
)
def test_the_text_places_what_the_label_leaves_wide(
    label: str, title: str, description: str, code: str | None
) -> None:
    assert INDEX.resolve(label, title=title, description=description).commune_code == code


def test_the_text_never_overrules_the_label() -> None:
    assert INDEX.resolve("07 - AUBENAS", title="Vendeur à Annonay").commune_code == "07019"


@given(st.permutations(ROWS), st.sampled_from(["07 - LA VOULTE", "Saint-Priest", "07 - X", "20 - CORSE"]))
def test_the_order_of_the_referential_does_not_matter(
    rows: list[tuple[str, str, str, str, str, float | None, float | None]], label: str
) -> None:
    shuffled = CommuneIndex(facts(row) for row in rows)
    assert shuffled.resolve(label) == INDEX.resolve(label)
    assert shuffled.resolve(latitude=44.7, longitude=4.6) == INDEX.resolve(latitude=44.7, longitude=4.6)


@given(
    st.none() | st.text(max_size=40),
    st.none() | st.from_regex(r"[0-9]{5}", fullmatch=True),
    st.none() | st.from_regex(r"[0-9][0-9AB][0-9]{3}", fullmatch=True),
    st.none() | st.floats(-90, 90),
    st.none() | st.floats(-180, 180),
)
def test_any_evidence_gives_a_coherent_place(
    label: str | None,
    postal_code: str | None,
    commune_code: str | None,
    latitude: float | None,
    longitude: float | None,
) -> None:
    found = INDEX.resolve(label, postal_code, commune_code, latitude, longitude)
    assert isinstance(found, ResolvedPlace)
    assert (found.commune_code is not None) == (found.precision is PlacePrecision.COMMUNE)
    assert 0 <= found.confidence <= 1
    assert (found.confidence == 0) == (found.precision is PlacePrecision.NONE)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not beside the repository")
def test_the_real_thin_feed_is_resolved() -> None:
    with (SHARED / "geo" / "communes.csv").open(encoding="utf-8", newline="") as file:
        index = CommuneIndex(
            facts(
                (
                    row["code_insee"],
                    row["nom"],
                    row["codes_postaux"],
                    f"{row['code_departement']} {row['departement']}",
                    f"{row['code_region']} {row['region']}",
                    float(row["latitude"]) if row["latitude"] else None,
                    float(row["longitude"]) if row["longitude"] else None,
                )
            )
            for row in csv.DictReader(file)
        )
    path = SHARED / "offers" / "france_travail_ardeche_cdi_thin.json"
    offers = json.loads(path.read_bytes())["resultats"]
    found = [
        index.resolve(
            offer["lieuTravail"]["libelle"], title=offer["intitule"], description=offer["description"]
        )
        for offer in offers
    ]
    share = sum(place.precision is PlacePrecision.COMMUNE for place in found) / len(found)
    assert share >= 0.98
    coded = json.loads((SHARED / "offers" / "france_travail_ardeche_100.json").read_bytes())["resultats"]
    places = [offer["lieuTravail"] for offer in coded]
    assert [index.resolve(place["libelle"]).commune_code for place in places] == [
        place["commune"] for place in places
    ]
