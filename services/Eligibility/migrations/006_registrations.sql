-- What the counter of a district office has asked for, one by one: the same request again is answered as before and changes nothing.
CREATE TABLE registration (
    made_by        text NOT NULL,
    request_id     text COLLATE "C" NOT NULL,
    change_id      bigint NOT NULL REFERENCES registry_change,
    request_sha256 bytea NOT NULL,
    reply          bytea NOT NULL,
    PRIMARY KEY (made_by, request_id)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON registration
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
