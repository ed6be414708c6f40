"""Invitations, a parent's word, and mails at home: (French, English)."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "invitation.title": ("Une invitation pour vous", "An invitation for you"),
    "invitation.by": ("{name} vous propose ce rôle :", "{name} offers you this role:"),
    "invitation.by_nobody": ("On vous propose ce rôle :", "You are offered this role:"),
    "invitation.until": ("À accepter avant le {moment}.", "To be accepted before {moment}."),
    "invitation.accept": ("Accepter", "Accept"),
    "invitation.role_until": (
        "Ce rôle dure jusqu'au {day}.",
        "This role lasts until {day}.",
    ),
    "invitation.accepted": (
        "Cette invitation a déjà été acceptée.",
        "This invitation was accepted already.",
    ),
    "invitation.revoked": (
        "Cette invitation a été retirée. Adressez-vous à la personne qui vous a invité.",
        "This invitation was taken back. Ask whoever invited you.",
    ),
    "invitation.expired": (
        "Cette invitation a expiré. Demandez à la personne qui vous a invité de la renvoyer.",
        "This invitation has expired. Ask whoever invited you to send it again.",
    ),
    "invitation.switch": (
        "Se connecter avec l'autre adresse",
        "Sign in with the other address",
    ),
    "invitation.sign_in": ("Se connecter pour accepter", "Sign in to accept"),
    "invitation.as": (
        "Elle est pour {email} : connectez-vous avec cette adresse.",
        "It is for {email}: sign in with that address.",
    ),
    "invitation.other": (
        "Vous êtes à présent {email}.",
        "At the moment you are {email}.",
    ),
    "guardian.title": ("Votre accord de parent", "Your consent as a parent"),
    "guardian.lead": (
        "{child} a moins de 15 ans et souhaite que la plateforme fasse ceci :",
        "{child} is under 15 and would like the platform to do this:",
    ),
    "guardian.child": ("Votre enfant", "Your child"),
    "guardian.confirm": ("Je suis d'accord", "I agree"),
    "guardian.decline": ("Je ne suis pas d'accord", "I do not agree"),
    "guardian.later": (
        "Vous pourrez retirer votre accord à tout moment avec ce même lien.",
        "You may withdraw your consent at any time with this same link.",
    ),
    "guardian.confirmed": (
        "Votre accord est enregistré depuis le {day}.",
        "Your consent is kept since {day}.",
    ),
    "guardian.declined": (
        "Il n'y a plus d'accord depuis le {day}. Rien n'est fait de ce qui suit.",
        "There is no consent since {day}. Nothing of what follows is done.",
    ),
    "guardian.withdraw": (
        "Retirer mon accord",
        "Withdraw my consent",
    ),
    "guardian.again": (
        "Votre enfant peut refaire la demande ; vous recevrez alors un nouveau courriel.",
        "Your child may ask again; a new mail will then reach you.",
    ),
    "mails.title": ("Courriels de développement", "Development mail"),
    "mails.lead": (
        "Aucun serveur de courriel n'est configuré (SMTP_URL) : les courriels sont gardés dans un dossier local.",
        "No mail server is configured (SMTP_URL): mails are kept in a local folder.",
    ),
    "mails.none": ("Aucun courriel pour le moment.", "No mail yet."),
    "mails.no_subject": (
        "(sans objet)",
        "(no subject)",
    ),
    "mails.to": ("Pour", "To"),
    "mails.from": ("De", "From"),
    "mails.at": ("Envoyé", "Sent"),
    "mails.text": ("Texte", "Text"),
    "mails.html": ("Version HTML", "HTML version"),
    "mails.back": ("Tous les courriels", "All mails"),
}
