#!lua
-- Whether a visit would be let in. It writes nothing, but does not say so among its flags: Redis refuses it wherever it refuses a write,
-- for want of memory, disk or replicas, and on a replica.
-- KEYS[1] shard hash   ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'lowest')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local lowest = math.max(tonumber(ARGV[2]), tonumber(shard[3] or 0))
if tonumber(shard[2]) < lowest then
  redis.call('HSET', KEYS[1], 'lowest', string.format('%d', lowest))
  return redis.error_reply('STALE the store is behind what was acknowledged')
end
return 1
