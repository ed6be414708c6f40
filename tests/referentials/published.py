"""The demo's facts as their publishers would send them: same files, columns, encodings and habits."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from service.schemas.referential_files import CommuneRelease, RomeRelease, TensionFiles

_REGIONS = {"country": "France Entière", "region": "Auvergne-Rhône-Alpes"}
_SCOPES = {"country": "nat", "region": "reg", "departement": "dep"}


def _write(path: Path, header: str, rows: Iterable[Sequence[object]], separator: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow(header.split(separator))
        writer.writerows(rows)


def publish_rome(folder: Path, release: RomeRelease) -> None:
    """Write ``release`` as France Travail's open data, version 60."""

    def write(name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
        _write(folder / f"unix_{name}_v460_utf8.csv", header, rows)

    labels = {row.code: row.label for row in release.occupations}
    items = {row.code: str(number) for number, row in enumerate(release.occupations, 6)}
    write(
        "referentiel_code_rome",
        "code_rome,code_fiche_metier,code_ogr,libelle_rome,transition_eco,transition_num,transition_demo,"
        "emploi_reglemente,emploi_cadre,code_rome_parent",
        [
            (row.code, items[row.code], items[row.code], row.label, "", "", "", "", "", row.parent_code)
            for row in release.occupations
        ],
    )
    write(
        "cr_gd_dp",
        "code_rome,libelle_rome,code_grand_domaine,libelle_grand_domaine,code_domaine_professionel,"
        "libelle_domaine_professionel",
        [
            (
                row.code,
                row.label,
                row.major_domain_code,
                row.major_domain_label,
                row.domain_code,
                row.domain_label,
            )
            for row in release.occupations
            if row.domain_code
        ],
    )
    write("texte", "code_rome,code_compo_bloc,libelle_type_texte,position_phrase,libelle_texte", [])
    write(
        "referentiel_appellation",
        "code_ogr,libelle_appellation_long,libelle_appellation_court,code_rome,transition_eco,transition_num,"
        "transition_demo,emploi_reglemente,emploi_cadre,classification,origine,code_rome_parent,peu_usite",
        [
            (
                *(row.code, row.label, row.short_label, row.occupation_code),
                *([""] * 5),
                *("SYNONYME", "", row.occupation_code, "O" if row.rarely_used else "N"),
            )
            for row in release.titles
        ],
    )
    write(
        "referentiel_competence",
        "code_ogr,nature,libelle_competence,definition,code_ogr_macro_comp,code_macro_comp,cat_comp,"
        "sous_cat_comp,transition_eco,transition_num,libelle_heterogeneite,libelle_origine",
        [
            (row.code, "Compétence", row.label, *[""] * 9)
            for row in release.skills
            if row.kind == "competence"
        ],
    )
    write(
        "referentiel_savoir",
        "code_ogr_savoir,libelle_savoir,categorie_savoir,sous_categorie_savoir,transition_eco,transition_num",
        [(row.code, row.label, *[""] * 4) for row in release.skills if row.kind == "knowledge"],
    )
    write(
        "liens_rome_referentiels",
        "code_rome,code_compo_bloc,code_rubrique,code_ogr",
        [
            *((row.code, "1", "", items[row.code]) for row in release.occupations),
            *((row.occupation_code, "2", "", row.code) for row in release.titles),
            *((row.occupation_code, "5", "1", row.skill_code) for row in release.occupation_skills),
        ],
    )
    write(
        "coherence_item",
        "code_rome,code_ogr,coeur_metier",
        [
            (row.occupation_code, row.skill_code, (row.importance or "").capitalize())
            for row in release.occupation_skills
        ],
    )
    write("rubrique_mobilite", "code_rome,code_rome_cible,numero_ordre", release.mobilities)
    write(
        "secteur_naf",
        "code_tech_secteur_naf,code_secteur_naf,libelle_secteur_naf",
        # The publisher writes 1 for 01.
        [(number, int(row.code), row.label) for number, row in enumerate(release.sectors, 1)],
    )
    sectors = {row.code: row.label for row in release.sectors}
    write(
        "arborescence_secteur_naf",
        "code_secteur_naf,libelle_secteur_naf,code_ogr_rome,code_rome,libelle_rome",
        [
            (int(code), sectors[code], items[occupation], occupation, labels[occupation])
            for occupation, code in release.occupation_sectors
        ],
    )
    (folder / "version.txt").write_text("Numéro de version : 60\n", encoding="utf-8")


def publish_communes(path: Path, release: CommuneRelease) -> None:
    """Write ``release`` as a CSV with one row per INSEE code."""
    _write(
        path,
        "code_insee,nom,codes_postaux,population,code_departement,departement,code_region,region,siren_epci,"
        "epci,code_zone_emploi_2020,zone_emploi_2020,code_bassin_emploi,bassin_emploi,latitude,longitude",
        [(row.code, row.name, "|".join(row.postal_codes), *row[3:]) for row in release.communes],
    )


def publish_tension(folder: Path, told: TensionFiles) -> None:
    """Write what is told as Dares and the ministry do; a level that is not told is an empty cell."""
    assert told.families is not None
    levels, listed = told.releases
    known = {(row.family_code, row.area_kind): row for row in levels.rows}
    areas = {row.area_kind: row for row in levels.rows}
    labels = {row.code: row.label for row in told.families.labels}
    _write(
        folder / f"dares_tensions_{levels.year}_fap_nat_reg_dep.csv",
        "fap,Emploi moyen,Tension ,Catégorie Tension,Année,niveau_geo,niveau_fap,reg,dep",
        [
            (
                family,
                "",
                "",
                f"{known[family, kind].level}.0" if (family, kind) in known else "",
                levels.year,
                _SCOPES[kind],
                "fap 225",
                area.area_code if kind == "region" else "",
                area.area_code if kind == "departement" else "",
            )
            for kind, area in areas.items()
            for family in labels
        ],
    )
    _write(
        folder / f"metiers_en_tension_mars_{listed.year}.csv",
        "Region,Famille Professionnelle,Code FAP",
        [(_REGIONS[row.area_kind], labels[row.family_code], row.family_code) for row in listed.rows],
    )
    _write(
        folder / "fap225_rome.csv",
        "Fap;Rome;intitule_rome",
        [(row.family_code, row.rome_code, row.rome_code) for row in told.families.crosswalk],
        separator=";",
    )
    formats = "".join(f'"{code}" = "{code} : {label}"\r\n' for code, label in labels.items())
    (folder / "intitule_fap2009.txt").write_text(f"value $FAP9_5L\r\n{formats};\r\n", encoding="cp1252")
    alone, by_qualification = [], []
    for row in told.families.crosswalk:
        digits = row.qualifications or []
        if len(digits) == len("0123456789"):
            alone.append(f'"{row.rome_code}" = "{row.family_code}"')
        else:
            keys = ",".join(f'"{row.rome_code}{digit}"' for digit in digits)
            by_qualification.append(f'{keys} = "{row.family_code}"')
    (folder / "passage_fap2009_romev3.txt").write_text(
        "\r\n".join(
            ["proc format ;", "value $FAP9RSQ", *alone, ";", "value $FAP9RAQ", *by_qualification, ";"]
        ),
        encoding="cp1252",
    )
