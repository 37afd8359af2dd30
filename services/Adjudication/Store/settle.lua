-- One atomic step for a batch of requests of one shard: find earlier requests, read the accumulators, compute,
-- write accumulators and stored answers, number each new record and append the batch to the outbox.
--
-- KEYS[1] shard hash (epoch, seq, committed, closed: last closed year, people: how many KEYS[3] has, lowest: as ARGV[2], where an instance
-- has found the store below it)   KEYS[2] outbox stream
-- KEYS[3] set of the keys of all insured that something was ever stored of   KEYS[4..] the insured's hash, one per item
-- ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at   ARGV[3] longest outbox   ARGV[4..] the items
-- An item is one text, since each argument costs Redis as much as a look at a hash, and its last byte is the mode. Of a visit the record
-- keeps the beginning to the letter: it is packed from the item itself, for whatever becomes a string in Lua is hashed byte by byte.
--   mode     'S' settle, 'Q' quote (no effect, no look at stored requests), 'L' look for a stored settlement only:
--            TERMS, names, content, visit id, request, VISIT
--            'C' cancel, 'V' reverse: UNDOING, target, request, content
--            or 'M': an item, the merged id and the merge's name, the lengths of both (1 byte each): the request names an id that was
--            merged into this one
--   request  request field of the request   target: for C and V, a request field, or '#' with the year and the sequence, where it may
--            have come by a merge also '-' and the number that it has then
--   content  16 bytes of fingerprint, then what the caller wants kept, opaque here
--
-- An insured's hash: <measure><group>:<period>[:<facility>] = an accumulator, of the measures b borne, c cost, f fund paid, n visits;
--   # = how many other fields there are, so that one that is lost is missed; where the id was merged into another, '>', the merge's name,
--     that number and the other id: nothing is settled from here any more;
--   m<merged id> = '+' and the name of the merge that brought what that id had, '-' and the name once it was given back;
--   v<facility>\n<visit id> = request field of the settlement that stands for the visit, empty where none does any more;
--   q<facility>\n<request id> = stored record, HEADER first; the request id followed by a tab and the merged id where it came under that:
--     kind 'S' settlement    state 'A' stands, 'X' cancelled, 'R' reversed    then content
--     kind 'C' cancellation  state 'A' effective, 'U' undone                  then content, UNDONE
--     kind 'V' reversal      state '1' settlement undone, '2' cancellation undone, '3' never came, '4' undone already
--                                                                             then content, UNDONE
--     kind 'T' tombstone of a request that was reversed before it came
--     kind 'M' a merge, or its undoing (Merging/merge.lua)
--   The settlement's visit id ends its record, and so the record of what undid it.
-- The outbox has one entry a batch: its id is the batch's last sequence, its field b the number of new records (2 bytes), then of each
-- the insured's key and the request field, each ended by a zero byte. The record itself lies under them; of it only state and order
-- ever change.
-- A record begins with the number of its format. One of another format is not read: its request is answered 'F' and changes nothing.
-- Reply, one text: of each item four bytes of length, then 'N' new + record (a settlement's or quote's HEADER and numbers only),
--   'R' replay + stored record, 'M' nothing stored, '-' refused: the reason's code with its length before it (1 byte), then, where the
--   refusal speaks of a record, the length of its field (2 bytes), the field and the record
--   'F' + the format of a stored record that this script does not read
--   'G' the insured is known and the hash is gone or lacks fields, or the set of the known is not whole: whoever is paid from nothing is
--   paid twice
--   '>' and what # says: the id was merged into another   'H' the merge, or its undoing, is half done: nothing happened
-- A store that cannot be trusted answers with an error and changes nothing: NOSHARD, EPOCH, STALE, OUTBOXFULL.

-- bytes of facility code and request field, in scope, fixed sum (fen), date yyyymmdd, bytes of visit id, bytes of TERMS and names
local VISIT = '>I1I1I6I6I4I1I2'
local VISIT_BYTES = 21
-- basis 'P' by rate or 'F' fixed, what parts are rounded to (fen), days within which no second fixed sum is paid, numbers of parts and
-- limits; then the parts and the limits. None for a look.
local TERMS = '>c1I1I2I1I1'
local TERMS_BYTES = 6
-- cost of the period up to which a rate holds (fen; 0: no end), rate (basis points)
local PART = '>I6I2'
local PART_BYTES = 8
-- kind, limit, 1 where something accumulates: then a NAME follows the terms
local LIMIT = '>c1I6I1'
local LIMIT_BYTES = 8
local NAME = '>I1c0'
-- Kinds of limits that are met before the rate; all others stand behind them.
local BEFORE_RATE = { c = true, m = true, D = true, d = true, b = true }
-- bytes of target and request field
local UNDOING = '>I1I1'
-- format, kind, state, basis, sequence, order, date, deductible, fund pay, shortfall, bytes of visit id, bytes of the numbers, bytes of
-- TERMS and names; then the numbers in digits, of each limit what was used before and after, then TERMS and names
local HEADER = '>Bc1c1c1I6I6I4I6I6I6I1I2I2'
local HEADER_BYTES = 43
local FORMAT = 2
local FINGERPRINT_BYTES = 16

local shard = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'committed', 'closed', 'people', 'lowest')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local first = tonumber(shard[2])
local lowest = math.max(tonumber(ARGV[2]), tonumber(shard[6] or 0))
if first < lowest then
  -- For the instances that have heard of fewer numbers, and would go on from here.
  redis.call('HSET', KEYS[1], 'lowest', string.format('%d', lowest))
  return redis.error_reply('STALE the store is behind what was acknowledged')
end

local items = #KEYS - 3
if first + items - tonumber(shard[3]) > tonumber(ARGV[3]) then
  return redis.error_reply('OUTBOXFULL the ledger is too far behind')
end

local call, tonumber, values, floor, min, max = redis.call, tonumber, unpack, math.floor, math.min, math.max
local sub, byte, format, concat, packed, unpacked = string.sub, string.byte, string.format, table.concat, struct.pack, struct.unpack
local seq = first
local closed_through = tonumber(shard[4] or 0)
local people = tonumber(shard[5] or 0)
local appended = { '' }

-- The record, or nothing where nothing is stored.
local function known(record)
  if record and byte(record) ~= FORMAT then error({ reply = 'F' .. byte(record) }) end
  return record
end

local function kind_of(record) return sub(record, 2, 2) end
local function state_of(record) return sub(record, 3, 3) end

local function read(record)
  local h, format, numbers_bytes, limits_bytes = {}, nil, nil, nil
  format, h.kind, h.state, h.basis, h.seq, h.order, h.date, h.deductible, h.paid, h.shortfall, h.visit_bytes, numbers_bytes, limits_bytes =
    unpacked(HEADER, known(record))
  local limits = HEADER_BYTES + numbers_bytes
  h.numbers, h.limits = sub(record, HEADER_BYTES + 1, limits), sub(record, limits + 1, limits + limits_bytes)
  return h
end

-- Terms by their text: the visits of a batch have a few among them, and reading them cost as much as settling by them.
local terms_read = {}

local function terms_of(text)
  local t = terms_read[text]
  if t then return t end
  local at, accumulates = nil, nil
  t = { edges = {}, rates = {}, kinds = {}, limits = {}, places = {}, accumulators = 0, before_rate = 0 }
  t.basis, t.unit, t.window, t.part_count, t.count, at = unpacked(TERMS, text)
  for i = 1, t.part_count do t.edges[i], t.rates[i], at = unpacked(PART, text, at) end
  for i = 1, t.count do
    t.kinds[i], t.limits[i], accumulates, at = unpacked(LIMIT, text, at)
    if accumulates == 1 then
      t.accumulators = t.accumulators + 1
      t.places[i] = t.accumulators
    end
    if BEFORE_RATE[t.kinds[i]] then t.before_rate = i end
  end
  terms_read[text] = t
  return t
end

-- The terms that a text begins with. The accumulators' names, which follow them, go into the table.
local function terms_and_names(text, names)
  local parts, limits = byte(text, 5, 6)
  local at = TERMS_BYTES + parts * PART_BYTES + limits * LIMIT_BYTES + 1
  local t = terms_of(sub(text, 1, at - 1))
  for i = 1, t.accumulators do names[i], at = unpacked(NAME, text, at) end
  return t
end

local function start_of_body(record)
  local numbers_bytes, limits_bytes = unpacked('>I2I2', record, HEADER_BYTES - 3)
  return HEADER_BYTES + numbers_bytes + limits_bytes + 1
end

-- Whether the record's content is that of the text from there on.
local function same_content(record, text, at)
  local start = start_of_body(record)
  return sub(record, start, start + FINGERPRINT_BYTES - 1) == sub(text, at, at + FINGERPRINT_BYTES - 1)
end

-- A refusal for a reason of the contract, and the record that it speaks of, where there is one: bytes of its field, the field, the record.
local function refused(reason, field, record)
  return '-' .. packed('>I1', #reason) .. reason .. (field and packed('>I2', #field) .. field .. record or '')
end

local function facility_of(request) return string.match(request, '^q([^\n]*)\n') end
local function visit_field(facility, visit) return 'v' .. facility .. '\n' .. visit end
local function closed(date) return floor(date / 10000) <= closed_through end

-- Before a step goes by what it has not found: the insured must be whole, or new and not lost. What is there already is not asked for.
local newcomer, fields_before = false, 0
local function must_be_whole(key, counted)
  if counted then
    fields_before = tonumber(counted)
    if not fields_before then error({ reply = counted }) end
    if call('HLEN', key) ~= fields_before + 1 then error({ reply = 'G' }) end
  else
    if call('SISMEMBER', KEYS[3], key) == 1 or call('SCARD', KEYS[3]) ~= people then error({ reply = 'G' }) end
    newcomer, fields_before = true, 0
  end
end

-- A hash that was merged into another answers nothing: what its records say may have been undone there.
local function must_not_be_merged(counted)
  if counted and sub(counted, 1, 1) == '>' then error({ reply = counted }) end
end

-- Whatever a step writes of one insured is one command, and the number is taken with it: a command that fails has done nothing.
-- Numbers are written as text, since Redis would print each as a double.
local function write(key, fields, count, request, new_fields)
  fields[count + 1], fields[count + 2] = '#', format('%d', fields_before + new_fields)
  call('HSET', key, values(fields, 1, count + 2))
  if newcomer then
    call('SADD', KEYS[3], key)
    people = people + 1
  end
  seq = seq + 1
  local last = #appended
  appended[last + 1], appended[last + 2], appended[last + 3], appended[last + 4] = key, '\0', request, '\0'
end

local function put(fields, field, value)
  local last = #fields
  fields[last + 1], fields[last + 2] = field, value
end

-- Amounts stay below 2^53, so doubles are exact: the caller clamps the base to 10^14 fen, a value at which any rate has long passed any
-- cap, and takes no visit beyond 10^12 fen where no cap would stop it. A share rounded up to a jiao or a yuan is at most the amount itself.
local function share_half_up(amount, rate, unit)
  local divisor = 10000 * unit
  local whole = floor(amount / divisor)
  return min(amount, (whole * rate + floor(((amount - whole * divisor) * rate + divisor / 2) / divisor)) * unit)
end

-- What an earlier request under this key means for a request to settle; nil where there was none.
local function earlier_settlement(request, stored, item, content_at)
  if not known(stored) then return nil end
  local kind, state = kind_of(stored), state_of(stored)
  if kind == 'T' then return refused('REQUEST_REVERSED') end
  if kind ~= 'S' or not same_content(stored, item, content_at) then return refused('DUPLICATE_CONFLICT', request, stored) end
  if state == 'X' then return refused('REQUEST_CANCELLED', request, stored) end
  if state == 'R' then return refused('REQUEST_REVERSED', request, stored) end
  return 'R' .. stored
end

-- Days since a day that does not matter, of yyyymmdd in the Gregorian calendar.
local function day_number(date)
  local y, m, d = floor(date / 10000), floor(date / 100) % 100, date % 100
  if m < 3 then y, m = y - 1, m + 12 end
  return 365 * y + floor(y / 4) - floor(y / 100) + floor(y / 400) + floor((153 * m - 457) / 5) + d
end

-- The field and record of the newest allowance that stands less than so many days from a date, before or after.
local function allowance_near(key, date, days)
  local all, newest, field, record = call('HGETALL', key), 0, nil, nil
  for i = 1, #all, 2 do
    if sub(all[i], 1, 1) == 'q' and sub(known(all[i + 1]), 2, 4) == 'SAF' then
      local other = read(all[i + 1])
      if math.abs(day_number(other.date) - day_number(date)) < days and other.order > newest then
        newest, field, record = other.order, all[i], all[i + 1]
      end
    end
  end
  return field, record
end

-- Used again for each visit, up to its own counts: tables that are new each time, or grow, cost more than its arithmetic.
local used, moved, fields = { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { '', '', '', '' }
local numbers, written = { '', '', '', '' }, { '', '', '', '', '', '', '', '' }
-- HEADER, its numbers and so many bytes of the item.
local record_formats = {}

local function settle(key, mode, item)
  local visit = #item - VISIT_BYTES
  local facility_bytes, request_bytes, in_scope, fixed, date, visit_bytes, limits_bytes = unpacked(VISIT, item, visit)
  local kept_bytes = visit - 1 - request_bytes
  local request = sub(item, kept_bytes + 1, visit - 1)
  local content = limits_bytes + 1
  local t, accumulators = nil, 0
  if limits_bytes > 0 then
    t = terms_and_names(item, fields)
    accumulators = t.accumulators
  end
  local asked, stands = accumulators + 1, nil
  fields[asked] = request
  if visit_bytes > 0 then
    stands = visit_field(sub(request, 2, 1 + facility_bytes), sub(item, kept_bytes - visit_bytes + 1, kept_bytes))
    asked = asked + 1
    fields[asked] = stands
  end
  fields[asked + 1] = '#'
  local stored = call('HMGET', key, values(fields, 1, asked + 1))
  local earlier = mode ~= 'Q' and earlier_settlement(request, stored[accumulators + 1], item, content)
  if earlier then
    must_not_be_merged(stored[asked + 1])
    return earlier
  end
  must_be_whole(key, stored[asked + 1])
  if mode == 'L' then return 'M' end
  if closed(date) then return refused('YEAR_CLOSED') end
  local standing = stands and stored[accumulators + 2]
  if standing and standing ~= '' then return refused('VISIT_ALREADY_SETTLED', standing, call('HGET', key, standing)) end
  if t.window > 0 then
    local field, record = allowance_near(key, date, t.window)
    if field then return refused('ALLOWANCE_ALREADY_PAID', field, record) end
  end

  local kinds, limits, places, limit_count, before_rate = t.kinds, t.limits, t.places, t.count, t.before_rate
  for i = 1, limit_count do used[i], moved[i] = tonumber(stored[places[i] or 0] or 0), 0 end

  local base, deductible, cost, at_most, at_most_left = in_scope, 0, 0, nil, nil
  for i = 1, before_rate do
    local kind = kinds[i]
    if kind == 'D' or kind == 'd' then
      deductible = min(base, max(limits[i] - used[i], 0))
      if at_most then
        deductible = min(deductible, at_most_left)
        moved[at_most] = deductible
      end
      moved[i] = deductible
    elseif kind == 'c' then
      base = min(base, max(limits[i] - used[i], 0))
      moved[i] = base
    elseif kind == 'm' then
      at_most, at_most_left = i, max(limits[i] - used[i], 0)
    elseif kind == 'b' then
      cost, moved[i] = used[i], base
    end
  end

  -- The cost lies in the bands after what was used before; the deductible is the first part of it.
  local uncapped = fixed
  if t.basis == 'P' then
    local from, to = cost + deductible, cost + base
    for i = 1, t.part_count do
      local edge = t.edges[i]
      local up_to = edge == 0 and to or min(edge, to)
      if up_to > from then
        uncapped = uncapped + share_half_up(up_to - from, t.rates[i], t.unit)
        from = up_to
      end
    end
  end

  local allowed = nil
  for i = before_rate + 1, limit_count do
    local kind = kinds[i]
    if kind == 'f' then
      local left = max(limits[i] - used[i], 0)
      allowed = allowed and min(allowed, left) or left
    elseif kind == 'A' or kind == 'a' then
      local after = min(uncapped, max(limits[i] - used[i], 0))
      if at_most then
        after = min(after, at_most_left)
        moved[at_most] = after
      end
      moved[i] = after
      uncapped, deductible = uncapped - after, deductible + after
    elseif kind == 'n' and used[i] >= limits[i] then
      allowed = 0
    end
  end
  local paid = allowed and min(uncapped, allowed) or uncapped

  local count, new_fields = 2, stands and not standing and 2 or 1
  for i = 1, limit_count do
    local kind, place = kinds[i], places[i]
    if kind == 'f' then moved[i] = paid
    elseif kind == 'n' and paid > 0 then moved[i] = 1 end
    local before = stored[place or 0] or '0'
    local after = before
    if moved[i] > 0 then
      after = format('%d', used[i] + moved[i])
      if place then
        written[count + 1], written[count + 2] = fields[place], after
        count = count + 2
        if not stored[place] then new_fields = new_fields + 1 end
      end
    end
    numbers[2 * i - 1], numbers[2 * i] = before, after
  end

  local text, number = concat(numbers, ' ', 1, 2 * limit_count), mode ~= 'Q' and seq + 1 or 0
  local record_format = record_formats[kept_bytes]
  if not record_format then
    record_format = HEADER .. 'c0c' .. kept_bytes
    record_formats[kept_bytes] = record_format
  end
  local record = packed(record_format, FORMAT, 'S', 'A', t.basis, number, number, date, deductible, paid, uncapped - paid, visit_bytes,
    #text, limits_bytes, text, item)
  local header = sub(record, 1, HEADER_BYTES + #text)
  if mode == 'Q' then return 'N', header end
  written[1], written[2] = request, record
  if stands then
    written[count + 1], written[count + 2] = stands, request
    count = count + 2
  end
  write(key, written, count, request, new_fields)
  return 'N', header
end

-- Cancellations and reversals. Each call of the script makes its functions anew, so these are made where one is asked for.
local function take_back(key, mode, item)
  local function pack(h)
    return packed(HEADER, FORMAT, h.kind, h.state, h.basis, h.seq, h.order, h.date, h.deductible, h.paid, h.shortfall,
      h.visit_bytes, #h.numbers, #h.limits)
  end

  -- The terms of a record, and the limits that its visit met, each with kind, limit, what it moved and the accumulator's name.
  local function uses_of(h)
    local uses, numbers, names = {}, {}, {}
    if h.limits == '' then return uses, nil end
    local t = terms_and_names(h.limits, names)
    for number in string.gmatch(h.numbers, '%d+') do numbers[#numbers + 1] = tonumber(number) end
    for i = 1, t.count do
      local place = t.places[i]
      uses[i] = { kind = t.kinds[i], limit = t.limits[i], moved = numbers[2 * i] - numbers[2 * i - 1], name = place and names[place] or '' }
    end
    return uses, t
  end

  local function body(record) return sub(record, start_of_body(record)) end

  -- The record of a cancellation or reversal: HEADER with its limits, its own fingerprint, then UNDONE: length and text of the target's
  -- request field, length and bytes of the rest of its own content, the target's sequence, the number of later settlements
  -- that the cap had cut with (sequence, shortfall, date, bytes and text of the facility) of each, and the target's content.
  local function undoing(h, content, field, target_seq, headroom, target_content)
    local fingerprint, own = sub(content, 1, FINGERPRINT_BYTES), sub(content, FINGERPRINT_BYTES + 1)
    local parts = { pack(h), h.numbers, h.limits, fingerprint, packed('>I2', #field), field, packed('>I2', #own), own,
      packed('>I6I2', target_seq, #headroom) }
    for _, later in ipairs(headroom) do
      parts[#parts + 1] = packed('>I6I6I4I1', later.seq, later.shortfall, later.date, #later.facility) .. later.facility
    end
    parts[#parts + 1] = target_content
    return concat(parts)
  end

  -- What the accumulators of these limits hold now.
  local function holding(key, uses)
    local fields = { '' }
    for i = 1, #uses do fields[i + 1] = uses[i].name end
    local stored, now = call('HMGET', key, values(fields)), {}
    for i = 1, #uses do now[i] = tonumber(stored[i + 1] or 0) end
    return now
  end

  -- The numbers of a mirror: what the undoing found, and what it left.
  local function found(uses, now, sign)
    local numbers = {}
    for i = 1, #uses do
      numbers[2 * i - 1], numbers[2 * i] = format('%d', now[i]), format('%d', now[i] + sign * uses[i].moved)
    end
    return concat(numbers, ' ')
  end

  -- Moves the accumulators back or forth by what the settlement had moved them.
  local function move(fields, uses, now, sign)
    for i = 1, #uses do
      local use = uses[i]
      if use.moved > 0 and use.name ~= '' then put(fields, use.name, format('%d', now[i] + sign * use.moved)) end
    end
  end

  local IN_ORDER = { D = true, A = true }
  local PAYING = { f = true, n = true }

  -- Names of the accumulators of these kinds that the limits move, or have at all.
  local function names_of(uses, kinds, moving)
    local names, any = {}, false
    for i = 1, #uses do
      local use = uses[i]
      if kinds[use.kind] and use.name ~= '' and (use.moved > 0 or not moving) then names[use.name], any = true, true end
    end
    return any and names or nil
  end

  local function shares(other, kinds, names)
    if not names then return false end
    for name in pairs(names_of(uses_of(other), kinds, false) or {}) do
      if names[name] then return true end
    end
    return false
  end

  -- Takes a standing settlement back: what it moved is moved back, and a negative mirror is booked.
  local function undo(key, request, content, kind, outcome, field, record)
    local target = read(record)
    if closed(target.date) then return refused('YEAR_CLOSED') end
    local facility = facility_of(field)
    local uses = uses_of(target)
    local spared, relieved = names_of(uses, IN_ORDER, true), names_of(uses, PAYING, true)
    local headroom, newest, blocking = {}, 0, nil
    local stands, standing = target.visit_bytes > 0 and visit_field(facility, sub(record, -target.visit_bytes)), nil
    local all = call('HGETALL', key)
    for i = 1, #all, 2 do
      if all[i] == stands then standing = all[i + 1] end
      if sub(all[i], 1, 1) == 'q' and sub(known(all[i + 1]), 2, 3) == 'SA' then
        local other = read(all[i + 1])
        if other.order > target.order then
          -- Only what meets the same deductible blocks. Of those the newest is named: it can be undone first.
          if other.order > newest and shares(other, IN_ORDER, spared) then newest, blocking = other.order, i end
          if other.shortfall > 0 and shares(other, PAYING, relieved) then
            other.facility = facility_of(all[i])
            headroom[#headroom + 1] = other
          end
        end
      end
    end
    if blocking then return refused('CANCEL_BLOCKED_BY_LATER_SETTLEMENT', all[blocking], all[blocking + 1]) end
    table.sort(headroom, function(a, b) return a.seq < b.seq end)

    local now = holding(key, uses)
    local h = read(record)
    h.kind, h.state, h.seq, h.order, h.numbers = kind, outcome, seq + 1, seq + 1, found(uses, now, -1)
    local mirror = undoing(h, content, field, target.seq, headroom, body(record))
    target.state = kind == 'C' and 'X' or 'R'
    local fields = { field, pack(target) .. sub(record, HEADER_BYTES + 1), request, mirror }
    move(fields, uses, now, -1)
    -- Where two merged ids had the same visit settled, another settlement may stand for it.
    if standing == field then put(fields, stands, '') end
    write(key, fields, #fields, request, 1)
    return 'N' .. mirror
  end

  -- A request that did not come under the id that is named now may have come under one that was merged with it.
  local function of_any_id(key, field, record)
    if record or string.find(field, '\t', 1, true) then return field, record end
    local all, prefix = call('HGETALL', key), field .. '\t'
    for i = 1, #all, 2 do
      if sub(all[i], 1, #prefix) == prefix then return all[i], all[i + 1] end
    end
    return field, false
  end

  -- The field and record of a settlement, by request or by year and sequence, at the facility that asks.
  local function find(key, target, request)
    if sub(target, 1, 1) ~= '#' then return of_any_id(key, target, call('HGET', key, target)) end
    local year, wanted, moved = string.match(target, '^#(%d+)-(%d+)%-?(%d*)$')
    local prefix = 'q' .. facility_of(request) .. '\n'
    year, wanted, moved = tonumber(year), tonumber(wanted), tonumber(moved)
    local all = call('HGETALL', key)
    for i = 1, #all, 2 do
      if sub(all[i], 1, #prefix) == prefix and kind_of(known(all[i + 1])) == 'S' then
        local h = read(all[i + 1])
        if (h.seq == wanted or h.seq == moved) and floor(h.date / 10000) == year then return all[i], all[i + 1] end
      end
    end
    return target, false
  end

  local function cancel(key, target, request, content)
    local stored, counted = known(call('HGET', key, request)), call('HGET', key, '#')
    must_not_be_merged(counted)
    if stored then
      local kind, state = kind_of(stored), state_of(stored)
      if kind == 'T' then return refused('REQUEST_REVERSED') end
      if kind ~= 'C' or not same_content(stored, content, 1) then return refused('DUPLICATE_CONFLICT', request, stored) end
      return state == 'U' and refused('REQUEST_REVERSED', request, stored) or 'R' .. stored
    end

    must_be_whole(key, counted)
    local field, record = find(key, target, request)
    if not known(record) or kind_of(record) ~= 'S' then return refused('SETTLEMENT_UNKNOWN') end
    if state_of(record) ~= 'A' then return refused('ALREADY_CANCELLED', field, record) end
    return undo(key, request, content, 'C', 'A', field, record)
  end

  -- Lets a cancelled settlement stand again, as the newest of its day.
  local function restore(key, request, content, cancel_field, cancel_record)
    local c = read(cancel_record)
    local start = start_of_body(cancel_record) + FINGERPRINT_BYTES
    local length = unpacked('>I2', cancel_record, start)
    local field = sub(cancel_record, start + 2, start + 1 + length)
    local record = call('HGET', key, field)
    local target = read(record)
    if closed(target.date) then return refused('YEAR_CLOSED') end
    local uses, terms = uses_of(target)
    local now = holding(key, uses)
    for i = 1, #uses do
      local use = uses[i]
      local taken = use.moved > 0 and use.kind ~= 'b' and use.name ~= '' and now[i] + use.moved > use.limit
      if taken then return refused('RESTORE_IMPOSSIBLE') end
    end
    local stands = target.visit_bytes > 0 and visit_field(facility_of(field), sub(record, -target.visit_bytes)) or nil
    local standing = stands and call('HGET', key, stands)
    if standing and standing ~= '' then return refused('RESTORE_IMPOSSIBLE', standing, call('HGET', key, standing)) end
    if terms.window > 0 then
      local near, near_record = allowance_near(key, target.date, terms.window)
      if near then return refused('RESTORE_IMPOSSIBLE', near, near_record) end
    end

    local h = read(record)
    h.kind, h.state, h.seq, h.order, h.numbers = 'V', '2', seq + 1, seq + 1, found(uses, now, 1)
    target.state, target.order = 'A', seq + 1
    c.state = 'U'
    local reversal = undoing(h, content, field, target.seq, {}, body(record))
    local fields = { field, pack(target) .. sub(record, HEADER_BYTES + 1), cancel_field, pack(c) .. sub(cancel_record, HEADER_BYTES + 1),
      request, reversal }
    move(fields, uses, now, 1)
    if stands then put(fields, stands, field) end
    write(key, fields, #fields, request, 1)
    return 'N' .. reversal
  end

  local function reverse(key, target, request, content)
    local stored, counted = known(call('HGET', key, request)), call('HGET', key, '#')
    must_not_be_merged(counted)
    if stored then
      local kind = kind_of(stored)
      if kind == 'T' then return refused('REQUEST_REVERSED') end
      if kind ~= 'V' or not same_content(stored, content, 1) then return refused('DUPLICATE_CONFLICT', request, stored) end
      return 'R' .. stored
    end

    must_be_whole(key, counted)
    local original
    target, original = of_any_id(key, target, call('HGET', key, target))
    known(original)
    local standing = original and sub(original, 2, 3)
    if standing == 'SA' then return undo(key, request, content, 'V', '1', target, original) end
    if standing == 'CA' then return restore(key, request, content, target, original) end

    -- Nothing to undo. What never came is marked, so that it is refused should it still arrive.
    local h = { kind = 'V', state = original and '4' or '3', basis = 'F', seq = seq + 1, order = seq + 1, date = 0,
      deductible = 0, paid = 0, shortfall = 0, visit_bytes = 0, numbers = '', limits = '' }
    local reversal = undoing(h, content, target, 0, {}, '')
    local fields = { request, reversal }
    if not original then
      h.kind = 'T'
      h.state = '3'
      put(fields, target, pack(h))
    end
    write(key, fields, #fields, request, original and 1 or 2)
    return 'N' .. reversal
  end

  local target_bytes, request_bytes, start = unpacked(UNDOING, item)
  local target = sub(item, start, start + target_bytes - 1)
  local request = sub(item, start + target_bytes, start + target_bytes + request_bytes - 1)
  local content = sub(item, start + target_bytes + request_bytes, -2)
  if mode == 'C' then return cancel(key, target, request, content) end
  return reverse(key, target, request, content)
end

local function step(key, item)
  local mode = sub(item, -1)
  if mode == 'C' or mode == 'V' then return take_back(key, mode, item) end
  if mode == 'M' then
    local merged_bytes, merge_bytes = byte(item, -3, -2)
    local names = #item - 3 - merged_bytes - merge_bytes
    local merged, merge = sub(item, names + 1, names + merged_bytes), sub(item, names + merged_bytes + 1, -4)
    local counted = call('HGET', key, '#')
    must_be_whole(key, counted)
    if call('HGET', key, 'm' .. merged) ~= '+' .. merge then return 'H' end
    return step(key, sub(item, 1, names))
  end
  return settle(key, mode, item)
end

local replies, i = {}, 1
local function answer(word, record)
  record = record or ''
  replies[3 * i - 2], replies[3 * i - 1], replies[3 * i] = packed('>I4', #word + #record), word, record
  i = i + 1
end

-- Were a write to fail midway, the numbers already given out would still be recorded and appended, so none is given twice or lost.
-- Only what cannot be read or has been lost is left behind: one call guards the batch, since one an item costs each item.
local ok, failure
repeat
  ok, failure = pcall(function()
    while i <= items do
      newcomer = false
      answer(step(KEYS[i + 3], ARGV[i + 3]))
    end
  end)
  local left = not ok and type(failure) == 'table' and failure.reply
  if left then answer(left) end
until not left
if seq > first then
  appended[1] = packed('>I2', seq - first)
  call('XADD', KEYS[2], format('%d-0', seq), 'b', concat(appended))
  call('HSET', KEYS[1], 'seq', format('%d', seq), 'people', format('%d', people))
end
if not ok then
  local why = tostring(type(failure) == 'table' and failure.err or failure)
  -- Before the first write Redis' own reason stands, such as OOM, and who reads it knows that nothing happened.
  return redis.error_reply(seq > first and 'FAILED ' .. why or why)
end
return concat(replies)
