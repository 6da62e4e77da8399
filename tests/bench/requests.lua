-- wrk sends the requests of the file BENCH_REQUESTS in turn. Each is a line with its length in bytes, then its bytes.
-- BENCH_MARKER in a request becomes a new UUID each time; BENCH_PREFIX, its first 24 characters, differs between runs.
local marker, prefix = os.getenv("BENCH_MARKER"), os.getenv("BENCH_PREFIX")
local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
local before, after, count = {}, {}, 0
for length in file:lines() do
   local bytes = file:read(tonumber(length))
   local from, to = bytes:find(marker, 1, true)
   count = count + 1
   before[count] = from and bytes:sub(1, from - 1) or bytes
   after[count] = from and bytes:sub(to + 1) or false
end
file:close()

local sent, format = 0, string.format

function request()
   sent = sent + 1
   local index = sent % count + 1
   if after[index] then
      return before[index] .. prefix .. format("%012x", sent) .. after[index]
   end
   return before[index]
end

-- The result as one line of JSON; times in microseconds.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(format(
      '{"requests": %d, "duration": %d, "p50": %d, "p99": %d, "max": %d, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout
   ))
end
