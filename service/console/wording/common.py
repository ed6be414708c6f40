"""What every page says, and what roles are for: (French, English)."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "site": ("Ancrage", "Ancrage"),
    "skip": ("Aller au contenu", "Skip to content"),
    "nav": ("Navigation principale", "Main navigation"),
    "nav.home": ("Accueil", "Home"),
    "nav.account": ("Mon compte", "My account"),
    "nav.sessions": ("Mes appareils", "My devices"),
    "nav.privacy": ("Mes données", "My data"),
    "nav.sign_in": ("Se connecter", "Sign in"),
    "sign_out": ("Se déconnecter", "Sign out"),
    "language": ("Langue", "Language"),
    "footer": (
        "Plateforme libre de l'hospitalité des territoires. Aucun traceur.",
        "The open platform for territorial hospitality. No tracker.",
    ),
    "error.summary": ("Il y a quelque chose à corriger", "Something needs correcting"),
    "error.prefix": (
        "Erreur :",
        "Error:",
    ),
    "does.operator": (
        "Vous pouvez tout, partout : créer les territoires, nommer leurs responsables, veiller sur l'ensemble.",
        "You may do everything, everywhere: create territories, appoint their managers, watch over the whole.",
    ),
    "does.territory_manager": (
        "Vous tenez la marque du territoire, ses employeurs, ses offres d'emploi, ses partenaires et son équipe, et répondez aux demandes sur les données personnelles.",
        "You look after the territory's brand, employers, postings, partners and team, and answer requests about personal data.",
    ),
    "does.concierge_agent": (
        "Vous suivez les profils des candidats et ce qui leur convient, et consultez les offres d'emploi, les employeurs et les partenaires du territoire.",
        "You follow candidates' profiles and what suits them, and consult the territory's postings, employers and partners.",
    ),
    "does.community_animator": (
        "Vous consultez le territoire et ses partenaires, pour animer sa communauté.",
        "You consult the territory and its partners, to keep its community alive.",
    ),
    "does.employer_member": (
        "Vous publiez les offres d'emploi de votre établissement, voyez quels profils leur conviennent, sans les noms, et invitez vos collègues.",
        "You publish your company's postings, see which profiles suit them, without names, and invite colleagues.",
    ),
    "does.partner_member": (
        "Vous tenez à jour la fiche de votre organisme et invitez vos collègues.",
        "You keep your organisation's details up to date and invite colleagues.",
    ),
    "does.ambassador": (
        "Vous êtes de ceux et celles qui font aimer ce lieu.",
        "You are one of those who make others love this place.",
    ),
}
