#!lua flags=allow-oom
-- The relay's one step for a shard: hold the lease, drop what the ledger has committed, read what comes next. It may run where memory is
-- short, since it is what makes room.
-- KEYS[1] shard hash   KEYS[2] outbox stream   KEYS[3] lease
-- ARGV[1] epoch   ARGV[2] relay's name   ARGV[3] lease_ms   ARGV[4] committed   ARGV[5] first sequence wanted   ARGV[6] count
-- ARGV[7] how many committed records stay, for a ledger that is put back to an earlier state
-- Reply: the shard's sequence, then one text with each record: length (2 bytes) and text of the insured's key, the same of the request
-- field, length (4 bytes) and bytes of the record; 'LEASED' while another relay holds the lease.
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

-- An entry has the number of its last record, so it goes once the ledger has had all of them for long enough.
local committed = tonumber(ARGV[4])
if committed > tonumber(shard[3]) then
  redis.call('HSET', KEYS[1], 'committed', committed)
  redis.call('XTRIM', KEYS[2], 'MINID', string.format('%d-0', math.max(committed + 1 - tonumber(ARGV[7] or 0), 0)))
end

-- A record as it was appended: what was cancelled, undone or restored since has another state or order, and nothing else.
-- Format 2 has: format (1 byte), kind, state, basis, sequence (6 bytes), order (6 bytes). Another format goes out as it is, and who
-- reads it says so.
local function as_appended(record)
  local kind = string.sub(record, 2, 2)
  if string.byte(record) ~= 2 or (kind ~= 'S' and kind ~= 'C') then return record end
  local seq = string.sub(record, 5, 10)
  -- Most are as they were: to put those together anew cost as much as to read them.
  if string.sub(record, 3, 3) == 'A' and string.sub(record, 11, 16) == seq then return record end
  return string.sub(record, 1, 2) .. 'A' .. string.sub(record, 4, 10) .. seq .. string.sub(record, 17)
end

local ENTRIES_AT_A_TIME = 16
local parts = {}
local wanted, left = tonumber(ARGV[5]), tonumber(ARGV[6])
while left > 0 do
  local entries = redis.call('XRANGE', KEYS[2], string.format('%d-0', wanted), '+', 'COUNT', ENTRIES_AT_A_TIME)
  for _, entry in ipairs(entries) do
    local batch = entry[2][2]
    local last = tonumber(string.match(entry[1], '^%d+'))
    local sequence, from = last - struct.unpack('>I2', batch) + 1, 3
    while sequence <= last and left > 0 do
      local key_end = string.find(batch, '\0', from, true)
      local request_end = string.find(batch, '\0', key_end + 1, true)
      if sequence >= wanted then
        local key, request = string.sub(batch, from, key_end - 1), string.sub(batch, key_end + 1, request_end - 1)
        local record = redis.call('HGET', key, request)
        if not record then return redis.error_reply('NORECORD the record of sequence ' .. sequence .. ' is not on this node') end
        local at = #parts
        parts[at + 1], parts[at + 2] = struct.pack('>I2', #key), key
        parts[at + 3], parts[at + 4] = struct.pack('>I2', #request), request
        parts[at + 5], parts[at + 6] = struct.pack('>I4', #record), as_appended(record)
        left = left - 1
      end
      sequence, from = sequence + 1, request_end + 1
    end
    wanted = math.max(wanted, sequence)
  end
  if #entries < ENTRIES_AT_A_TIME then break end
end
return { shard[2], table.concat(parts) }
