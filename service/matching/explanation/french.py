"""The French phrasebook. The candidate is spoken to; the employer reads about "la personne"."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from service.matching.explanation.phrases import (
    Audience,
    Grammar,
    Phrasebook,
    Sentence,
    both,
    named,
)
from service.matching.scoring import CriterionResult

_SPACE = "\N{NO-BREAK SPACE}"
_BEFORE = re.compile(r" (?=[:;!?%€»])|(?<=«) ")

_MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)

_UNITS = {"hour": "de l'heure", "day": "par jour", "month": "par mois", "year": "par an"}

_VALUES = {
    "permanent": "CDI",
    "fixed_term": "CDD",
    "temporary": "intérim",
    "seasonal": "contrat saisonnier",
    "apprenticeship": "contrat d'apprentissage",
    "professionalisation": "contrat de professionnalisation",
    "internship": "stage",
    "civil_service": "emploi de la fonction publique",
    "self_employed": "activité indépendante",
    "other": "autre forme de contrat",
    "full_time": "temps plein",
    "part_time": "temps partiel",
    "none": "travail sur place",
    "partial": "télétravail partiel",
    "full": "télétravail complet",
    "ar": "arabe",
    "de": "allemand",
    "en": "anglais",
    "es": "espagnol",
    "fr": "français",
    "it": "italien",
    "lb": "luxembourgeois",
    "nl": "néerlandais",
    "pl": "polonais",
    "pt": "portugais",
    "ro": "roumain",
    "ru": "russe",
    "tr": "turc",
    "uk": "ukrainien",
    "zh": "chinois",
}


def _typeset(text: str) -> str:
    return _BEFORE.sub(_SPACE, text)


def _quote(name: str) -> str:
    return f"« {name} »"


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} et {names[-1]}"


def _more(count: int) -> str:
    return "une autre" if count == 1 else f"{count} autres"


def _date(day: date) -> str:
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[day.month - 1]} {day.year}"


def _amount(amount: Decimal) -> str:
    places = 0 if amount == amount.to_integral_value() else 2
    return f"{amount:,.{places}f}".replace(",", _SPACE).replace(".", ",")


def _pay(low: Decimal | None, high: Decimal | None, unit: str) -> str:
    end = f"€ brut {_UNITS[unit]}"
    if low is None or high is None:
        start = "jusqu'à" if low is None else "à partir de"
        amount = high if low is None else low
        return f"{start} {_amount(amount or Decimal(0))} {end}"
    if low == high:
        return f"{_amount(low)} {end}"
    return f"de {_amount(low)} à {_amount(high)} {end}"


GRAMMAR = Grammar(
    quote=_quote,
    enumerate=_enumerate,
    more=_more,
    date=_date,
    pay=_pay,
    decimal_mark=",",
    typeset=_typeset,
    values=_VALUES,
)


def _skills(criterion: CriterionResult, audience: Audience, labels: Mapping[str, str]) -> str:
    data = criterion.data
    common, asked = len(data["common"]), data["asked"]
    candidate = audience == "candidate"
    has = "Vous avez" if candidate else "La personne a"
    names = named(data["common"], GRAMMAR, labels) if common else ""
    if common == 0:
        first = (
            "Votre profil ne mentionne aucune des compétences demandées."
            if candidate
            else "Le profil ne mentionne aucune des compétences demandées."
        )
    elif common == asked == 1:
        first = f"{has} la compétence demandée : {names}."
    elif common == asked:
        first = f"{has} les {asked} compétences demandées : {names}."
    elif common == 1:
        first = f"{has} l'une des {asked} compétences demandées : {names}."
    else:
        first = f"{has} {common} des {asked} compétences demandées : {names}."
    missing = data["missing_required"]
    if not missing:
        return first
    profile = "de votre profil" if candidate else "du profil"
    names = named(missing, GRAMMAR, labels)
    asked_for = "Exigée" if len(missing) == 1 else "Exigées"
    absent = "absente" if len(missing) == 1 else "absentes"
    return f"{first} {asked_for} par l'offre et {absent} {profile} : {names}."


_SENTENCES = {
    "occupation.same": Sentence(
        "C'est le métier que vous recherchez en premier : {offered}.",
        "La personne recherche ce métier en premier : {offered}.",
    ),
    "occupation.same_other_choice": Sentence(
        "C'est l'un des métiers que vous recherchez : {offered}.",
        "Ce métier est l'un de ceux que la personne recherche : {offered}.",
    ),
    "occupation.near": Sentence(
        "Ce métier, {offered}, est proche de celui que vous recherchez en premier, {wanted}.",
        "La personne recherche en premier un métier proche : {wanted}.",
    ),
    "occupation.near_other_choice": Sentence(
        "Ce métier, {offered}, est proche de l'un de ceux que vous recherchez, {wanted}.",
        "La personne recherche, entre autres, un métier proche : {wanted}.",
    ),
    "occupation.far": Sentence(
        "Des passages existent entre le métier que vous recherchez en premier, {wanted}, et "
        "celui-ci, {offered}.",
        "La personne recherche en premier un métier d'où l'on peut évoluer vers celui-ci : {wanted}.",
    ),
    "occupation.far_other_choice": Sentence(
        "Des passages existent entre l'un des métiers que vous recherchez, {wanted}, et celui-ci, {offered}.",
        "La personne recherche, entre autres, un métier d'où l'on peut évoluer vers celui-ci : {wanted}.",
    ),
    "occupation.none": Sentence(
        "Ce métier, {offered}, n'est pas de ceux que vous recherchez ; ce sont vos compétences "
        "qui vous en rapprochent.",
        "La personne recherche un autre métier ; ce sont ses compétences qui la rapprochent de celui-ci.",
    ),
    "occupation.unknown.posting": Sentence(
        "Métier non précisé dans l'offre ; ce sont vos compétences qui vous en rapprochent.",
        "Métier non précisé dans l'offre ; ce sont ses compétences qui en rapprochent la personne.",
    ),
    "occupation.unknown.candidate": Sentence(
        "Métier recherché non précisé dans votre profil ; ce sont vos compétences qui vous "
        "rapprochent de cette offre.",
        "Métier recherché non précisé ; ce sont ses compétences qui rapprochent la personne de cette offre.",
    ),
    "skills.unknown.posting": both("Compétences : non précisé dans l'offre."),
    "skills.unknown.candidate": Sentence(
        "Compétences : non précisé dans votre profil.",
        "Compétences : non précisé par la personne.",
    ),
    "contract.wanted": Sentence(
        "Le contrat proposé, {offered}, est de ceux que vous souhaitez.",
        "Le contrat proposé, {offered}, est de ceux que la personne souhaite.",
    ),
    "contract.not_wanted": Sentence(
        "Le contrat proposé, {offered}, n'est pas de ceux que vous souhaitez.",
        "Le contrat proposé, {offered}, n'est pas de ceux que la personne souhaite.",
    ),
    "contract.unknown.posting": both("Contrat : non précisé dans l'offre."),
    "contract.unknown.candidate": Sentence(
        "Contrat souhaité : non précisé dans votre profil ; l'offre propose : {offered}.",
        "Contrat souhaité : non précisé par la personne.",
    ),
    "salary.covers": Sentence(
        "Le salaire proposé, {pay}, atteint votre souhait.",
        "Le salaire proposé, {pay}, atteint le souhait de la personne.",
    ),
    "salary.reaches": Sentence(
        "Le salaire proposé, {pay}, peut atteindre votre souhait.",
        "Le salaire proposé, {pay}, peut atteindre le souhait de la personne.",
    ),
    "salary.close": Sentence(
        "Le salaire proposé, {pay}, est un peu en dessous de votre souhait.",
        "Le salaire proposé, {pay}, est un peu en dessous du souhait de la personne.",
    ),
    "salary.below": Sentence(
        "Le salaire proposé, {pay}, est en dessous de votre souhait.",
        "Le salaire proposé, {pay}, est en dessous du souhait de la personne.",
    ),
    "salary.unknown.posting": both("Salaire : non précisé dans l'offre."),
    "salary.unknown.candidate": Sentence(
        "Salaire souhaité : non précisé dans votre profil ; l'offre propose : {pay}.",
        "Salaire souhaité : non précisé par la personne.",
    ),
    "salary.unknown.hours": Sentence(
        "Nombre d'heures non précisé : le salaire proposé, {pay}, ne peut pas être comparé à votre souhait.",
        "Nombre d'heures non précisé : le salaire proposé, {pay}, ne peut pas être comparé au "
        "souhait de la personne.",
    ),
    "availability.in_time": Sentence(
        "Vous serez disponible pour le début prévu, le {starts_on}.",
        "La personne sera disponible pour le début prévu, le {starts_on}.",
    ),
    "availability.within_month": Sentence(
        "Vous serez disponible dans le mois qui suit le début prévu, le {starts_on}.",
        "La personne sera disponible dans le mois qui suit le début prévu, le {starts_on}.",
    ),
    "availability.within_quarter": Sentence(
        "Vous serez disponible dans les trois mois qui suivent le début prévu, le {starts_on}.",
        "La personne sera disponible dans les trois mois qui suivent le début prévu, le {starts_on}.",
    ),
    "availability.later": Sentence(
        "Vous serez disponible plus de trois mois après le début prévu, le {starts_on}.",
        "La personne sera disponible plus de trois mois après le début prévu, le {starts_on}.",
    ),
    "availability.in_time.started": Sentence(
        "Le poste est à pourvoir depuis le {starts_on}, et vous êtes disponible.",
        "Le poste est à pourvoir depuis le {starts_on}, et la personne est disponible.",
    ),
    "availability.within_month.started": Sentence(
        "Le poste est à pourvoir depuis le {starts_on} ; vous serez disponible dans le mois.",
        "Le poste est à pourvoir depuis le {starts_on} ; la personne sera disponible dans le mois.",
    ),
    "availability.within_quarter.started": Sentence(
        "Le poste est à pourvoir depuis le {starts_on} ; vous serez disponible dans les trois mois.",
        "Le poste est à pourvoir depuis le {starts_on} ; la personne sera disponible dans les trois mois.",
    ),
    "availability.later.started": Sentence(
        "Le poste est à pourvoir depuis le {starts_on} ; vous serez disponible dans plus de trois mois.",
        "Le poste est à pourvoir depuis le {starts_on} ; la personne sera disponible dans plus "
        "de trois mois.",
    ),
    "availability.unknown.posting": both("Date de début : non précisé dans l'offre."),
    "availability.unknown.candidate": Sentence(
        "Disponibilité : non précisé dans votre profil ; le début est prévu le {starts_on}.",
        "Disponibilité : non précisé par la personne.",
    ),
    "working_time.same": Sentence(
        "L'offre est à {offered}, comme vous le souhaitez.",
        "L'offre est à {offered}, comme la personne le souhaite.",
    ),
    "working_time.different": Sentence(
        "L'offre est à {offered}, ce qui n'est pas votre souhait.",
        "L'offre est à {offered}, ce qui n'est pas le souhait de la personne.",
    ),
    "working_time.unknown.posting": both("Temps de travail : non précisé dans l'offre."),
    "working_time.unknown.candidate": Sentence(
        "Temps de travail souhaité : non précisé dans votre profil ; l'offre est à {offered}.",
        "Temps de travail souhaité : non précisé par la personne.",
    ),
    "languages.all": Sentence(
        "Vous parlez ce que l'offre demande : {asked}.",
        "La personne parle ce que l'offre demande : {asked}.",
    ),
    "languages.some": Sentence(
        "L'offre demande {asked} ; vous parlez {common}.",
        "L'offre demande {asked} ; la personne parle {common}.",
    ),
    "languages.none": Sentence(
        "L'offre demande une langue absente de votre profil : {asked}.",
        "L'offre demande une langue absente du profil : {asked}.",
    ),
    "languages.unknown.posting": both("Langues : non précisé dans l'offre."),
    "languages.unknown.candidate": Sentence(
        "Langues : non précisé dans votre profil ; l'offre demande : {asked}.",
        "Langues : non précisé par la personne ; l'offre demande : {asked}.",
    ),
    "remote.same": Sentence(
        "L'offre prévoit ce que vous souhaitez : {offered}.",
        "L'offre prévoit ce que la personne souhaite : {offered}.",
    ),
    "remote.partly": Sentence(
        "L'offre prévoit : {offered} ; c'est en partie ce que vous souhaitez.",
        "L'offre prévoit : {offered} ; c'est en partie ce que la personne souhaite.",
    ),
    "remote.different": Sentence(
        "L'offre prévoit : {offered} ; ce n'est pas ce que vous souhaitez.",
        "L'offre prévoit : {offered} ; ce n'est pas ce que la personne souhaite.",
    ),
    "remote.unknown.posting": both("Télétravail : non précisé dans l'offre."),
    "remote.unknown.candidate": Sentence(
        "Télétravail souhaité : non précisé dans votre profil ; l'offre prévoit : {offered}.",
        "Télétravail souhaité : non précisé par la personne.",
    ),
    "freshness.week": both("Offre toute récente, publiée le {published_on}."),
    "freshness.month": both("Offre récente, publiée le {published_on}."),
    "freshness.quarter": both("Offre publiée il y a plus d'un mois, le {published_on}."),
    "freshness.older": both("Offre publiée il y a plus de trois mois, le {published_on}."),
    "freshness.unknown.posting": both("Date de publication : non précisé dans l'offre."),
    "licences.all": Sentence(
        "Vous avez le permis souhaité par l'offre : {asked}.",
        "La personne a le permis souhaité par l'offre : {asked}.",
    ),
    "licences.some": Sentence(
        "L'offre souhaite les permis {asked} ; vous avez : {common}.",
        "L'offre souhaite les permis {asked} ; la personne a : {common}.",
    ),
    "licences.none": Sentence(
        "L'offre souhaite un permis absent de votre profil : {asked}.",
        "L'offre souhaite un permis absent du profil : {asked}.",
    ),
    "licences.unknown.posting": both("Permis souhaité : non précisé dans l'offre."),
    "licences.unknown.candidate": Sentence(
        "Permis : non précisé dans votre profil ; l'offre souhaite : {asked}.",
        "Permis : non précisé par la personne ; l'offre souhaite : {asked}.",
    ),
    "place.within_radius": Sentence("À {distance_km} km de chez vous, dans le rayon que vous avez choisi."),
    "place.anywhere": Sentence("À {distance_km} km de chez vous ; vous cherchez dans tout le territoire."),
    "place.anywhere.unmeasured": Sentence("Vous cherchez dans tout le territoire."),
    "place.place_unknown.unmeasured": Sentence(
        "Lieu non précisé dans l'offre : la distance est inconnue ; vous cherchez dans tout le territoire."
    ),
    "place.remote": Sentence("Entièrement en télétravail ; l'employeur est à {distance_km} km."),
    "place.remote.unmeasured": Sentence("Entièrement en télétravail : la distance ne compte pas."),
}

_OBSTACLES = {
    "open.closed": "Cette offre n'est plus ouverte.",
    "radius.too_far": (
        "Cette offre est à {distance_km} km, au-delà du rayon de {radius_km} km que vous avez choisi."
    ),
    "radius.place_unknown": (
        "Le lieu de cette offre n'est pas précisé : rien ne permet d'assurer qu'il est dans le "
        "rayon de {radius_km} km que vous avez choisi."
    ),
    "licence.missing": "Cette offre exige un permis absent de votre profil : {missing}.",
    "relevance.nothing_in_common": (
        "Ni le métier ni les compétences de cette offre ne la rapprochent assez de votre profil."
    ),
}

PHRASEBOOK = Phrasebook(
    titles={
        "occupation": "Métier",
        "skills": "Compétences",
        "contract": "Contrat",
        "salary": "Salaire",
        "availability": "Disponibilité",
        "working_time": "Temps de travail",
        "languages": "Langues",
        "remote": "Télétravail",
        "freshness": "Fraîcheur de l'offre",
        "licences": "Permis souhaités",
        "place": "Lieu",
    },
    sentences=_SENTENCES,
    obstacles=_OBSTACLES,
    suggested="Le métier de l'offre est déduit de son intitulé (confiance : {confidence} %).",
    grammar=GRAMMAR,
    skills=_skills,
)
