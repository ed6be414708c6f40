"""The English phrasebook. The candidate is spoken to; the employer reads about "this person"."""

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

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_UNITS = {"hour": "an hour", "day": "a day", "month": "a month", "year": "a year"}

_VALUES = {
    "permanent": "permanent contract",
    "fixed_term": "fixed-term contract",
    "temporary": "temporary agency work",
    "seasonal": "seasonal contract",
    "apprenticeship": "apprenticeship",
    "professionalisation": "work-study contract",
    "internship": "internship",
    "civil_service": "civil service",
    "self_employed": "self-employment",
    "other": "another kind of contract",
    "full_time": "full time",
    "part_time": "part time",
    "none": "work on site",
    "partial": "partly remote work",
    "full": "fully remote work",
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "lb": "Luxembourgish",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}


def _typeset(text: str) -> str:
    return text


def _quote(name: str) -> str:
    return f"“{name}”"


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _more(count: int) -> str:
    return "one more" if count == 1 else f"{count} more"


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _amount(amount: Decimal) -> str:
    places = 0 if amount == amount.to_integral_value() else 2
    return f"€{amount:,.{places}f}"


def _pay(low: Decimal | None, high: Decimal | None, unit: str) -> str:
    end = f"gross {_UNITS[unit]}"
    if low is None or high is None:
        start = "up to" if low is None else "from"
        amount = high if low is None else low
        return f"{start} {_amount(amount or Decimal(0))} {end}"
    if low == high:
        return f"{_amount(low)} {end}"
    return f"{_amount(low)} to {_amount(high)} {end}"


GRAMMAR = Grammar(
    quote=_quote,
    enumerate=_enumerate,
    more=_more,
    date=_date,
    pay=_pay,
    decimal_mark=".",
    typeset=_typeset,
    values=_VALUES,
)


def _skills(criterion: CriterionResult, audience: Audience, labels: Mapping[str, str]) -> str:
    data = criterion.data
    common, asked = len(data["common"]), data["asked"]
    candidate = audience == "candidate"
    has = "You have" if candidate else "This person has"
    profile = "your profile" if candidate else "the profile"
    names = named(data["common"], GRAMMAR, labels) if common else ""
    if common == 0:
        first = f"None of the skills asked for appears in {profile}."
    elif common == asked == 1:
        first = f"{has} the skill asked for: {names}."
    elif common == asked:
        first = f"{has} all {asked} skills asked for: {names}."
    elif common == 1:
        first = f"{has} one of the {asked} skills asked for: {names}."
    else:
        first = f"{has} {common} of the {asked} skills asked for: {names}."
    missing = data["missing_required"]
    if not missing:
        return first
    return f"{first} Required and absent from {profile}: {named(missing, GRAMMAR, labels)}."


_SENTENCES = {
    "occupation.same": Sentence(
        "This is the trade you want first: {offered}.",
        "This trade is the one this person wants first: {offered}.",
    ),
    "occupation.same_other_choice": Sentence(
        "This is one of the trades you want: {offered}.",
        "This trade is one of those this person wants: {offered}.",
    ),
    "occupation.near": Sentence(
        "This trade, {offered}, is close to the one you want first, {wanted}.",
        "This person wants first a trade close to this one: {wanted}.",
    ),
    "occupation.near_other_choice": Sentence(
        "This trade, {offered}, is close to one of those you want, {wanted}.",
        "This person wants, among others, a trade close to this one: {wanted}.",
    ),
    "occupation.far": Sentence(
        "People do move between the trade you want first, {wanted}, and this one, {offered}.",
        "This person wants first a trade from which people move to this one: {wanted}.",
    ),
    "occupation.far_other_choice": Sentence(
        "People do move between one of the trades you want, {wanted}, and this one, {offered}.",
        "This person wants, among others, a trade from which people move to this one: {wanted}.",
    ),
    "occupation.none": Sentence(
        "This trade, {offered}, is not one of those you want; your skills bring you close to it.",
        "This person wants another trade; their skills bring them close to this one.",
    ),
    "occupation.unknown.posting": Sentence(
        "Trade not specified in the posting; your skills bring you close to it.",
        "Trade not specified in the posting; this person's skills bring them close to it.",
    ),
    "occupation.unknown.candidate": Sentence(
        "Trade wanted: not specified in your profile; your skills bring you close to this posting.",
        "Trade wanted: not specified; this person's skills bring them close to this posting.",
    ),
    "skills.unknown.posting": both("Skills: not specified in the posting."),
    "skills.unknown.candidate": Sentence(
        "Skills: not specified in your profile.",
        "Skills: not specified by this person.",
    ),
    "contract.wanted": Sentence(
        "The contract offered ({offered}) is one of those you want.",
        "The contract offered ({offered}) is one of those this person wants.",
    ),
    "contract.not_wanted": Sentence(
        "The contract offered ({offered}) is not one of those you want.",
        "The contract offered ({offered}) is not one of those this person wants.",
    ),
    "contract.unknown.posting": both("Contract: not specified in the posting."),
    "contract.unknown.candidate": Sentence(
        "Contract wanted: not specified in your profile; the posting offers: {offered}.",
        "Contract wanted: not specified by this person.",
    ),
    "salary.covers": Sentence(
        "The pay offered, {pay}, meets your wish.",
        "The pay offered, {pay}, meets this person's wish.",
    ),
    "salary.reaches": Sentence(
        "The pay offered, {pay}, can reach your wish.",
        "The pay offered, {pay}, can reach this person's wish.",
    ),
    "salary.close": Sentence(
        "The pay offered, {pay}, is a little below your wish.",
        "The pay offered, {pay}, is a little below this person's wish.",
    ),
    "salary.below": Sentence(
        "The pay offered, {pay}, is below your wish.",
        "The pay offered, {pay}, is below this person's wish.",
    ),
    "salary.unknown.posting": both("Pay: not specified in the posting."),
    "salary.unknown.candidate": Sentence(
        "Pay wanted: not specified in your profile; the posting offers: {pay}.",
        "Pay wanted: not specified by this person.",
    ),
    "salary.unknown.hours": Sentence(
        "Number of hours not specified: the pay offered, {pay}, cannot be compared with your wish.",
        "Number of hours not specified: the pay offered, {pay}, cannot be compared with this person's wish.",
    ),
    "availability.in_time": Sentence(
        "You will be available for the planned start, on {starts_on}.",
        "This person will be available for the planned start, on {starts_on}.",
    ),
    "availability.within_month": Sentence(
        "You will be available within a month of the planned start, on {starts_on}.",
        "This person will be available within a month of the planned start, on {starts_on}.",
    ),
    "availability.within_quarter": Sentence(
        "You will be available within three months of the planned start, on {starts_on}.",
        "This person will be available within three months of the planned start, on {starts_on}.",
    ),
    "availability.later": Sentence(
        "You will be available more than three months after the planned start, on {starts_on}.",
        "This person will be available more than three months after the planned start, on {starts_on}.",
    ),
    "availability.in_time.started": Sentence(
        "The position has been open to start since {starts_on}, and you are available.",
        "The position has been open to start since {starts_on}, and this person is available.",
    ),
    "availability.within_month.started": Sentence(
        "The position has been open to start since {starts_on}; you will be available within a month.",
        "The position has been open to start since {starts_on}; this person will be available "
        "within a month.",
    ),
    "availability.within_quarter.started": Sentence(
        "The position has been open to start since {starts_on}; you will be available within three months.",
        "The position has been open to start since {starts_on}; this person will be available "
        "within three months.",
    ),
    "availability.later.started": Sentence(
        "The position has been open to start since {starts_on}; you will be available in more "
        "than three months.",
        "The position has been open to start since {starts_on}; this person will be available "
        "in more than three months.",
    ),
    "availability.unknown.posting": both("Start date: not specified in the posting."),
    "availability.unknown.candidate": Sentence(
        "Availability: not specified in your profile; the start is planned on {starts_on}.",
        "Availability: not specified by this person.",
    ),
    "working_time.same": Sentence(
        "The posting is {offered}, as you wish.",
        "The posting is {offered}, as this person wishes.",
    ),
    "working_time.different": Sentence(
        "The posting is {offered}, which is not what you wish.",
        "The posting is {offered}, which is not what this person wishes.",
    ),
    "working_time.unknown.posting": both("Working time: not specified in the posting."),
    "working_time.unknown.candidate": Sentence(
        "Working time wanted: not specified in your profile; the posting is {offered}.",
        "Working time wanted: not specified by this person.",
    ),
    "languages.all": Sentence(
        "You speak what the posting asks for: {asked}.",
        "This person speaks what the posting asks for: {asked}.",
    ),
    "languages.some": Sentence(
        "The posting asks for {asked}; you speak {common}.",
        "The posting asks for {asked}; this person speaks {common}.",
    ),
    "languages.none": Sentence(
        "The posting asks for a language absent from your profile: {asked}.",
        "The posting asks for a language absent from the profile: {asked}.",
    ),
    "languages.unknown.posting": both("Languages: not specified in the posting."),
    "languages.unknown.candidate": Sentence(
        "Languages: not specified in your profile; the posting asks for: {asked}.",
        "Languages: not specified by this person; the posting asks for: {asked}.",
    ),
    "remote.same": Sentence(
        "The posting provides what you wish: {offered}.",
        "The posting provides what this person wishes: {offered}.",
    ),
    "remote.partly": Sentence(
        "The posting provides {offered}, which is partly what you wish.",
        "The posting provides {offered}, which is partly what this person wishes.",
    ),
    "remote.different": Sentence(
        "The posting provides {offered}, which is not what you wish.",
        "The posting provides {offered}, which is not what this person wishes.",
    ),
    "remote.unknown.posting": both("Remote work: not specified in the posting."),
    "remote.unknown.candidate": Sentence(
        "Remote work wanted: not specified in your profile; the posting provides {offered}.",
        "Remote work wanted: not specified by this person.",
    ),
    "freshness.week": both("Very recent posting, published on {published_on}."),
    "freshness.month": both("Recent posting, published on {published_on}."),
    "freshness.quarter": both("Posting published more than a month ago, on {published_on}."),
    "freshness.older": both("Posting published more than three months ago, on {published_on}."),
    "freshness.unknown.posting": both("Date of publication: not specified in the posting."),
    "licences.all": Sentence(
        "You hold the licence the posting wishes for: {asked}.",
        "This person holds the licence the posting wishes for: {asked}.",
    ),
    "licences.some": Sentence(
        "The posting wishes for the licences {asked}; you hold {common}.",
        "The posting wishes for the licences {asked}; this person holds {common}.",
    ),
    "licences.none": Sentence(
        "The posting wishes for a licence absent from your profile: {asked}.",
        "The posting wishes for a licence absent from the profile: {asked}.",
    ),
    "licences.unknown.posting": both("Licence wished for: not specified in the posting."),
    "licences.unknown.candidate": Sentence(
        "Licences: not specified in your profile; the posting wishes for: {asked}.",
        "Licences: not specified by this person; the posting wishes for: {asked}.",
    ),
    "place.within_radius": Sentence("{distance_km} km from home, within the radius you chose."),
    "place.anywhere": Sentence("{distance_km} km from home; you are looking in the whole territory."),
    "place.anywhere.unmeasured": Sentence("You are looking in the whole territory."),
    "place.place_unknown.unmeasured": Sentence(
        "Place not specified in the posting: the distance is unknown; you are looking in the whole territory."
    ),
    "place.remote": Sentence("Fully remote; the employer is {distance_km} km away."),
    "place.remote.unmeasured": Sentence("Fully remote: distance does not matter."),
}

_OBSTACLES = {
    "open.closed": "This posting is no longer open.",
    "radius.too_far": (
        "This posting is {distance_km} km away, beyond the radius of {radius_km} km you chose."
    ),
    "radius.place_unknown": (
        "The place of this posting is not specified: nothing tells that it lies within the "
        "radius of {radius_km} km you chose."
    ),
    "licence.missing": "This posting requires a licence absent from your profile: {missing}.",
    "relevance.nothing_in_common": (
        "Neither the trade nor the skills of this posting bring it close enough to your profile."
    ),
}

PHRASEBOOK = Phrasebook(
    titles={
        "occupation": "Trade",
        "skills": "Skills",
        "contract": "Contract",
        "salary": "Pay",
        "availability": "Availability",
        "working_time": "Working time",
        "languages": "Languages",
        "remote": "Remote work",
        "freshness": "Freshness of the posting",
        "licences": "Licences wished for",
        "place": "Place",
    },
    sentences=_SENTENCES,
    obstacles=_OBSTACLES,
    suggested="The posting's trade was inferred from its title (confidence: {confidence}%).",
    grammar=GRAMMAR,
    skills=_skills,
)
