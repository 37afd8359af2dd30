-- One atomic step for a batch of requests of one shard: find earlier requests, read the accumulators, compute,
-- write accumulators and stored answers, number each new record and append it to the outbox.
--
-- KEYS[1] shard hash (epoch, seq, committed, closed: last closed year)   KEYS[2] outbox stream   KEYS[3..] the insured's hash, one per item
-- ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at   ARGV[3] longest outbox
-- then four per item: mode, terms or target, request field, content
--   mode     'S' settle, 'Q' quote (no effect, no look at stored requests), 'L' look for a stored settlement only,
--            'C' cancel, 'V' reverse
--   terms    for S, Q, L: see TERMS      target: for C and V: a request field, or '#' and a sequence
--   content  16 bytes of fingerprint, then what the caller wants kept, opaque here
--
-- An insured's hash: u<year> = fund paid under the cap; d<yyyymmdd>:<facility> = deductible borne;
--   q<facility>\n<request id> = stored record, HEADER first:
--     kind 'S' settlement    state 'A' stands, 'X' cancelled, 'R' reversed    then content
--     kind 'C' cancellation  state 'A' effective, 'U' undone                  then content, UNDONE
--     kind 'V' reversal      state '1' settlement undone, '2' cancellation undone, '3' nothing to undo   then content, UNDONE
--     kind 'T' tombstone of a request that was reversed before it came
-- Reply, one string per item: 'N' new + record (a settlement's or quote's HEADER only), 'R' replay + stored record,
--   'C' other content under this key, 'M' nothing stored, 'X' the request was cancelled, 'V' it was reversed,
--   'K' no such settlement, 'A' it was cancelled already, 'B' a later settlement of the day stands,
--   'I' the cap or the day's deductible has been used since, 'Y' the year of the visit is closed
-- A store that cannot be trusted answers with an error and changes nothing: NOSHARD, EPOCH, STALE, OUTBOXFULL.

-- basis 'P' pooled or 'F' fixed, date yyyymmdd, in scope, total, tariff, rate, cap, allowance (fen; basis points)
local TERMS = '>c1I4I6I6I4I4I4I4'
-- kind, state, basis, sequence, order, date, deductible, borne before, fund pay, cap used before, tariff, cap, shortfall
local HEADER = '>c1c1c1I6I6I4I4I4I4I4I4I4I6'
local HEADER_BYTES = 49
local FINGERPRINT_BYTES = 16

local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'committed', 'closed')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local first = tonumber(shard[2])
if first < tonumber(ARGV[2]) then return redis.error_reply('STALE the store is behind what was acknowledged') end

local items = #KEYS - 2
if first + items - tonumber(shard[3]) > tonumber(ARGV[3]) then
  return redis.error_reply('OUTBOXFULL the ledger is too far behind')
end

local floor, min, max = math.floor, math.min, math.max
local seq = first
local closed_through = tonumber(shard[4] or 0)

local function read(record)
  local h = {}
  h.kind, h.state, h.basis, h.seq, h.order, h.date, h.deductible, h.borne, h.paid, h.used, h.tariff, h.cap, h.shortfall =
    struct.unpack(HEADER, record)
  return h
end

local function pack(h)
  return struct.pack(HEADER, h.kind, h.state, h.basis, h.seq, h.order, h.date, h.deductible, h.borne, h.paid, h.used,
    h.tariff, h.cap, h.shortfall)
end

local function body(record) return string.sub(record, HEADER_BYTES + 1) end

local function same_content(record, content)
  return string.sub(record, HEADER_BYTES + 1, HEADER_BYTES + FINGERPRINT_BYTES) == string.sub(content, 1, FINGERPRINT_BYTES)
end

local function facility_of(request) return string.match(request, '^q([^\n]*)\n') end
local function day_field(date, request) return 'd' .. date .. ':' .. facility_of(request) end
local function used_field(date) return 'u' .. floor(date / 10000) end
local function closed(date) return floor(date / 10000) <= closed_through end
local function counted(h) return h.basis == 'P' and h.paid or 0 end

local function append(key, request, record)
  redis.call('XADD', KEYS[2], seq .. '-0', 'i', key, 'q', request, 'r', record)
end

-- Amounts stay below 2^53, so doubles are exact: the caller clamps the base to 10^14 fen, a value at which
-- any rate has long passed any cap.
local function share_half_up(amount, rate)
  local whole = floor(amount / 10000)
  return whole * rate + floor(((amount - whole * 10000) * rate + 5000) / 10000)
end

-- What an earlier request under this key means for a request to settle; nil where there was none.
local function earlier_settlement(stored, content)
  if not stored then return nil end
  local kind, state = string.sub(stored, 1, 1), string.sub(stored, 2, 2)
  if kind == 'T' then return 'V' end
  if kind ~= 'S' or not same_content(stored, content) then return 'C' end
  if state == 'X' then return 'X' end
  if state == 'R' then return 'V' end
  return 'R' .. stored
end

local function settle(key, mode, terms, request, content)
  local basis, date, in_scope, total, tariff, rate, cap, allowance = struct.unpack(TERMS, terms)
  local year, day = used_field(date), day_field(date, request)
  local stored = redis.call('HMGET', key, year, day, request)
  if mode ~= 'Q' then
    local earlier = earlier_settlement(stored[3], content)
    if earlier then return earlier end
    if mode == 'L' then return 'M' end
  end
  if closed(date) then return 'Y' end

  local used, borne = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
  local h = { kind = 'S', state = 'A', basis = basis, seq = 0, order = 0, date = date, deductible = 0, borne = borne,
    used = used, tariff = tariff, cap = cap, shortfall = 0 }
  if basis == 'F' then
    h.paid = min(allowance, total)
  else
    h.deductible = min(in_scope, max(tariff - borne, 0))
    local uncapped = share_half_up(in_scope - h.deductible, rate)
    h.paid = min(uncapped, max(cap - used, 0))
    h.shortfall = uncapped - h.paid
  end
  if mode == 'Q' then return 'N' .. pack(h) end

  seq = seq + 1
  h.seq, h.order = seq, seq
  local header = pack(h)
  local record = header .. content
  local fields = { request, record }
  if counted(h) > 0 then
    fields[#fields + 1] = year
    fields[#fields + 1] = used + counted(h)
  end
  if h.deductible > 0 then
    fields[#fields + 1] = day
    fields[#fields + 1] = borne + h.deductible
  end
  redis.call('HSET', key, unpack(fields))
  append(key, request, record)
  return 'N' .. header
end

-- The record of a cancellation or reversal: HEADER, its own fingerprint, then UNDONE: length and text of the target's
-- request field, length and bytes of the rest of its own content, the target's sequence, the number of later settlements
-- that the cap had cut with (sequence, shortfall) of each, and the target's content.
local function undoing(h, content, field, target_seq, headroom, target_content)
  local fingerprint, own = string.sub(content, 1, FINGERPRINT_BYTES), string.sub(content, FINGERPRINT_BYTES + 1)
  local parts = { pack(h), fingerprint, struct.pack('>I2', #field), field, struct.pack('>I2', #own), own,
    struct.pack('>I6I2', target_seq, #headroom) }
  for _, later in ipairs(headroom) do parts[#parts + 1] = struct.pack('>I6I6', later.seq, later.shortfall) end
  parts[#parts + 1] = target_content
  return table.concat(parts)
end

-- Takes a standing settlement back: cap and deductible are restored, and a negative mirror is booked.
local function undo(key, request, content, kind, outcome, field, record)
  local target = read(record)
  if closed(target.date) then return 'Y' end
  local facility = facility_of(field)
  local headroom = {}
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == 'q' and string.sub(all[i + 1], 1, 2) == 'SA' then
      local other = read(all[i + 1])
      if other.order > target.order then
        if target.deductible > 0 and other.date == target.date and facility_of(all[i]) == facility then return 'B' end
        if counted(target) > 0 and other.shortfall > 0 and floor(other.date / 10000) == floor(target.date / 10000) then
          headroom[#headroom + 1] = other
        end
      end
    end
  end
  table.sort(headroom, function(a, b) return a.seq < b.seq end)

  local year, day = used_field(target.date), day_field(target.date, field)
  local now = redis.call('HMGET', key, year, day)
  local used, borne = tonumber(now[1] or 0), tonumber(now[2] or 0)
  seq = seq + 1
  local h = read(record)
  h.kind, h.state, h.seq, h.order, h.borne, h.used, h.shortfall = kind, outcome, seq, seq, borne, used, 0
  local mirror = undoing(h, content, field, target.seq, headroom, body(record))
  target.state = kind == 'C' and 'X' or 'R'
  redis.call('HSET', key, field, pack(target) .. body(record), request, mirror)
  if counted(target) > 0 then redis.call('HSET', key, year, used - counted(target)) end
  if target.deductible > 0 then redis.call('HSET', key, day, borne - target.deductible) end
  append(key, request, mirror)
  return 'N' .. mirror
end

-- The field and record of a settlement, by request or by sequence, at the facility that asks.
local function find(key, target, request)
  if string.sub(target, 1, 1) ~= '#' then return target, redis.call('HGET', key, target) end
  local wanted, prefix = tonumber(string.sub(target, 2)), 'q' .. facility_of(request) .. '\n'
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #prefix) == prefix and string.sub(all[i + 1], 1, 1) == 'S' and read(all[i + 1]).seq == wanted then
      return all[i], all[i + 1]
    end
  end
  return target, false
end

local function cancel(key, target, request, content)
  local stored = redis.call('HGET', key, request)
  if stored then
    local kind, state = string.sub(stored, 1, 1), string.sub(stored, 2, 2)
    if kind == 'T' then return 'V' end
    if kind ~= 'C' or not same_content(stored, content) then return 'C' end
    return state == 'U' and 'V' or 'R' .. stored
  end

  local field, record = find(key, target, request)
  if not record or string.sub(record, 1, 1) ~= 'S' then return 'K' end
  if string.sub(record, 2, 2) ~= 'A' then return 'A' end
  return undo(key, request, content, 'C', 'A', field, record)
end

-- Lets a cancelled settlement stand again, as the newest of its day.
local function restore(key, request, content, cancel_field, cancel_record)
  local c = read(cancel_record)
  local length = struct.unpack('>I2', cancel_record, HEADER_BYTES + FINGERPRINT_BYTES + 1)
  local field = string.sub(cancel_record, HEADER_BYTES + FINGERPRINT_BYTES + 3, HEADER_BYTES + FINGERPRINT_BYTES + 2 + length)
  local record = redis.call('HGET', key, field)
  local target = read(record)
  if closed(target.date) then return 'Y' end
  local year, day = used_field(target.date), day_field(target.date, field)
  local now = redis.call('HMGET', key, year, day)
  local used, borne = tonumber(now[1] or 0), tonumber(now[2] or 0)
  if counted(target) > 0 and used + counted(target) > target.cap then return 'I' end
  if target.deductible > 0 and borne + target.deductible > target.tariff then return 'I' end

  seq = seq + 1
  target.state, target.order = 'A', seq
  c.state = 'U'
  local h = read(record)
  h.kind, h.state, h.seq, h.order, h.borne, h.used = 'V', '2', seq, seq, borne, used
  local reversal = undoing(h, content, field, target.seq, {}, body(record))
  redis.call('HSET', key, field, pack(target) .. body(record), cancel_field, pack(c) .. body(cancel_record), request, reversal)
  if counted(target) > 0 then redis.call('HSET', key, year, used + counted(target)) end
  if target.deductible > 0 then redis.call('HSET', key, day, borne + target.deductible) end
  append(key, request, reversal)
  return 'N' .. reversal
end

local function reverse(key, target, request, content)
  local stored = redis.call('HGET', key, request)
  if stored then
    local kind = string.sub(stored, 1, 1)
    if kind == 'T' then return 'V' end
    if kind ~= 'V' or not same_content(stored, content) then return 'C' end
    return 'R' .. stored
  end

  local original = redis.call('HGET', key, target)
  local standing = original and string.sub(original, 1, 2)
  if standing == 'SA' then return undo(key, request, content, 'V', '1', target, original) end
  if standing == 'CA' then return restore(key, request, content, target, original) end

  -- Nothing to undo. What never came is marked, so that it is refused should it still arrive.
  seq = seq + 1
  local h = { kind = 'V', state = '3', basis = 'F', seq = seq, order = seq, date = 0, deductible = 0, borne = 0, paid = 0,
    used = 0, tariff = 0, cap = 0, shortfall = 0 }
  local reversal = undoing(h, content, target, 0, {}, '')
  if original then
    redis.call('HSET', key, request, reversal)
  else
    h.kind = 'T'
    redis.call('HSET', key, request, reversal, target, pack(h))
  end
  append(key, request, reversal)
  return 'N' .. reversal
end

local function step(key, mode, what, request, content)
  if mode == 'C' then return cancel(key, what, request, content) end
  if mode == 'V' then return reverse(key, what, request, content) end
  return settle(key, mode, what, request, content)
end

local replies = {}
-- Were a write to fail midway, the numbers already given out would still be recorded, so none is given twice.
local ok, failure = pcall(function()
  for i = 1, items do
    local a = 3 + (i - 1) * 4
    replies[i] = step(KEYS[i + 2], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4])
  end
end)
if seq > first then redis.call('HSET', KEYS[1], 'seq', seq) end
if not ok then return redis.error_reply('FAILED ' .. tostring(type(failure) == 'table' and failure.err or failure)) end
return replies
