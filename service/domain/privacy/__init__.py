"""What the law asks about personal data: what it serves, the rights of persons, and its end.

``purposes`` what data serve and the texts people consent to · ``traces`` how each table holds data about
somebody · ``export`` and ``erasure`` follow the traces · ``retention`` what goes when · ``ledger`` what must
be erased again after a restore · ``register`` all of it on paper.
"""
