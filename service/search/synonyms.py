"""Words that the trades use for one another: abbreviations, slang, other names of the same work.

Gender is not here: ``words.stem`` brings "serveuse" to "serveur", and the few pairs of ROME's titles that
no rule of endings brings together ("Manager / Manageuse") stand in ``words`` too. What ROME calls one
occupation is indexed with each posting (``PostingFacts.occupation_titles``). This list holds what ROME does
not say.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from service.search.words import words

# What is typed (one word or two, noise left out) and, after the arrow, what says the same: each of the
# alternatives by all its words together. It answers less than what was typed.
_WRITTEN: Final = """
    accompagnant élève → aesh ; vie scolaire
    ad → aide domicile
    admin → administrateur
    advf → assistant vie famille ; assistant vie ; auxiliaire vie
    aes → accompagnant éducatif social
    aesh → accompagnant élève handicap ; auxiliaire vie scolaire ; vie scolaire
    agent entretien → agent propreté ; agent nettoyage ; entretien locaux
    agent fabrication → agent production ; opérateur fabrication
    agent hospitalier → ash
    agent nettoyage → agent propreté ; agent entretien ; entretien locaux
    agent production → opérateur production ; agent fabrication
    agent propreté → agent nettoyage ; entretien locaux
    agent sécurité → vigile
    aide domicile → auxiliaire vie ; assistant vie ; aide ménager
    aide ménager → employé ménage ; femme ménage ; agent ménage
    aide soignant → asde ; asd
    alternance → alternant ; apprentissage ; apprenti
    alternant → alternance ; apprentissage ; apprenti
    amp → aide médico psychologique
    apprenti → apprentissage ; alternance ; alternant
    apprentissage → apprenti ; alternance ; alternant
    as → aide soignant
    asd → aide soignant
    asde → aide soignant
    ash → agent service hospitalier ; agent hôtelier hospitalier
    assistant maternel → garde enfant
    assistant vie → auxiliaire vie
    asv → auxiliaire vétérinaire ; assistant vétérinaire
    atsem → école maternelle
    auxiliaire vie → assistant vie ; aide domicile
    avs → auxiliaire vie sociale
    baby sitter → garde enfant
    baby sitting → garde enfant
    babysitter → garde enfant
    babysitting → garde enfant
    back → backend
    bdd → base données
    bi → business intelligence ; décisionnel
    boucher → boucherie
    btp → bâtiment ; travaux publics
    bus → autobus ; autocar
    business intelligence → bi ; décisionnel
    caces → cariste
    caissier → hôte caisse
    car → autocar
    cariste → caces
    carrossier → carrosserie
    cesf → conseiller économie sociale familiale
    charcutier → charcuterie
    chaudronnier → chaudronnerie
    chauffeur → conducteur poids lourd ; conducteur spl ; conducteur autocar
    chef rayon → responsable rayon ; manager rayon
    clim → climatisation ; cvc ; frigoriste
    climatisation → cvc
    cn → commande numérique
    coiffeur → coiffure
    commande numérique → cn
    compta → comptable ; comptabilité
    conseiller vente → vendeur
    coordinateur → coordonnateur
    coordonnateur → coordinateur
    crèche → puériculture ; jeune enfant
    cuisiner → cuisinier
    cuisinier → cuisine
    cvc → chauffage ventilation climatisation ; climatisation
    cyber → cybersécurité
    cyber sécurité → cybersécurité
    cybersécurité → cyber ; ssi
    daf → directeur administratif financier ; responsable administratif financier
    dba → administrateur base données ; base données
    dev → développeur ; développement ; developer
    developer → développeur
    développeur → developer ; développement
    devops → sre ; site reliability
    directeur magasin → responsable magasin
    docteur → médecin
    dotnet → net
    drh → directeur ressources humaines
    eje → éducateur jeune enfant
    elec → électricien
    els → employé libre service
    employé commercial → employé libre service ; employé rayon
    employé libre → employé rayon ; employé commercial
    employé ménage → aide ménager ; femme ménage
    employé polyvalent → équipier polyvalent
    employé rayon → employé libre service ; employé commercial
    esthéticien → esthétique
    équipier polyvalent → employé polyvalent
    équipier → employé polyvalent ; agent restauration rapide
    fast food → restauration rapide
    femme ménage → employé ménage ; aide ménager ; agent entretien
    fibre → ftth
    fibre optique → ftth
    freelance → indépendant ; libéral
    frigoriste → froid ; climatisation
    front → frontend
    ftth → fibre optique
    garde enfant → nounou ; nourrice
    helpdesk → support informatique
    homme ménage → employé ménage ; aide ménager
    hse → hygiène sécurité environnement ; qhse ; qse
    ia → intelligence artificielle
    ibode → infirmier bloc opératoire
    ide → infirmier
    idec → infirmier coordinateur
    infirmier → ide
    intelligence artificielle → ia
    intérim → intérimaire
    intérimaire → intérim
    ipa → infirmier pratique avancée
    javascript → js
    js → javascript
    kine → kinésithérapeute
    livreur → livraison
    logiciel → software
    machine learning → ml
    maçon → maçonnerie
    manip → manipulateur
    manutentionnaire → manutention ; magasinier ; cariste
    mécano → mécanicien
    menuisier → menuiserie
    ml → machine learning
    nettoyage → propreté
    nounou → garde enfant
    nourrice → garde enfant
    opérateur fabrication → agent fabrication ; opérateur production
    opérateur production → agent production ; opérateur fabrication
    ophtalmo → ophtalmologue
    orthophoniste → logopède
    petit enfance → jeune enfant ; puériculture ; crèche
    pl → poids lourd ; camion
    plombier → plomberie
    plongeur → plonge
    po → product owner
    poids lourd → pl ; spl ; camion
    poissonnier → poissonnerie ; marée
    prof → professeur ; enseignant ; formateur
    professeur → enseignant ; formateur
    psy → psychologue ; psychiatre
    qhse → qse ; hse ; hygiène sécurité environnement ; qualité sécurité environnement
    qse → qhse ; qualité sécurité environnement ; hygiène sécurité environnement
    responsable magasin → directeur magasin
    rh → ressources humaines ; recrutement
    routier → poids lourd ; chauffeur pl ; spl
    rrh → responsable ressources humaines
    saisonnier → saison
    sav → après vente
    secrétaire → secrétariat
    serveur → chef rang
    software → logiciel
    soudeur → soudage
    spl → super poids lourd ; poids lourd
    sre → devops ; site reliability
    ssi → cybersécurité ; sécurité informatique
    standardiste → standard téléphonique ; accueil téléphonique
    toiletteur → toilettage ; animalerie ; animal
    super poids → spl ; poids lourd
    technicien fibre → raccordement fibre ; ftth ; monteur réseau
    tp → travaux publics
    usineur → usinage ; tourneur ; fraiseur
    vendeur → conseiller vente
    veto → vétérinaire
    vigile → agent sécurité
    vrd → voirie réseaux divers
    weekend → week end
"""


def _stems(text: str) -> tuple[str, ...]:
    return tuple(word.stem for word in words(text))


def _read(written: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    alike: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in written.strip().splitlines():
        typed, _, others = line.partition("→")
        alike[" ".join(_stems(typed))] = tuple(_stems(other) for other in others.split(";"))
    return alike


ALIKE: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = _read(_WRITTEN)
"""A stem, or two with a space between → alternatives: stems that say the same, all of one together."""


def alternatives(stems: Sequence[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return what may stand for each of ``stems``, typed in this order; those with nothing are left out.

    What stands for two words together stands for each of them: whoever holds it answers to both.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for first, second in pairwise(stems):
        for other in ALIKE.get(f"{first} {second}", ()):
            found.setdefault(first, []).append(other)
            found.setdefault(second, []).append(other)
    for one in stems:
        if one in ALIKE:
            found.setdefault(one, []).extend(ALIKE[one])
    return {one: tuple(dict.fromkeys(others)) for one, others in found.items()}
