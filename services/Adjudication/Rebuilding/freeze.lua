-- Takes a shard out of service, so that it can be rebuilt: without an epoch every other script refuses, in every instance.
-- KEYS[1] shard hash   ARGV[1] epoch of the ledger   ARGV[2] this rebuild's name
-- Reply: '1' where the key was there, the last number given out, the last closed year, the highest number that
-- an instance has missed. Again after an interruption: the same.
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'closed', 'was', 'lowest')
local was = shard[1] or shard[4]
if was and string.sub(was, 1, #ARGV[1]) ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
redis.call('HSET', KEYS[1], 'rebuild', ARGV[2])
if was then redis.call('HSET', KEYS[1], 'was', was) end
redis.call('HDEL', KEYS[1], 'epoch')
return { was and '1' or '0', shard[2] or 0, shard[3] or 0, shard[5] or 0 }
