"""One's own account, devices and data: (French, English)."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "home.title": ("Bonjour {name}", "Hello {name}"),
    "home.nobody": ("Bonjour", "Hello"),
    "home.roles": ("Ce que vous pouvez faire ici", "What you may do here"),
    "home.no_roles": (
        "Vous n'avez pas encore de rôle : vous pouvez gérer votre compte et vos données. Une invitation par "
        "courriel ouvre le reste.",
        "You have no role yet: you may manage your account and your data. An invitation by mail opens the rest.",
    ),
    "home.growing": (
        "Les pages de ces rôles arrivent ici peu à peu ; ce qu'ils permettent se fait déjà par l'API.",
        "Pages for these roles arrive here bit by bit; what they allow can be done through the API already.",
    ),
    "home.documentation": (
        "Lire sa documentation",
        "Read its documentation",
    ),
    "home.own": (
        "Votre compte",
        "Your account",
    ),
    "home.account": (
        "Votre nom, votre langue, vos rôles.",
        "Your name, your language, your roles.",
    ),
    "home.sessions": (
        "Où vous êtes connecté ; fermez ce que vous ne reconnaissez pas.",
        "Where you are signed in; end what you do not recognise.",
    ),
    "home.privacy": (
        "Vos accords, la copie de vos données, leur effacement.",
        "What you agreed to, a copy of your data, their erasure.",
    ),
    "account.title": ("Mon compte", "My account"),
    "account.email": ("Adresse e-mail", "E-mail address"),
    "account.given_name": ("Prénom", "Given name"),
    "account.family_name": ("Nom", "Family name"),
    "account.language": (
        "Langue des courriels",
        "Language of mails",
    ),
    "account.language.hint": (
        "Les courriels existent en français et en anglais ; d'ici que la vôtre arrive, ils sont en français.",
        "Mails exist in French and English; until yours arrives, they are in French.",
    ),
    "account.guardian_email": (
        "Adresse e-mail d'un parent",
        "A parent's e-mail address",
    ),
    "account.guardian_email.hint": (
        "Avant 15 ans, un parent confirme chaque accord. Nous ne lui écrivons que pour cela.",
        "Under 15, a parent confirms what you agree to. We write to them for that alone.",
    ),
    "account.save": ("Enregistrer", "Save"),
    "account.saved": ("C'est enregistré.", "Saved."),
    "account.wrong.given_name": (
        "Un prénom a au plus 100 caractères, sans saut de ligne.",
        "A given name has at most 100 characters, without line breaks.",
    ),
    "account.wrong.family_name": (
        "Un nom a au plus 100 caractères, sans saut de ligne.",
        "A family name has at most 100 characters, without line breaks.",
    ),
    "account.wrong.language": (
        "Choisissez une langue de la liste.",
        "Choose a language of the list.",
    ),
    "account.wrong.guardian_email": (
        "Donnez l'adresse d'un parent, qui n'est pas la vôtre. Exemple : parent@exemple.fr",
        "Give a parent's address, which is not your own. Example: parent@example.org",
    ),
    "account.roles": ("Mes rôles", "My roles"),
    "account.no_roles": ("Aucun rôle pour le moment.", "No role at the moment."),
    "account.since": ("depuis le {day}", "since {day}"),
    "account.until": ("jusqu'au {day}", "until {day}"),
    "sessions.title": ("Mes appareils", "My devices"),
    "sessions.lead": (
        "Chaque ligne est un appareil ou un navigateur connecté en votre nom.",
        "Each line is a device or browser signed in as you.",
    ),
    "sessions.where": (
        "réseau",
        "network",
    ),
    "sessions.last": (
        "dernier usage : {moment}",
        "last used {moment}",
    ),
    "sessions.current": ("cet appareil", "this device"),
    "sessions.unknown": ("Appareil inconnu", "Unknown device"),
    "sessions.end": ("Fermer", "End"),
    "sessions.end_one": (
        ": {device}, dernier usage {moment}",
        ": {device}, last used {moment}",
    ),
    "sessions.others": ("Fermer toutes les autres", "End all others"),
    "privacy.title": ("Mes données", "My data"),
    "privacy.consents": ("Mes accords", "What I agreed to"),
    "privacy.given": ("Accord donné le {day}.", "Agreed on {day}."),
    "privacy.waiting": (
        "Accord donné le {day} ; un parent doit encore confirmer.",
        "Agreed on {day}; a parent has yet to confirm.",
    ),
    "privacy.there": (
        "(territoire : {territory})",
        "(territory: {territory})",
    ),
    "privacy.not_given": ("Pas d'accord donné.", "Not agreed to."),
    "privacy.give": ("Je suis d'accord", "I agree"),
    "privacy.withdraw": ("Retirer mon accord", "Withdraw"),
    "privacy.guardian_needed": (
        "Avant 15 ans, un parent confirme cet accord : indiquez d'abord son adresse dans votre compte.",
        "Under 15, a parent confirms this: first give their address in your account.",
    ),
    "privacy.outdated": (
        "Ce texte a changé depuis que la page est ouverte. Lisez le nouveau, puis donnez votre accord si vous le voulez.",
        "This text changed since the page was opened. Read the new one, then agree if you wish.",
    ),
    "privacy.others": ("Ce qui ne demande pas d'accord", "What takes no agreement"),
    "privacy.copy": ("Une copie de mes données", "A copy of my data"),
    "privacy.copy.lead": (
        "Tout ce que la plateforme garde sur vous, à lire ou à emporter.",
        "Everything the platform keeps about you, to read or to take along.",
    ),
    "privacy.copy.html": ("Lire la copie", "Read the copy"),
    "privacy.copy.json": ("Télécharger (JSON)", "Download (JSON)"),
    "erase.title": ("Effacer mon compte", "Erase my account"),
    "erase.lead": (
        "Tout ce qui vous concerne est effacé aussitôt, sans retour possible. Par sécurité, il faut vous être "
        "connecté dans les 15 dernières minutes.",
        "Everything about you is erased at once; there is no way back. For safety, you must have signed in within "
        "the last 15 minutes.",
    ),
    "erase.confirm": (
        "Pour confirmer, saisissez votre adresse : {email}",
        "To confirm, type your address: {email}",
    ),
    "erase.button": ("Effacer définitivement", "Erase for good"),
    "erase.mismatch": (
        "L'adresse saisie n'est pas la vôtre : rien n'a été effacé.",
        "The address you typed is not yours: nothing was erased.",
    ),
    "erase.sign_in_again": (
        "Votre connexion date de plus de 15 minutes : rien n'a été effacé. Reconnectez-vous, puis recommencez.",
        "You signed in more than 15 minutes ago: nothing was erased. Sign in again, then retry.",
    ),
    "erased.title": ("Vos données sont effacées", "Your data are erased"),
    "erased.lead": (
        "Un dernier courriel vous le confirme. Vos sessions sont fermées partout.",
        "A last mail confirms it. Your sessions have ended everywhere.",
    ),
}
