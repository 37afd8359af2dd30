-- Everything stored of one insured, 'GONE' where he or a field of his was and is not there, or an error where the store cannot be trusted.
-- KEYS[1] shard hash   KEYS[2] the insured's hash   KEYS[3] set of all insured that something is stored of
-- ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'people', 'lowest')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local lowest = math.max(tonumber(ARGV[2]), tonumber(shard[4] or 0))
if tonumber(shard[2]) < lowest then
  redis.call('HSET', KEYS[1], 'lowest', string.format('%d', lowest))
  return redis.error_reply('STALE the store is behind what was acknowledged')
end
local all, counted = redis.call('HGETALL', KEYS[2]), nil
for i = 1, #all, 2 do
  if all[i] == '#' then counted = tonumber(all[i + 1]) or tonumber(string.match(all[i + 1], '^>%x+ (%d+) ')) end
end
if counted and #all == 2 * (counted + 1) then return all end
if #all > 0 or redis.call('SISMEMBER', KEYS[3], KEYS[2]) == 1 or redis.call('SCARD', KEYS[3]) ~= tonumber(shard[3] or 0) then
  return 'GONE'
end
return all
