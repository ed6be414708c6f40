"""What personal data serve, on one page: why, by what right, in which words people consent to it.

A text that changes gets a new version at the end of its list; consents name the version that was shown. Old
versions stay: they are what was agreed to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Words = Mapping[str, str]
"""By language: ``fr`` and ``en``."""


class Basis(StrEnum):
    """What makes the processing lawful (GDPR art. 6)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTEREST = "legitimate_interest"


BASES: Final[Mapping[Basis, Words]] = {
    Basis.CONSENT: {"fr": "Consentement (art. 6.1.a)", "en": "Consent (art. 6.1.a)"},
    Basis.CONTRACT: {
        "fr": "Exécution du service demandé (art. 6.1.b)",
        "en": "Performance of the service asked for (art. 6.1.b)",
    },
    Basis.LEGAL_OBLIGATION: {"fr": "Obligation légale (art. 6.1.c)", "en": "Legal obligation (art. 6.1.c)"},
    Basis.PUBLIC_TASK: {
        "fr": "Mission d'intérêt public (art. 6.1.e)",
        "en": "Task in the public interest (art. 6.1.e)",
    },
    Basis.LEGITIMATE_INTEREST: {
        "fr": "Intérêt légitime (art. 6.1.f)",
        "en": "Legitimate interest (art. 6.1.f)",
    },
}


@dataclass(frozen=True, slots=True)
class Text:
    """What is shown to whom it concerns, in one version."""

    version: str
    words: Words


@dataclass(frozen=True, slots=True)
class Purpose:
    """Something personal data serve.

    ``title`` names it; ``texts`` tell the person, the last one counts. ``subjects`` are the persons
    concerned, ``recipients`` who receives the data, ``tables`` where they are kept: a table, or one of
    its columns (``person.given_name``). ``rules`` name those of
    ``retention.RULES`` that end it; ``kept`` says in words how long, where no clock decides alone.
    """

    name: str
    basis: Basis
    title: Words
    texts: tuple[Text, ...]
    subjects: Words
    recipients: Words
    tables: tuple[str, ...]
    rules: tuple[str, ...] = ()
    kept: Words | None = None

    @property
    def asks_consent(self) -> bool:
        """Tell whether it takes the person's yes."""
        return self.basis is Basis.CONSENT

    @property
    def text(self) -> Text:
        """Return the text that is shown today."""
        return self.texts[-1]


MATCHING: Final = "matching"

_CONSENTED: Final[tuple[Purpose, ...]] = (
    Purpose(
        name=MATCHING,
        basis=Basis.CONSENT,
        title={"fr": "Vous proposer des offres d'emploi", "en": "Suggesting job postings to you"},
        texts=(
            Text(
                "1",
                {
                    "fr": "J'accepte que les souhaits de travail que j'indique (métiers, compétences, contrats, "
                    "disponibilité, et la distance que je choisis) soient comparés aux offres d'emploi du "
                    "territoire, pour me proposer celles qui me conviennent. Les employeurs voient qu'un profil "
                    "convient et pourquoi, jamais qui je suis ni où j'habite. Aucune décision n'est prise "
                    "automatiquement. Je peux retirer cet accord à tout moment : mon profil et toutes les "
                    "suggestions sont alors effacés.",
                    "en": "I agree that the wishes I state about work (trades, skills, contracts, availability, and "
                    "the distance I choose) are compared with the territory's postings, so that those that suit me "
                    "are suggested to me. Employers see that a profile suits and why, never who I am nor where I "
                    "live. No decision is taken automatically. I can withdraw this agreement at any time: my "
                    "profile and all suggestions are then erased.",
                },
            ),
        ),
        subjects={"fr": "Candidats et candidates", "en": "Candidates"},
        recipients={
            "fr": "Les agents du territoire ; les employeurs, sans nom ni lieu",
            "en": "The territory's agents; employers, without name or place",
        },
        tables=("candidate_profile", "match"),
        rules=("candidates",),
    ),
    Purpose(
        name="public_profile",
        basis=Basis.CONSENT,
        title={"fr": "Montrer votre profil d'ambassadeur", "en": "Showing your ambassador's profile"},
        texts=(
            Text(
                "1",
                {
                    "fr": "J'accepte que mon prénom et ce que j'écris de moi comme ambassadeur ou ambassadrice "
                    "soient visibles sur le site du territoire. Je peux retirer cet accord à tout moment : mon "
                    "profil n'est alors plus montré.",
                    "en": "I agree that my given name and what I write about myself as an ambassador are shown on "
                    "the territory's website. I can withdraw this agreement at any time: my profile is then no "
                    "longer shown.",
                },
            ),
        ),
        subjects={"fr": "Ambassadeurs et ambassadrices", "en": "Ambassadors"},
        recipients={"fr": "Le public", "en": "The public"},
        tables=("person.given_name",),
        rules=("dormant accounts",),
    ),
    Purpose(
        name="community_mail",
        basis=Basis.CONSENT,
        title={"fr": "Vous écrire des nouvelles de la communauté", "en": "Writing you news of the community"},
        texts=(
            Text(
                "1",
                {
                    "fr": "J'accepte de recevoir par courriel les nouvelles, les rendez-vous et les missions de la "
                    "communauté. Chaque message dit comment ne plus en recevoir.",
                    "en": "I agree to receive the community's news, meetings and missions by e-mail. Every message "
                    "says how to stop them.",
                },
            ),
        ),
        subjects={"fr": "Membres de la communauté", "en": "Members of the community"},
        recipients={"fr": "Les animateurs du territoire", "en": "The territory's animators"},
        tables=("person.email", "person.language", "mail"),
        rules=("dormant accounts", "mail addresses"),
    ),
    Purpose(
        name="buddy_contact",
        basis=Basis.CONSENT,
        title={"fr": "Vous mettre en relation avec un parrain", "en": "Putting you in touch with a buddy"},
        texts=(
            Text(
                "1",
                {
                    "fr": "J'accepte que mon prénom, ma langue et mon adresse électronique soient donnés à la seule "
                    "personne avec laquelle je suis mis en relation, une fois que nous avons tous les deux dit oui. "
                    "Je peux retirer cet accord à tout moment.",
                    "en": "I agree that my given name, my language and my e-mail address are given to the one person "
                    "I am paired with, once we have both said yes. I can withdraw this agreement at any time.",
                },
            ),
        ),
        subjects={
            "fr": "Nouveaux arrivants, ambassadeurs et ambassadrices",
            "en": "Newcomers and ambassadors",
        },
        recipients={
            "fr": "La personne mise en relation ; les agents",
            "en": "The person paired with; the agents",
        },
        tables=("person.given_name", "person.language", "person.email"),
        rules=("dormant accounts",),
    ),
)

_OTHERS: Final[tuple[Purpose, ...]] = (
    Purpose(
        name="account",
        basis=Basis.CONTRACT,
        title={"fr": "Votre compte et vos rôles", "en": "Your account and your roles"},
        texts=(
            Text(
                "1",
                {
                    "fr": "Votre adresse électronique vous permet de vous connecter sans mot de passe. Nous gardons "
                    "votre nom, votre langue, vos rôles, vos connexions en cours et les courriels envoyés, pour "
                    "vous rendre le service que vous demandez.",
                    "en": "Your e-mail address lets you sign in without a password. We keep your name, your "
                    "language, your roles, where you are signed in and the mails sent, to give you the service you "
                    "ask for.",
                },
            ),
        ),
        subjects={
            "fr": "Toute personne qui se connecte ou est invitée ; le parent d'une personne de moins de 15 ans",
            "en": "Whoever signs in or is invited; the parent of a person under 15",
        },
        recipients={
            "fr": "Les gestionnaires des lieux où un rôle est tenu ; le fournisseur d'identité choisi",
            "en": "Managers of the places where a role is held; the identity provider chosen",
        },
        tables=("person", "identity", "role_grant", "invitation", "sign_in", "person_session", "mail"),
        rules=(
            "dormant accounts",
            "grown up",
            "invitations",
            "sign-ins",
            "sessions",
            "sessions of the erased",
            "mail addresses",
            "answers",
        ),
        kept={
            "fr": "Un compte avec un rôle professionnel reste tant que le rôle est tenu.",
            "en": "An account with a professional role stays as long as the role is held.",
        },
    ),
    Purpose(
        name="postings",
        basis=Basis.PUBLIC_TASK,
        title={
            "fr": "Rendre visibles les offres d'emploi et joindre les employeurs et partenaires",
            "en": "Making postings visible and reaching employers and partners",
        },
        texts=(
            Text(
                "1",
                {
                    "fr": "Le contact donné dans une offre sert à postuler, et à rien d'autre. Le contact d'un "
                    "employeur ou d'un partenaire sert aux agents du territoire à le joindre ; il n'est pas public.",
                    "en": "The contact given in a posting serves to apply, and nothing else. The contact of an "
                    "employer or partner lets the territory's agents reach them; it is not public.",
                },
            ),
        ),
        subjects={
            "fr": "Contacts des employeurs, des partenaires, des offres et des territoires",
            "en": "Contacts of employers, partners, postings and territories",
        },
        recipients={
            "fr": "Le public, pour postuler ; les agents, pour le reste",
            "en": "The public, to apply; the agents, for the rest",
        },
        tables=(
            "employer",
            "partner",
            "posting",
            "posting_document",
            "posting_change",
            "territory",
            "import_report",
        ),
        rules=("posting contacts",),
        kept={
            "fr": "Le contact d'un employeur ou d'un partenaire reste tant que l'organisation est suivie.",
            "en": "An employer's or partner's contact stays as long as the organisation is looked after.",
        },
    ),
    Purpose(
        name="security",
        basis=Basis.LEGITIMATE_INTEREST,
        title={"fr": "La sécurité et la preuve", "en": "Security and proof"},
        texts=(
            Text(
                "1",
                {
                    "fr": "Chaque modification, et chaque consultation de données de quelqu'un d'autre, laisse une "
                    "trace : qui, quoi, quand, d'où et pourquoi. Elle protège vos données.",
                    "en": "Every change, and every reading of somebody else's data, leaves a trace: who, what, "
                    "when, from where and why. It protects your data.",
                },
            ),
        ),
        subjects={"fr": "Toute personne qui agit sur la plateforme", "en": "Whoever acts on the platform"},
        recipients={
            "fr": "Les gestionnaires du territoire et les opérateurs",
            "en": "The territory's managers and the operators",
        },
        tables=("audit_entry", "idempotency_record", "person_session", "sign_in", "task"),
        rules=("audit circumstances", "answers", "sign-ins", "sessions", "finished tasks", "erasures"),
        kept={
            "fr": "Le journal lui-même, sans l'adresse réseau ni le motif, reste : c'est une chaîne.",
            "en": "The trail itself, without network and reason, stays: it is a chain.",
        },
    ),
    Purpose(
        name="rights",
        basis=Basis.LEGAL_OBLIGATION,
        title={"fr": "Vos droits sur vos données", "en": "Your rights over your data"},
        texts=(
            Text(
                "1",
                {
                    "fr": "Nous gardons la preuve de vos accords et de vos demandes, et de la réponse faite dans le "
                    "mois.",
                    "en": "We keep the proof of what you agreed to, of what you asked, and of the answer given "
                    "within a month.",
                },
            ),
        ),
        subjects={
            "fr": "Toute personne qui consent ou fait une demande",
            "en": "Whoever consents or makes a request",
        },
        recipients={"fr": "Les gestionnaires du territoire", "en": "The territory's managers"},
        tables=("consent", "privacy_request"),
        rules=("withdrawn consents", "unconfirmed consents", "privacy requests", "erasures"),
    ),
    Purpose(
        name="statistics",
        basis=Basis.PUBLIC_TASK,
        title={"fr": "Compter, sans nommer", "en": "Counting, without naming"},
        texts=(
            Text(
                "1",
                {
                    "fr": "Les tableaux de bord comptent des personnes et des offres, sans données nominatives : "
                    "ils restent quand un compte est effacé.",
                    "en": "Dashboards count persons and postings, without personal data: they stay when an account "
                    "is erased.",
                },
            ),
        ),
        subjects={"fr": "Personne en particulier", "en": "Nobody in particular"},
        recipients={"fr": "Les élus et les partenaires", "en": "Elected officials and partners"},
        tables=(),
        kept={
            "fr": "Sans limite : rien n'y est personnel.",
            "en": "Without limit: nothing in it is personal.",
        },
    ),
)

PURPOSES: Final[Mapping[str, Purpose]] = {purpose.name: purpose for purpose in (*_CONSENTED, *_OTHERS)}
CONSENTED: Final[tuple[str, ...]] = tuple(purpose.name for purpose in _CONSENTED)
"""The purposes that take a person's yes, by name."""
