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
        "Vous installez et surveillez la plateforme, créez les territoires et nommez leurs responsables.",
        "You run and watch the platform, create territories and appoint their managers.",
    ),
    "does.territory_manager": (
        "Vous pilotez le territoire : sa marque, ses offres d'emploi, ses partenaires, son équipe, et les demandes des personnes sur leurs données.",
        "You run the territory: its brand, its postings, its partners, its team, and what persons ask about their data.",
    ),
    "does.concierge_agent": (
        "Vous accueillez celles et ceux qui s'installent, tenez à jour les offres d'emploi et suivez les candidatures.",
        "You welcome those who settle, keep the postings true and follow candidates.",
    ),
    "does.community_animator": (
        "Vous animez la communauté des ambassadeurs et ambassadrices du territoire.",
        "You keep the territory's community of ambassadors alive.",
    ),
    "does.employer_member": (
        "Vous publiez les offres d'emploi de votre établissement et voyez quels profils leur conviennent, sans les noms.",
        "You publish your company's postings and see which profiles suit them, without names.",
    ),
    "does.partner_member": (
        "Vous répondez, pour votre organisme, à ce que la conciergerie vous confie.",
        "You answer, for your organisation, what the concierge hands you.",
    ),
    "does.ambassador": (
        "Vous partagez ce que vous aimez ici et rencontrez celles et ceux qui arrivent.",
        "You share what you love here and meet those who arrive.",
    ),
}
