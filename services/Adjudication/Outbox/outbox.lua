-- The relay's one step for a shard: hold the lease, drop what the ledger has committed, read what comes next.
-- KEYS[1] shard hash   KEYS[2] outbox stream   KEYS[3] lease
-- ARGV[1] epoch   ARGV[2] relay's name   ARGV[3] lease_ms   ARGV[4] committed   ARGV[5] first sequence wanted   ARGV[6] count
-- Reply: the shard's sequence, then per entry: sequence id, insured key, request field, record; 'LEASED' while another relay holds the lease.
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'committed')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end

local owner = redis.call('GET', KEYS[3])
if owner and owner ~= ARGV[2] then return { 'LEASED' } end
if not owner then
  redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
elseif redis.call('PTTL', KEYS[3]) < tonumber(ARGV[3]) / 2 then
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end

local committed = tonumber(ARGV[4])
if committed > tonumber(shard[3]) then
  redis.call('HSET', KEYS[1], 'committed', committed)
  redis.call('XTRIM', KEYS[2], 'MINID', (committed + 1) .. '-0')
end

local reply = { shard[2] }
local count = tonumber(ARGV[6])
if count > 0 then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[5] .. '-0', '+', 'COUNT', count)) do
    local fields = entry[2]
    reply[#reply + 1] = entry[1]
    reply[#reply + 1] = fields[2]
    reply[#reply + 1] = fields[4]
    reply[#reply + 1] = fields[6]
  end
end
return reply
