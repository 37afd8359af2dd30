-- One step of making two insured one, or of parting them again (docs/decisions/merging-ids.md). Where both are of this shard it does both
-- halves at once; of two shards each is asked for its own.
-- KEYS[1] shard hash   KEYS[2] outbox stream   KEYS[3] set of all insured that something is stored of
-- KEYS[4] hash of the id that is merged into another   KEYS[5] hash of that other; KEYS[1] in place of one that is not asked for
-- ARGV[1] epoch   ARGV[2] lowest sequence that this store can be at   ARGV[3] longest outbox
-- ARGV[4] 'merge' or 'part'   ARGV[5] the merge's name   ARGV[6] the merged id   ARGV[7] the other
-- ARGV[8] of a merge SHA-1 of the merged hash as it was read, so that what is brought is all that there is
-- ARGV[9] content of the record under the merged id   ARGV[10] the same under the other
-- ARGV[11..] field, value: what the other hash is brought, or gives back. A record (q) is ranked by a number of its own; a visit (v) is
--   brought where none stands there; an accumulator is added or taken away; a mark (m) is put or removed
-- Reply: the shard's last number, then a word for each half: 'done'; 'was' done before; 'gone', 'changed', 'merged' into yet another,
--   'other' merge stands there, 'parted' again since, 'later' a settlement was made or undone since. Where either is not done or
--   was, nothing happened.
local HEADER = '>Bc1c1c1I6I6I4I6I6I6I1I2I2'
local FORMAT = 2
-- Records with a number from here on were brought by a merge.
local MOVED = 2 ^ 40
local call, sub, format, packed = redis.call, string.sub, string.format, struct.pack

local shard = call('HMGET', KEYS[1], 'epoch', 'seq', 'committed', 'people', 'lowest')
if not shard[1] then return redis.error_reply('NOSHARD the shard key is missing') end
if shard[1] ~= ARGV[1] then return redis.error_reply('EPOCH the store belongs to another ledger') end
local seq, people = tonumber(shard[2]), tonumber(shard[4] or 0)
local lowest = math.max(tonumber(ARGV[2]), tonumber(shard[5] or 0))
if seq < lowest then
  call('HSET', KEYS[1], 'lowest', format('%d', lowest))
  return redis.error_reply('STALE the store is behind what was acknowledged')
end
if seq + #ARGV - tonumber(shard[3]) > tonumber(ARGV[3]) then return redis.error_reply('OUTBOXFULL the ledger is too far behind') end

local merges, name, merged, other = ARGV[4] == 'merge', ARGV[5], ARGV[6], ARGV[7]
local mark = 'm' .. merged
local asks_merged, asks_other = KEYS[4] ~= KEYS[1], KEYS[5] ~= KEYS[1]

-- What stands in place of a number where the hash was merged into another.
local function away(counted) return counted and sub(counted, 1, 1) == '>' end

local function is_whole(key, counted)
  if not counted then
    return call('EXISTS', key) == 0 and call('SISMEMBER', KEYS[3], key) == 0 and call('SCARD', KEYS[3]) == people
  end
  local count = tonumber(counted) or tonumber(string.match(counted, '^>%x+ (%d+) '))
  return call('HLEN', key) == count + 1
end

local function look_at_merged()
  -- Before a field is looked up: each look may move fields inside a hash that has grown, and they are given in another order then.
  local digest = merges and redis.sha1hex(table.concat(call('HGETALL', KEYS[4])))
  local counted = call('HGET', KEYS[4], '#')
  if away(counted) then
    if string.match(counted, '^>(%x+) ') ~= name then return merges and 'merged' or 'other' end
    if merges then return 'was' end
  elseif not merges then
    return 'was'
  end
  if not is_whole(KEYS[4], counted) then return 'gone' end
  if merges and digest ~= ARGV[8] then return 'changed' end
  return 'done'
end

-- Whether anything was settled or undone from this hash since a number was given out.
local function moved_since(key, number)
  local all = call('HGETALL', key)
  for i = 1, #all, 2 do
    local record = all[i + 1]
    if sub(all[i], 1, 1) == 'q' and sub(record, 2, 2) ~= 'M' then
      local own = struct.unpack('>I6', record, 5)
      if own > number and own < MOVED then return true end
    end
  end
  return false
end

local function look_at_other()
  local counted = call('HGET', KEYS[5], '#')
  if away(counted) then return 'merged' end
  if not is_whole(KEYS[5], counted) then return 'gone' end
  local stands = call('HGET', KEYS[5], mark)
  if stands == (merges and '+' or '-') .. name then return 'was' end
  if merges and stands == '-' .. name then return 'parted' end
  if merges then return stands and sub(stands, 1, 1) == '+' and 'other' or 'done' end
  if stands ~= '+' .. name then return 'other' end
  local record = call('HGET', KEYS[5], 'q\nmerge-in-' .. name)
  if not record then return 'gone' end
  if moved_since(KEYS[5], struct.unpack('>I6', record, 5)) then return 'later' end
  return 'done'
end

local of_merged, of_other = asks_merged and look_at_merged() or 'was', asks_other and look_at_other() or 'was'
local answers = { seq, of_merged, of_other }
for i = 2, 3 do
  if answers[i] ~= 'done' and answers[i] ~= 'was' then return answers end
end

-- What a half writes of its hash: the record with the numbers from first on, and how many fields there are.
local function record_of(key, field, state, first, before, content)
  seq = seq + 1
  local record = packed(HEADER, FORMAT, 'M', state, 'F', seq, first, 0, 0, 0, 0, 0, #before, 0) .. before .. content
  call('HSET', key, field, record)
  call('XADD', KEYS[2], format('%d-0', seq), 'b', packed('>I2', 1) .. key .. '\0' .. field .. '\0')
  if call('SADD', KEYS[3], key) == 1 then people = people + 1 end
  call('HSET', KEYS[1], 'seq', format('%d', seq), 'people', format('%d', people))
end

local function fields_of(key)
  return call('HLEN', key) - call('HEXISTS', key, '#')
end

local function write_merged()
  record_of(KEYS[4], 'q\n' .. (merges and 'merge-out-' or 'unmerge-out-') .. name, merges and 'O' or 'o', seq + 1, '', ARGV[9])
  local count = format('%d', fields_of(KEYS[4]))
  call('HSET', KEYS[4], '#', merges and '>' .. name .. ' ' .. count .. ' ' .. other or count)
end

local function write_other()
  local key, first, before, put, gone = KEYS[5], seq + 1, {}, {}, {}
  local function add(list, ...)
    for _, value in ipairs({ ... }) do list[#list + 1] = value end
  end
  for i = 11, #ARGV, 2 do
    local field, value = ARGV[i], ARGV[i + 1]
    local kind = sub(field, 1, 1)
    local held = call('HGET', key, field)
    if kind == 'q' then
      if merges then
        seq = seq + 1
        add(put, field, sub(value, 1, 10) .. packed('>I6', seq) .. sub(value, 17))
      else
        add(gone, field)
      end
    elseif kind == 'v' then
      if merges and (not held or held == '') then add(put, field, value) end
      if not merges and held == value then add(put, field, '') end
    elseif kind == 'm' then
      if merges then add(put, field, value) else add(gone, field) end
    else
      before[#before + 1] = held or '0'
      add(put, field, format('%d', tonumber(held or 0) + (merges and 1 or -1) * tonumber(value)))
    end
  end
  add(put, mark, (merges and '+' or '-') .. name)
  -- Lua gives a call a few thousand arguments at most.
  for from = 1, #put, 1000 do call('HSET', key, unpack(put, from, math.min(from + 999, #put))) end
  for from = 1, #gone, 1000 do call('HDEL', key, unpack(gone, from, math.min(from + 999, #gone))) end
  local field = 'q\n' .. (merges and 'merge-in-' or 'unmerge-in-') .. name
  record_of(key, field, merges and 'I' or 'i', first, table.concat(before, ' '), ARGV[10])
  call('HSET', key, '#', format('%d', fields_of(key)))
end

-- What is given back goes before its own hash is settled from again, and what is taken comes after.
if not merges and of_other == 'done' then write_other() end
if of_merged == 'done' then write_merged() end
if merges and of_other == 'done' then write_other() end
answers[1] = seq
return answers
