-- Who may act for a clinic at its page. Passwords and tokens are kept as hashes; what is revoked stays, for whoever asks later.
CREATE TABLE clinic_credential (
    facility_code text COLLATE "C" NOT NULL,
    clerk         text COLLATE "C" NOT NULL,
    password_hash text,
    is_first      boolean NOT NULL DEFAULT false,
    holds_until   timestamptz,
    issued_at     timestamptz NOT NULL,
    revoked_at    timestamptz,
    PRIMARY KEY (facility_code, clerk)
);

-- Sessions, and tokens of machines, which are credentials without a password.
CREATE TABLE clinic_token (
    token_sha256  bytea PRIMARY KEY,
    facility_code text COLLATE "C" NOT NULL,
    clerk         text COLLATE "C" NOT NULL,
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    FOREIGN KEY (facility_code, clerk) REFERENCES clinic_credential
);
CREATE INDEX clinic_token_of ON clinic_token (facility_code, clerk);

-- Tries to log in under a name, whether there is such a clerk or not: the answer must not tell.
CREATE TABLE clinic_login_try (
    facility_code text COLLATE "C" NOT NULL,
    clerk         text COLLATE "C" NOT NULL,
    tries         integer NOT NULL,
    last_at       timestamptz NOT NULL,
    PRIMARY KEY (facility_code, clerk)
);
CREATE INDEX clinic_login_try_last ON clinic_login_try (last_at);

-- With which a facility's browsers encrypt what they keep of persons until it is settled. It is told to whoever has logged in, so that
-- what one clerk has entered before the power went is there for the next one.
CREATE TABLE clinic_storage_key (
    facility_code text COLLATE "C" PRIMARY KEY,
    storage_key   bytea NOT NULL CHECK (length(storage_key) = 32)
);

-- Where the service works as a role that may read and append alone, it changes and removes rows of these.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claims_eligibility') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON clinic_credential, clinic_token, clinic_login_try, clinic_storage_key TO claims_eligibility;
    END IF;
END $$;
