"""Ground floor: settings, database, errors, clock, ids, pagination, security primitives."""
