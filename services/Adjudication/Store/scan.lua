-- One page of what a shard has stored, in Redis' own order; an insured may come twice.
-- KEYS[1] shard hash   ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at
-- KEYS[2] never exists: while the shard moves to another node of a cluster, key by key, Redis refuses to look for it beside
-- KEYS[1], and what has gone already is not missed by mistake.
-- ARGV[3] pattern of the shard's insured hashes   ARGV[4] cursor, '0' to begin   ARGV[5] keys to look at
-- Reply: the shard's sequence, the next cursor ('0' at the end), then per insured its key and all of its hash.
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'lowest')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local lowest = math.max(tonumber(ARGV[2]), tonumber(shard[3] or 0))
if tonumber(shard[2]) < lowest then
  redis.call('HSET', KEYS[1], 'lowest', string.format('%d', lowest))
  return redis.error_reply('STALE the store is behind what was acknowledged')
end

local page = redis.call('SCAN', ARGV[4], 'MATCH', ARGV[3], 'COUNT', ARGV[5])
local reply = { shard[2], page[1] }
for _, key in ipairs(page[2]) do
  reply[#reply + 1] = key
  reply[#reply + 1] = redis.call('HGETALL', key)
end
return reply
