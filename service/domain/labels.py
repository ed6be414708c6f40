"""Words shown for codes, in the languages the platform speaks."""

from service.models.enums import ContractKind, ExperienceKind, RemoteKind, SalaryUnit, WorkingTime
from service.models.posting import OWN_SOURCE

LANGUAGES = ("fr", "en")

_LABELS: dict[str, tuple[str, str]] = {
    f"contract.{ContractKind.PERMANENT}": ("CDI", "Permanent contract"),
    f"contract.{ContractKind.FIXED_TERM}": ("CDD", "Fixed-term contract"),
    f"contract.{ContractKind.TEMPORARY}": ("Intérim", "Agency work"),
    f"contract.{ContractKind.SEASONAL}": ("Emploi saisonnier", "Seasonal work"),
    f"contract.{ContractKind.APPRENTICESHIP}": ("Apprentissage", "Apprenticeship"),
    f"contract.{ContractKind.PROFESSIONALISATION}": (
        "Contrat de professionnalisation",
        "Work-study contract",
    ),
    f"contract.{ContractKind.INTERNSHIP}": ("Stage", "Internship"),
    f"contract.{ContractKind.CIVIL_SERVICE}": ("Fonction publique", "Public service"),
    f"contract.{ContractKind.SELF_EMPLOYED}": ("Indépendant", "Self-employed"),
    f"contract.{ContractKind.OTHER}": ("Autre contrat", "Other contract"),
    f"working_time.{WorkingTime.FULL_TIME}": ("Temps plein", "Full time"),
    f"working_time.{WorkingTime.PART_TIME}": ("Temps partiel", "Part time"),
    f"salary_unit.{SalaryUnit.HOUR}": ("par heure", "an hour"),
    f"salary_unit.{SalaryUnit.DAY}": ("par jour", "a day"),
    f"salary_unit.{SalaryUnit.MONTH}": ("par mois", "a month"),
    f"salary_unit.{SalaryUnit.YEAR}": ("par an", "a year"),
    f"remote.{RemoteKind.NONE}": ("Sur place", "On site"),
    f"remote.{RemoteKind.PARTIAL}": ("Télétravail partiel", "Partly remote"),
    f"remote.{RemoteKind.FULL}": ("Télétravail complet", "Fully remote"),
    f"experience.{ExperienceKind.NONE}": ("Débutant accepté", "Beginners welcome"),
    f"experience.{ExperienceKind.WISHED}": ("Expérience souhaitée", "Experience wished"),
    f"experience.{ExperienceKind.REQUIRED}": ("Expérience exigée", "Experience required"),
    "role.operator": ("Opérateur ou opératrice de la plateforme", "Platform operator"),
    "role.territory_manager": ("Responsable du territoire", "Territory manager"),
    "role.concierge_agent": ("Agent ou agente de conciergerie", "Concierge agent"),
    "role.community_animator": ("Animateur ou animatrice de communauté", "Community animator"),
    "role.employer_member": ("Membre de l'équipe d'un employeur", "Employer's member"),
    "role.partner_member": ("Membre de l'équipe d'un partenaire", "Partner's member"),
    "role.ambassador": ("Ambassadeur ou ambassadrice", "Ambassador"),
    "role.person": ("Personne qui s'installe ou candidate", "Newcomer or candidate"),
    f"source.{OWN_SOURCE}": ("Déposée par l'employeur", "Posted by the employer"),
    "source.france-travail": ("France Travail", "France Travail"),
}


def label(group: str, code: str, language: str) -> str:
    """Return the words for ``code`` in ``language`` (French when it has no others), or the code itself."""
    words = _LABELS.get(f"{group}.{code}")
    if words is None:
        return code
    return words[LANGUAGES.index(language) if language in LANGUAGES else 0]
