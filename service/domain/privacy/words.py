"""What tables, columns and kinds of data are called, for the persons they are about: French and English."""

from collections.abc import Mapping
from typing import Final

from service.domain.labels import LANGUAGES
from service.domain.privacy.traces import By

Pair = tuple[str, str]

TABLES: Final[Mapping[str, Pair]] = {
    "audit_entry": ("Ce que vous avez fait", "What you did"),
    "candidate_profile": ("Vos souhaits de travail", "Your wishes about work"),
    "consent": ("Vos accords", "What you agreed to"),
    "employer": ("Employeurs dont vous êtes le contact", "Employers whose contact you are"),
    "idempotency_record": ("Réponses gardées 24 heures", "Answers kept for 24 hours"),
    "identity": ("Vos comptes chez des fournisseurs d'identité", "Your accounts at identity providers"),
    "import_report": ("Comptes rendus d'imports", "Reports of imports"),
    "invitation": ("Vos invitations", "Your invitations"),
    "mail": ("Courriels envoyés", "Mails sent"),
    "match": ("Offres comparées à vos souhaits", "Postings compared with your wishes"),
    "partner": ("Partenaires dont vous êtes le contact", "Partners whose contact you are"),
    "person": ("Vous", "You"),
    "person_session": ("Où vous êtes connecté", "Where you are signed in"),
    "posting": ("Offres d'emploi dont vous êtes le contact", "Postings whose contact you are"),
    "posting_change": ("Historique d'offres d'emploi", "History of postings"),
    "posting_document": ("Offres d'emploi telles que le public les lit", "Postings as the public reads them"),
    "privacy_request": ("Vos demandes sur vos données", "Your requests about your data"),
    "role_grant": ("Vos rôles", "Your roles"),
    "sign_in": ("Vos connexions des dernières 24 heures", "Your sign-ins of the last 24 hours"),
    "task": ("Travaux en cours", "Work under way"),
    "territory": ("Territoires dont vous êtes le contact", "Territories whose contact you are"),
}

KNOWN_BY: Final[Mapping[str, Pair]] = {
    By.SELF: ("C'est votre fiche.", "This is your own entry."),
    By.PERSON: ("Lié à votre compte.", "Tied to your account."),
    By.ADDRESS: ("Votre adresse électronique y figure.", "Your e-mail address stands there."),
    By.ACTOR: ("Vous l'avez fait.", "You did it."),
    By.OBJECT: ("Un site ou la plateforme l'a fait pour vous.", "A website or the platform did it for you."),
    By.MENTION: (
        "Le texte contient votre adresse électronique ; en voici l'extrait.",
        "The text holds your e-mail address; this is the passage.",
    ),
    By.PART: ("Fait partie de ce qui précède.", "Part of what stands above."),
}

CATEGORIES: Final[Mapping[str, Pair]] = {
    "activity": ("Utilisation de la plateforme", "Use of the platform"),
    "answer": ("Réponses aux requêtes répétées", "Answers to repeated requests"),
    "consent": ("Consentements", "Consents"),
    "contact": ("Coordonnées", "Contact details"),
    "identifier": ("Identifiants", "Identifiers"),
    "identity": ("Identité", "Identity"),
    "network": ("Réseau et appareil", "Network and device"),
    "place": ("Lieu", "Place"),
    "preference": ("Préférences", "Preferences"),
    "request": ("Demandes sur les données", "Requests about data"),
    "role": ("Rôles", "Roles"),
    "text": ("Textes qui peuvent citer quelqu'un", "Texts that may mention somebody"),
    "work": ("Travail recherché", "Work wished for"),
}

COLUMNS: Final[Mapping[str, Pair]] = {
    "accepted_at": ("Acceptée le", "Accepted"),
    "acr": ("Niveau de garantie", "Level of assurance"),
    "action": ("Action", "Action"),
    "active": ("Actif", "Active"),
    "answer": ("Réponse", "Answer"),
    "answered_at": ("Répondue le", "Answered"),
    "apply_contact": ("Contact pour postuler", "Contact to apply"),
    "apply_email": ("Adresse pour postuler", "Address to apply"),
    "apply_phone": ("Téléphone pour postuler", "Telephone to apply"),
    "at": ("Le", "At"),
    "available_from": ("Disponible à partir du", "Available from"),
    "birth_date": ("Date de naissance", "Birth date"),
    "body": ("Contenu", "Content"),
    "bounced_at": ("Revenu le", "Came back"),
    "changes": ("Modifications", "Changes"),
    "channel": ("Donné par", "Given through"),
    "circumstances": ("D'où et pourquoi", "From where and why"),
    "client": ("Site ou programme", "Website or program"),
    "closed_at": ("Fermée le", "Closed"),
    "commune_code": ("Commune (code INSEE)", "Commune (INSEE code)"),
    "contact_email": ("Adresse du contact", "Contact's address"),
    "contact_name": ("Nom du contact", "Contact's name"),
    "contact_phone": ("Téléphone du contact", "Contact's telephone"),
    "contacts": ("Contacts", "Contacts"),
    "contract_kinds": ("Contrats souhaités", "Contracts wished"),
    "created_at": ("Créé le", "Made"),
    "description": ("Description", "Description"),
    "document": ("Texte publié", "Published text"),
    "dormancy_warned_at": ("Averti d'inactivité le", "Warned of dormancy"),
    "due_at": ("Réponse due le", "Answer due"),
    "email": ("Adresse électronique", "E-mail address"),
    "email_bounced_at": ("Courriel revenu le", "Mail came back"),
    "employer": ("Employeur", "Employer"),
    "expires_at": ("Expire le", "Expires"),
    "explanation": ("Explication", "Explanation"),
    "facts": ("Dit par le fournisseur d'identité", "Told by the identity provider"),
    "family_name": ("Nom", "Family name"),
    "feed": ("Flux", "Feed"),
    "given_at": ("Donné le", "Given"),
    "given_name": ("Prénom", "Given name"),
    "guardian_confirmed_at": ("Confirmé par le parent le", "Confirmed by the parent"),
    "guardian_email": ("Adresse du parent", "Parent's address"),
    "id_token": ("Jeton du fournisseur d'identité", "Identity provider's token"),
    "issuer": ("Émetteur", "Issuer"),
    "kind": ("Nature", "Kind"),
    "language": ("Langue", "Language"),
    "languages": ("Langues", "Languages"),
    "last_contact_at": ("Dernier contact", "Last contact"),
    "last_error": ("Dernière erreur", "Last error"),
    "last_seen_at": ("Vu pour la dernière fois", "Last seen"),
    "last_used_at": ("Dernière utilisation", "Last use"),
    "licences": ("Permis", "Licences"),
    "linked_data": ("Données publiées", "Published data"),
    "message": ("Message", "Message"),
    "name": ("Nom", "Name"),
    "needs_guardian": ("Accord d'un parent nécessaire", "A parent must agree"),
    "network": ("Réseau", "Network"),
    "object_id": ("Identifiant de l'objet", "Object's id"),
    "object_kind": ("Objet", "Object"),
    "occupation_codes": ("Métiers (codes ROME)", "Trades (ROME codes)"),
    "origin": ("Origine", "Origin"),
    "partner": ("Partenaire", "Partner"),
    "posting": ("Offre d'emploi", "Posting"),
    "problems": ("Problèmes", "Problems"),
    "provider": ("Fournisseur d'identité", "Identity provider"),
    "published_at": ("Publiée le", "Published"),
    "purpose": ("Finalité", "Purpose"),
    "radius_km": ("Rayon (km)", "Radius (km)"),
    "received_at": ("Reçue le", "Received"),
    "reference": ("Référence", "Reference"),
    "remote": ("Télétravail", "Remote work"),
    "revoked_at": ("Retiré le", "Revoked"),
    "revoked_because": ("Retiré parce que", "Revoked because"),
    "role": ("Rôle", "Role"),
    "role_expires_at": ("Rôle jusqu'au", "Role until"),
    "salary_unit": ("Unité du salaire", "Unit of pay"),
    "salary_wish": ("Salaire souhaité", "Pay wished"),
    "score": ("Score (sur 10 000)", "Score (of 10,000)"),
    "sent_at": ("Envoyé le", "Sent"),
    "skill_codes": ("Compétences (codes ROME)", "Skills (ROME codes)"),
    "source_data": ("Compléments de la source", "More from the source"),
    "started_at": ("Commencé le", "Started"),
    "state": ("État", "State"),
    "subject": ("Identifiant chez le fournisseur", "Identifier at the provider"),
    "template": ("Modèle", "Template"),
    "territory": ("Territoire", "Territory"),
    "text_version": ("Version du texte", "Version of the text"),
    "title": ("Intitulé", "Title"),
    "to_address": ("Envoyé à", "Sent to"),
    "updated_at": ("Modifié le", "Changed"),
    "used_at": ("Utilisé le", "Used"),
    "user_agent": ("Navigateur", "Browser"),
    "withdrawn_at": ("Retiré le", "Withdrawn"),
    "withdrawn_channel": ("Retiré par", "Withdrawn through"),
    "working_time": ("Temps de travail", "Working time"),
}

ABOUT: Final[Pair] = (
    (
        "Voici tout ce que la plateforme garde de vous, table par table. Les secrets (jetons, empreintes) sont nommés "
        "sans être montrés. Vous pouvez faire corriger ou effacer ces données, et retirer vos accords, depuis votre "
        "compte ; vous pouvez adresser une réclamation à la CNIL (www.cnil.fr)."
    ),
    (
        "This is everything the platform keeps about you, table by table. Secrets (tokens, digests) are named without "
        "being shown. You can have these data corrected or erased, and withdraw what you agreed to, from your account; "
        "you can lodge a complaint with the CNIL (www.cnil.fr)."
    ),
)


REGISTER: Final[Mapping[str, Pair]] = {
    "register": ("Registre des activités de traitement", "Register of processing activities"),
    "basis": ("Base légale", "Legal basis"),
    "text": ("Information donnée", "Information given"),
    "version": ("version", "version"),
    "subjects": ("Personnes concernées", "Persons concerned"),
    "recipients": ("Destinataires", "Recipients"),
    "data": ("Données", "Data"),
    "retention": ("Durées", "Retention"),
    "security": ("Sécurité", "Security"),
    "transfers": ("Transferts hors de l'Union européenne", "Transfers outside the European Union"),
    "none": ("aucun par la plateforme", "none by the platform"),
    "nothing": ("aucune donnée personnelle", "no personal data"),
    "measures": (
        (
            "Cloisonnement par territoire dans les requêtes et dans PostgreSQL (row-level security) ; secrets et jetons "
            "gardés sous forme d'empreintes ; journal d'audit chaîné ; consultation des données d'autrui tracée ; "
            "chiffrement du transport ; effacements rejoués après une restauration."
        ),
        (
            "Tenants kept apart in queries and in PostgreSQL (row-level security); secrets and tokens kept as digests; "
            "hash-chained audit trail; reading others' data is traced; encryption in transit; erasures replayed after a "
            "restore."
        ),
    ),
    "controller": (
        (
            "Responsable du traitement : la collectivité de chaque territoire. À compléter par elle : nom et "
            "coordonnées du responsable et de son délégué à la protection des données, sous-traitants (hébergement, "
            "envoi de courriels)."
        ),
        (
            "Controller: each territory's public body. To be completed by it: name and contact of the controller and "
            "of its data protection officer, processors (hosting, sending of mail)."
        ),
    ),
}


def say(pairs: Mapping[str, Pair], key: str, language: str) -> str:
    """Return the words for ``key``, or the key itself when there are none yet."""
    return pairs[key][LANGUAGES.index(language)] if key in pairs else key
