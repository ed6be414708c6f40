"""The demo territory: fictional people and companies among real communes and ROME trades."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from service.models.enums import ContractKind, ExperienceKind, TerritoryKind as Kind

TERRITORIES: Final[list[dict[str, Any]]] = [
    {
        "slug": "auvergne-rhone-alpes",
        "name": "Auvergne-Rhône-Alpes",
        "kind": Kind.REGION,
        "parent": None,
        "coverage": {"regions": ["84"]},
        "brand": {"name": "Auvergne-Rhône-Alpes (démonstration)", "languages": ["fr", "en"]},
    },
    {
        "slug": "pays-des-sources",
        "name": "Pays des Sources",
        "kind": Kind.EPCI,
        "parent": "auvergne-rhone-alpes",
        "coverage": {"epcis": ["200073245"]},
        "brand": {
            "name": "Prenez racine au Pays des Sources",
            "promise": "Un travail, un toit, des voisins : on vous accueille avant même votre arrivée.",
            "values": ["Simplicité", "Entraide", "Grand air"],
            "colours": {"primary": "#0b6e6e", "accent": "#f2a541"},
            "logo_url": "https://pays-des-sources.example.org/logo.svg",
            "languages": ["fr", "en"],
            "contacts": [
                {
                    "label": "La conciergerie",
                    "email": "bonjour@pays-des-sources.example.org",
                    "phone": "04 00 00 00 00",
                    "url": "https://pays-des-sources.example.org/conciergerie",
                }
            ],
        },
    },
    {
        "slug": "vals-les-bains",
        "name": "Vals-les-Bains",
        "kind": Kind.COMMUNE,
        "parent": "pays-des-sources",
        "coverage": {"communes": ["07331"]},
        "brand": {"name": "Vals-les-Bains, vivez pétillant", "languages": ["fr"]},
    },
]
SHOWN: Final = "pays-des-sources"


@dataclass(frozen=True, slots=True)
class DemoEmployer:
    """A fictional employer: who it is, where, what it offers newcomers, and in which trades it recruits."""

    siret: str
    name: str
    naf_code: str
    commune_code: str
    territory: str
    description: str
    welcome: str
    trades: tuple[str, ...]


EMPLOYERS: Final[tuple[DemoEmployer, ...]] = (
    DemoEmployer(
        "99900001100018",
        "Le Fournil des Trois Ponts",
        "10.71C",
        "07019",
        SHOWN,
        "Boulangerie-pâtisserie artisanale, farines locales et levain naturel.",
        "Un studio au-dessus du fournil peut être loué les trois premiers mois.",
        ("D1102",),
    ),
    DemoEmployer(
        "99900002900010",
        "Résidence Les Tilleuls Bleus",
        "87.10A",
        "07231",
        SHOWN,
        "Établissement public d'hébergement pour personnes âgées, 84 résidents.",
        "Crèche inter-entreprises à deux pas, planning connu six semaines à l'avance.",
        ("J1501", "J1506", "G1602"),
    ),
    DemoEmployer(
        "99900003700013",
        "Centre de soins de la Besorgue",
        "86.10Z",
        "07331",
        "vals-les-bains",
        "Centre de soins et de réadaptation ouvert sur la ville.",
        "Aide à la recherche de logement et tutorat pendant deux mois.",
        ("J1506", "J1501"),
    ),
    DemoEmployer(
        "99900004500016",
        "Auberge du Pont Suspendu",
        "56.10A",
        "07331",
        "vals-les-bains",
        "Restaurant et dix chambres au bord de la rivière, ouverts toute l'année.",
        "Logement de fonction possible, deux jours de repos consécutifs.",
        ("G1602", "G1803"),
    ),
    DemoEmployer(
        "99900005200012",
        "Maçonnerie Coste et Filles",
        "43.99C",
        "07138",
        SHOWN,
        "Rénovation du bâti ancien, pierre sèche et chaux.",
        "Véhicule de chantier fourni, embauche au dépôt.",
        ("F1703",),
    ),
    DemoEmployer(
        "99900006000015",
        "Énergies du Bassin",
        "43.22A",
        "07019",
        SHOWN,
        "Plomberie, chauffage, électricité et photovoltaïque chez les particuliers.",
        "Formation payée aux pompes à chaleur, partenaire logement.",
        ("F1603", "F1602"),
    ),
    DemoEmployer(
        "99900007800017",
        "Transports Vernède",
        "49.41A",
        "07116",
        SHOWN,
        "Transport régional et national, trente-cinq véhicules récents.",
        "Retour au domicile chaque soir sur les lignes régionales.",
        ("N4101", "I1604"),
    ),
    DemoEmployer(
        "99900008600010",
        "Garage de la Plaine",
        "45.20A",
        "07122",
        SHOWN,
        "Garage indépendant multimarque, utilitaires et véhicules électriques.",
        "Semaine de quatre jours à l'essai, outillage complet fourni.",
        ("I1604",),
    ),
    DemoEmployer(
        "99900009400014",
        "Ateliers Métal Ucel",
        "25.11Z",
        "07325",
        SHOWN,
        "Charpentes métalliques, garde-corps et mobilier urbain.",
        "Prime d'installation et covoiturage d'entreprise.",
        ("H2913",),
    ),
    DemoEmployer(
        "99900010200015",
        "À Vos Côtés, services à domicile",
        "88.10A",
        "07019",
        SHOWN,
        "Association d'aide et d'accompagnement à domicile, 120 salariés.",
        "Secteurs de cinq kilomètres, voiture de service partagée.",
        ("K1302",),
    ),
)


@dataclass(frozen=True, slots=True)
class Trade:
    """How postings of one trade read: titles, texts, pay (gross euros a month), hours, licence, experience."""

    titles: tuple[str, ...]
    texts: tuple[str, ...]
    pay: tuple[int, int]
    hours: tuple[str, ...]
    postings: int
    licence: str | None = None
    experience: ExperienceKind = ExperienceKind.NONE


TRADES: Final[dict[str, Trade]] = {
    "D1102": Trade(
        ("Boulanger / Boulangère", "Boulanger tourier / Boulangère tourière", "Second de fournil (H/F)"),
        (
            "Vous pétrissez, façonnez et cuisez une gamme courte de pains au levain et de viennoiseries. "
            "La fabrication commence à quatre heures, la journée finit à onze.",
            "Au sein d'une équipe de trois, vous prenez en charge le tourage et la cuisson, tenez le poste "
            "propre et partagez vos recettes avec l'apprenti.",
        ),
        (1950, 2300),
        ("35H Travail du matin", "39H Travail du matin, fermé dimanche et lundi"),
        6,
    ),
    "J1501": Trade(
        ("Aide-soignant / Aide-soignante", "Aide-soignant de nuit / Aide-soignante de nuit"),
        (
            "Vous accompagnez les résidents dans les gestes de la vie quotidienne, veillez à leur confort et "
            "transmettez vos observations à l'équipe soignante.",
            "En binôme, vous assurez toilettes, repas et mobilisation, en prenant le temps d'écouter. "
            "Les transmissions se font chaque jour, à l'oral et par écrit.",
        ),
        (1900, 2250),
        ("35H Horaires variables, un week-end sur trois", "35H Travail de nuit, deux nuits sur quatre"),
        9,
    ),
    "J1506": Trade(
        ("Infirmier / Infirmière en soins généraux", "Infirmier / Infirmière en EHPAD"),
        (
            "Vous évaluez l'état de santé des patients, préparez et réalisez les soins prescrits, et coordonnez "
            "votre travail avec le médecin et les aides-soignants.",
            "Référent d'une unité de vingt-deux personnes, vous suivez les projets de soins et accueillez "
            "les familles. Débutants accompagnés pendant deux mois.",
        ),
        (2350, 2950),
        ("35H Horaires variables", "37H30 avec jours de repos compensateurs"),
        8,
    ),
    "G1602": Trade(
        ("Commis / Commise de cuisine", "Cuisinier / Cuisinière", "Commis de cuisine en collectivité (H/F)"),
        (
            "Vous préparez entrées et garnitures à partir de produits frais des fermes voisines, dressez et "
            "tenez votre poste selon les règles d'hygiène.",
            "Vous secondez la cheffe pour quatre-vingts couverts le midi : épluchage, cuissons, "
            "régimes particuliers, plonge partagée.",
        ),
        (1870, 2150),
        ("35H Coupures", "35H Service continu du matin, week-ends libres"),
        7,
    ),
    "G1803": Trade(
        ("Serveur / Serveuse en restauration", "Chef / Cheffe de rang"),
        (
            "Vous accueillez les convives, prenez les commandes, servez en terrasse et en salle, et encaissez. "
            "Cinquante couverts, une carte qui change chaque semaine.",
            "Vous tenez un rang de vingt-cinq couverts, conseillez les vins de la vallée et veillez au rythme "
            "du service avec la cuisine.",
        ),
        (1850, 2100),
        ("39H Deux jours de repos consécutifs", "35H Service du soir"),
        7,
    ),
    "F1703": Trade(
        ("Maçon / Maçonne", "Maçon / Maçonne du bâti ancien", "Maçon finisseur / Maçonne finisseuse"),
        (
            "Vous montez des murs, coulez des dalles et reprenez des façades en pierre à la chaux, sur des "
            "chantiers à moins de trente minutes du dépôt.",
            "Vous lisez les plans, implantez l'ouvrage et encadrez un manœuvre. Rénovation de fermes et "
            "d'écoles, peu de neuf.",
        ),
        (2050, 2600),
        ("39H Travail en journée", "35H sur quatre jours et demi"),
        6,
        "B",
        ExperienceKind.WISHED,
    ),
    "F1603": Trade(
        ("Plombier / Plombière sanitaire", "Plombier-chauffagiste / Plombière-chauffagiste"),
        (
            "Vous posez et raccordez sanitaires et réseaux, diagnostiquez les pannes et expliquez votre travail "
            "au client.",
            "Vous installez pompes à chaleur et planchers chauffants, réglez, mettez en service et assurez "
            "l'entretien annuel.",
        ),
        (2100, 2750),
        ("39H Travail en journée, astreinte une semaine sur six", "35H Travail en journée"),
        6,
        "B",
        ExperienceKind.WISHED,
    ),
    "F1602": Trade(
        (
            "Électricien / Électricienne du bâtiment",
            "Électricien photovoltaïque / Électricienne photovoltaïque",
        ),
        (
            "Vous tirez les câbles, posez tableaux et appareillages et vérifiez la conformité avant la mise "
            "sous tension.",
            "Vous équipez toitures et ombrières en panneaux solaires, en équipe de deux, avec un camion équipé.",
        ),
        (2050, 2600),
        ("39H Travail en journée", "35H Travail en journée"),
        6,
        "B",
    ),
    "N4101": Trade(
        ("Conducteur / Conductrice de poids lourd", "Conducteur régional SPL (H/F)"),
        (
            "Vous livrez des matériaux dans le département avec un porteur à grue, vérifiez le chargement et "
            "tenez les documents de bord.",
            "Vous assurez des lignes régionales en semi-remorque, départ et retour au dépôt chaque jour.",
        ),
        (2200, 2700),
        ("43H Départ à cinq heures", "39H Travail en journée"),
        7,
        "C",
        ExperienceKind.WISHED,
    ),
    "I1604": Trade(
        ("Mécanicien / Mécanicienne automobile", "Mécanicien poids lourd / Mécanicienne poids lourd"),
        (
            "Vous entretenez et réparez voitures et utilitaires : révision, freinage, distribution, "
            "diagnostic à la valise.",
            "Vous suivez une flotte récente, anticipez les pannes et préparez les contrôles techniques.",
        ),
        (2000, 2550),
        ("39H Travail en journée", "35H sur quatre jours"),
        6,
        "B",
    ),
    "H2913": Trade(
        ("Soudeur / Soudeuse", "Soudeur TIG / Soudeuse TIG", "Soudeur-monteur / Soudeuse-monteuse"),
        (
            "Vous préparez, pointez et soudez acier et inox d'après plan, contrôlez vos cordons et ébavurez.",
            "Vous assemblez en atelier puis montez sur site des garde-corps et des passerelles, en équipe de trois.",
        ),
        (2050, 2650),
        ("35H Travail en journée", "37H vendredi après-midi libre"),
        5,
        None,
        ExperienceKind.REQUIRED,
    ),
    "K1302": Trade(
        ("Auxiliaire de vie", "Aide à domicile (H/F)", "Assistant / Assistante de vie dépendance"),
        (
            "Vous aidez des personnes âgées ou handicapées à se lever, se laver, cuisiner et sortir, sur un "
            "secteur resserré.",
            "Vous intervenez matin et soir chez quatre personnes que vous connaissez bien, avec une "
            "responsable joignable à toute heure.",
        ),
        (1830, 2050),
        ("30H Temps partiel choisi", "35H Matin et soir, un week-end sur trois"),
        7,
        "B",
    ),
}

CONTRACTS: Final[tuple[tuple[ContractKind, Decimal | None], ...]] = (
    (ContractKind.PERMANENT, None),
    (ContractKind.PERMANENT, None),
    (ContractKind.FIXED_TERM, Decimal(6)),
    (ContractKind.PERMANENT, None),
    (ContractKind.SEASONAL, Decimal(5)),
    (ContractKind.APPRENTICESHIP, Decimal(24)),
)
PLACES: Final = ("07019", "07331", "07231", "07116", "07122", "07138", "07325", "07339", "07289", "07343")
CANDIDATES: Final = 40
