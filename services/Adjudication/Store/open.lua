-- Opens one shard of a store for the first time. Changes nothing where the shard key exists already.
-- KEYS[1] shard hash   KEYS[2] set of all insured that something is stored of   ARGV[1] epoch   ARGV[2] '1' when the shard may be created
-- Reply: epoch, sequence, how many insured the shard counts, how many are in the set, '1' while it is being rebuilt, the highest number
-- that an instance has missed; nothing where the shard key is missing and may not be created.
if ARGV[2] == '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', 0, 'committed', 0)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'people', 'rebuild', 'lowest')
return { shard[1] or '', shard[2] or 0, tonumber(shard[3] or 0), redis.call('SCARD', KEYS[2]), shard[4] and '1' or '0', shard[5] or 0 }
