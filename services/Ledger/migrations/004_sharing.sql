-- Shards that no longer post, and until when: a person lets a shard go on. Another instance that takes the shard over finds
-- the stop here and does not try the same record again.
CREATE TABLE shard_stop (
    stop_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard      integer NOT NULL,
    poison_id  bigint NOT NULL REFERENCES poison_record,
    stopped_at timestamptz NOT NULL,
    reason     text NOT NULL,
    resumed_at timestamptz CHECK (resumed_at >= stopped_at)
);
CREATE UNIQUE INDEX shard_stop_standing ON shard_stop (shard) WHERE resumed_at IS NULL;

-- Every instance serves the watermarks and stops of all shards, whichever instance posts them.
CREATE FUNCTION shard_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('claims_ledger', '');
    RETURN NULL;
END $$;
CREATE TRIGGER tell_instances AFTER UPDATE ON shard_watermark FOR EACH STATEMENT EXECUTE FUNCTION shard_changed();
CREATE TRIGGER tell_instances AFTER INSERT OR UPDATE ON shard_stop FOR EACH STATEMENT EXECUTE FUNCTION shard_changed();
