-- Puts a rebuilt shard into service.
-- KEYS[1] shard hash   KEYS[2] outbox   KEYS[3] its successor   KEYS[4] set of all insured   KEYS[5] its successor   KEYS[6] lease
-- ARGV[1] the rebuild's name   ARGV[2] stamp   ARGV[3] last number given out   ARGV[4] the ledger's watermark   ARGV[5] last closed year
if redis.call('HGET', KEYS[1], 'rebuild') ~= ARGV[1] then return redis.error_reply('NOSHARD another has the shard') end
for old = 2, 4, 2 do
  if redis.call('EXISTS', KEYS[old + 1]) == 1 then
    redis.call('RENAME', KEYS[old + 1], KEYS[old])
  else
    redis.call('DEL', KEYS[old])
  end
end
redis.call('DEL', KEYS[6])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'seq', ARGV[3], 'committed', ARGV[4], 'closed', ARGV[5],
  'people', redis.call('SCARD', KEYS[4]))
redis.call('HDEL', KEYS[1], 'rebuild', 'was', 'lowest')
return 1
