-- One atomic step for a batch of visits of one shard: find earlier requests, read the accumulators, compute,
-- write accumulators and stored answers, number each new record and append it to the outbox.
--
-- KEYS[1] shard hash (epoch, seq, committed)   KEYS[2] outbox stream   KEYS[3..] the insured's hash, one per item
-- ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at   ARGV[3] longest outbox
-- then five per item: mode, terms, request field, facility-day field, content
--   mode    'S' settle, 'Q' quote (no effect, no look at stored requests), 'L' look for a stored request only
--   terms   see TERMS; content: 16 bytes of fingerprint, then what the caller wants kept, opaque here
-- An insured's hash: u<year> = fund paid under the cap; d<yyyymmdd>:<facility> = deductible borne;
--   q<facility>\n<request id> = stored record: HEADER, content
-- Reply, one string per item: 'N' new + HEADER, 'R' replay + stored record, 'Q' quoted + HEADER,
--   'C' other content under this key, 'M' nothing stored
-- A store that cannot be trusted answers with an error and changes nothing: NOSHARD, EPOCH, STALE, OUTBOXFULL.

-- basis 'P' pooled or 'F' fixed, year, in scope, total, tariff, rate, cap, allowance (fen; basis points)
local TERMS = '>c1I2I6I6I4I4I4I4'
-- kind, state, sequence, order, deductible, borne before, fund pay, cap used before
local HEADER = '>c1c1I6I6I4I4I4I4'
local HEADER_BYTES = 30

local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'committed')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local first = tonumber(shard[2])
if first < tonumber(ARGV[2]) then return redis.error_reply('STALE the store is behind what was acknowledged') end

local items = #KEYS - 2
if first + items - tonumber(shard[3]) > tonumber(ARGV[3]) then
  return redis.error_reply('OUTBOXFULL the ledger is too far behind')
end

local floor, min, max = math.floor, math.min, math.max

-- Amounts stay below 2^53, so doubles are exact: the caller clamps the base to 10^14 fen, a value at which
-- any rate has long passed any cap.
local function share_half_up(amount, rate)
  local whole = floor(amount / 10000)
  return whole * rate + floor(((amount - whole * 10000) * rate + 5000) / 10000)
end

local function compute(terms, used, borne)
  local basis, _, in_scope, total, tariff, rate, cap, allowance = struct.unpack(TERMS, terms)
  if basis == 'F' then
    local paid = min(allowance, total)
    return 0, paid, 0
  end
  local deductible = min(in_scope, max(tariff - borne, 0))
  local paid = min(share_half_up(in_scope - deductible, rate), max(cap - used, 0))
  return deductible, paid, paid
end

local seq = first

local function step(key, mode, terms, request, day, content)
  local _, year = struct.unpack('>c1I2', terms)
  local used_field = 'u' .. year
  local stored = redis.call('HMGET', key, used_field, day, request)
  if mode ~= 'Q' and stored[3] then
    if string.sub(stored[3], HEADER_BYTES + 1, HEADER_BYTES + 16) ~= string.sub(content, 1, 16) then return 'C' end
    return 'R' .. stored[3]
  end
  if mode == 'L' then return 'M' end

  local used, borne = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
  local deductible, paid, capped = compute(terms, used, borne)
  if mode == 'Q' then
    return 'Q' .. struct.pack(HEADER, 'S', 'Q', 0, 0, deductible, borne, paid, used)
  end

  seq = seq + 1
  local header = struct.pack(HEADER, 'S', 'A', seq, seq, deductible, borne, paid, used)
  local record = header .. content
  local fields = { request, record }
  if capped > 0 then
    fields[#fields + 1] = used_field
    fields[#fields + 1] = used + capped
  end
  if deductible > 0 then
    fields[#fields + 1] = day
    fields[#fields + 1] = borne + deductible
  end
  redis.call('HSET', key, unpack(fields))
  redis.call('XADD', KEYS[2], seq .. '-0', 'i', key, 'q', request, 'r', record)
  return 'N' .. header
end

local replies = {}
-- Were a write to fail midway, the numbers already given out would still be recorded, so none is given twice.
local ok, failure = pcall(function()
  for i = 1, items do
    local a = 3 + (i - 1) * 5
    replies[i] = step(KEYS[i + 2], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5])
  end
end)
if seq > first then redis.call('HSET', KEYS[1], 'seq', seq) end
if not ok then return redis.error_reply('FAILED ' .. tostring(type(failure) == 'table' and failure.err or failure)) end
return replies
