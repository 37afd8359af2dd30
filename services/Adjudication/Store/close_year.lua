-- Closes the years of visits up to one; a later year closed before stays closed.
-- KEYS[1] shard hash   ARGV[1] epoch   ARGV[2] year
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'closed')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
if tonumber(ARGV[2]) > tonumber(shard[2] or 0) then redis.call('HSET', KEYS[1], 'closed', ARGV[2]) end
return 1
