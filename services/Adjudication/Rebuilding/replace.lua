-- Puts what is stored of one insured in the place of what was read there, all of it or nothing.
-- KEYS[1] shard hash   KEYS[2] the insured's hash   KEYS[3] set of all insured that something is stored of
-- ARGV[1] 'rebuild' and ARGV[2] the rebuild's name, or 'epoch' and the stamp of a shard that serves
-- ARGV[3] SHA-1 of the hash as it was read   ARGV[4..] field, value, field, value; nothing to remove the hash
-- Reply: 1, or 0 where the hash has changed since.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return redis.error_reply('NOSHARD another has the shard') end
if redis.sha1hex(table.concat(redis.call('HGETALL', KEYS[2]))) ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[2])
-- Lua gives a call a few thousand arguments at most.
for first = 4, #ARGV, 1000 do
  redis.call('HSET', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
if ARGV[1] == 'epoch' and #ARGV > 3 then
  local whole = redis.call('SCARD', KEYS[3]) == tonumber(redis.call('HGET', KEYS[1], 'people') or 0)
  if redis.call('SADD', KEYS[3], KEYS[2]) == 1 and whole then redis.call('HINCRBY', KEYS[1], 'people', 1) end
end
return 1
