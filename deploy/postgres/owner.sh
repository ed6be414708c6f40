#!/bin/bash
# Run once by the postgres image when its volume is empty: the application's database belongs to an
# ordinary role, because row-level security does not bind a superuser.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --set password="$POSTGRES_PASSWORD" --username postgres <<'SQL'
CREATE ROLE ancrage LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE ancrage OWNER ancrage;
SQL
