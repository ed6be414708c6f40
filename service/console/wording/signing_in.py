"""Signing in and out: (French, English)."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "sign_in.title": ("Se connecter", "Sign in"),
    "sign_in.lead": (
        "Sans mot de passe : un code vous est envoyé par courriel.",
        "No password: a code is sent to you by e-mail.",
    ),
    "sign_in.email": ("Adresse e-mail", "E-mail address"),
    "sign_in.email.hint": ("Par exemple : camille@exemple.fr", "For example: camille@example.org"),
    "sign_in.email_wrong": (
        "Cette adresse n'a pas la forme d'une adresse e-mail. Exemple : camille@exemple.fr",
        "This does not have the form of an e-mail address. Example: camille@example.org",
    ),
    "sign_in.send": ("Recevoir un code", "Send me a code"),
    "sign_in.or": ("ou", "or"),
    "sign_in.with": ("Continuer avec {name}", "Continue with {name}"),
    "sign_in.error.cancelled": (
        "La connexion a été annulée. Rien n'a été enregistré.",
        "Signing in was cancelled. Nothing was stored.",
    ),
    "sign_in.error.expired": (
        "La connexion a pris trop de temps, ou avait déjà servi. Recommencez.",
        "Signing in took too long, or was used already. Start again.",
    ),
    "sign_in.error.unavailable": (
        "Le service choisi ne répond pas. Réessayez, ou recevez un code par courriel.",
        "The service you chose does not answer. Try again, or have a code sent by e-mail.",
    ),
    "sign_in.error.refused": (
        "Le service choisi n'a pas pu garantir qui vous êtes. Recevez un code par courriel.",
        "The service you chose could not vouch for you. Have a code sent by e-mail.",
    ),
    "sign_in.error.email_needed": (
        "Le service choisi n'a pas transmis d'adresse e-mail. Recevez un code par courriel.",
        "The service you chose gave no e-mail address. Have a code sent by e-mail.",
    ),
    "sign_in.error.too_many": (
        "Trop de demandes en peu de temps. Attendez quelques minutes.",
        "Too many requests in a short time. Wait a few minutes.",
    ),
    "code.title": ("Saisissez le code reçu", "Enter the code you received"),
    "code.sent": (
        "Si l'adresse {email} est exacte, un courriel vient de partir. Il contient un code à 8 chiffres et "
        "un lien, valables 10 minutes.",
        "If the address {email} is right, a mail has just left. It holds a code of 8 digits and a link, which "
        "count for 10 minutes.",
    ),
    "code.sent_somewhere": (
        "Un courriel vient de partir. Il contient un code à 8 chiffres, valable 10 minutes.",
        "A mail has just left. It holds a code of 8 digits, which counts for 10 minutes.",
    ),
    "code.label": ("Code à 8 chiffres", "8-digit code"),
    "code.hint": ("Les espaces ne comptent pas.", "Spaces do not count."),
    "code.wrong": (
        "Ce code n'est pas le bon, ou il a expiré. Vérifiez-le, ou demandez-en un autre.",
        "This code is not the right one, or it has expired. Check it, or ask for another.",
    ),
    "code.again": (
        "Demander un autre code",
        "Ask for another code",
    ),
    "code.submit": ("Me connecter", "Sign me in"),
    "code.spam": (
        "Rien reçu ? Regardez dans les indésirables ; l'envoi peut prendre une minute.",
        "Nothing there? Look in your junk mail; sending may take a minute.",
    ),
    "link.title": ("Confirmer la connexion", "Confirm signing in"),
    "link.lead": (
        "Ce lien vous connecte sur cet appareil. Il ne sert qu'une fois.",
        "This link signs you in on this device. It works once.",
    ),
    "signed_out.title": ("Vous êtes déconnecté", "You are signed out"),
    "signed_out.lead": ("À bientôt.", "See you soon."),
    "signed_out.provider": (
        "Sur un appareil partagé, quittez aussi le service qui vous a identifié :",
        "On a shared device, leave the service that vouched for you too:",
    ),
    "signed_out.leave": ("Le quitter aussi", "Leave it too"),
}
