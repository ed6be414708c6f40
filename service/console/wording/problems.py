"""What went wrong: by the type of the problem, else by its status: (French, English)."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "problem.title": (
        "Cela n'a pas été possible",
        "That was not possible",
    ),
    "problem": (
        "Rien n'a été enregistré. Revenez en arrière, puis recommencez.",
        "Nothing was stored. Go back, then try again.",
    ),
    "problem.home": (
        "Revenir à l'accueil",
        "Back to the home page",
    ),
    "problem.sign_in": (
        "Aller à la connexion",
        "Go to signing in",
    ),
    "problem.reference": (
        "À citer si vous nous écrivez :",
        "To quote when you write to us:",
    ),
    "problem.form-refused.title": (
        "Ce formulaire n'est plus valable",
        "This form no longer counts",
    ),
    "problem.form-refused": (
        "Il a été ouvert avant une connexion ou une déconnexion, ou il vient d'un autre site. Rouvrez la page, puis recommencez.",
        "It was opened before signing in or out, or it comes from another site. Open the page again, then retry.",
    ),
    "problem.sign-in-link-gone.title": (
        "Ce lien ne sert plus",
        "This link no longer works",
    ),
    "problem.sign-in-link-gone": (
        "Il a déjà servi, ou il a plus de 10 minutes. Demandez un nouveau code.",
        "It was used already, or is older than 10 minutes. Ask for a new code.",
    ),
    "problem.401.title": (
        "Connectez-vous d'abord",
        "Sign in first",
    ),
    "problem.401": (
        "Cette page est pour les personnes connectées.",
        "This page is for persons who signed in.",
    ),
    "problem.403.title": (
        "Ce n'est pas permis avec votre compte",
        "Your account may not do that",
    ),
    "problem.403": (
        "Cette page, ou ce qu'elle propose, s'adresse à quelqu'un d'autre. Si vous avez plusieurs adresses, connectez-vous avec la bonne.",
        "This page, or what it offers, is meant for somebody else. If you have several addresses, sign in with the right one.",
    ),
    "problem.404.title": (
        "Il n'y a rien ici",
        "Nothing here",
    ),
    "problem.404": (
        "Cette page n'existe pas, ou n'est pas pour vous. Si vous avez suivi un lien, vérifiez qu'il est entier.",
        "This page does not exist, or is not for you. If you followed a link, check that it is whole.",
    ),
    "problem.405.title": (
        "Cette page ne s'ouvre pas ainsi",
        "This page does not open that way",
    ),
    "problem.405": (
        "Revenez à la page précédente, puis utilisez son bouton.",
        "Go back to the page before, then use its button.",
    ),
    "problem.409.title": (
        "La situation a changé",
        "Things have changed",
    ),
    "problem.409": (
        "C'est déjà fait, ou quelqu'un d'autre en a décidé autrement entre-temps. Rouvrez la page pour voir où cela en est.",
        "It is done already, or somebody else decided otherwise meanwhile. Open the page again to see how things stand.",
    ),
    "problem.410.title": (
        "Ce lien ne sert plus",
        "This link no longer works",
    ),
    "problem.410": (
        "Ce qu'il proposait a été retiré, ou a expiré. Adressez-vous à la personne qui vous l'a envoyé.",
        "What it offered was taken back, or has expired. Ask whoever sent it to you.",
    ),
    "problem.413.title": (
        "C'est trop long",
        "That is too long",
    ),
    "problem.413": (
        "Ce qui a été envoyé dépasse ce qu'un formulaire peut contenir. Raccourcissez, puis recommencez.",
        "What was sent is more than a form may hold. Shorten it, then retry.",
    ),
    "problem.422.title": (
        "Cette adresse n'est pas complète",
        "This address is not whole",
    ),
    "problem.422": (
        "Quelque chose manque ou n'a pas la bonne forme dans l'adresse de la page. Reprenez le lien d'origine.",
        "Something is missing from the page's address, or has the wrong form. Follow the link you had again.",
    ),
    "problem.429.title": (
        "Trop de demandes",
        "Too many requests",
    ),
    "problem.429": (
        "Il en est venu beaucoup d'ici en peu de temps. Attendez quelques minutes, puis recommencez.",
        "Many came from here in a short time. Wait a few minutes, then retry.",
    ),
    "problem.500.title": (
        "Quelque chose s'est cassé chez nous",
        "Something broke here",
    ),
    "problem.500": (
        "C'est notre faute, pas la vôtre, et c'est noté. Recommencez dans un moment.",
        "It is our fault, not yours, and it is recorded. Try again in a while.",
    ),
    "problem.503.title": (
        "La plateforme est momentanément indisponible",
        "The platform is unavailable for a moment",
    ),
    "problem.503": (
        "Rien n'a été enregistré. Recommencez dans une minute.",
        "Nothing was stored. Try again in a minute.",
    ),
}
