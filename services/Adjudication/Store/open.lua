-- Opens one shard of a store for the first time. Changes nothing where the shard key exists already.
-- KEYS[1] shard hash   ARGV[1] epoch   ARGV[2] '1' when the shard may be created
-- Reply: epoch, sequence, committed; nothing where the shard key is missing and may not be created.
if ARGV[2] == '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', 0, 'committed', 0)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
return redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'committed')
