-- SPDX-License-Identifier: Apache-2.0
-- For wrk: sends one kind of request and prints what came of it as a line of JSON.
--
--   wrk ... -s load.lua URL -- HOST USERS TAG FILE
--
-- FILE is the body. USERS: how many mailboxes take turns, user0000000@contoso.com and so on, or the one name. In the
-- body @@@@@@@@@@@@ becomes a number that no other request of this run has, begun by TAG, of the same length.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  local file = assert(io.open(args[4], "rb"))
  local body = file:read("*a")
  file:close()
  local head = "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: " .. args[1] ..
    "\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: " .. #body .. "\r\nX-Bench-User: "
  users = tonumber(args[2])
  local at = body:find("@@@@@@@@@@@@", 1, true)
  if not users and not at then
    fixed = head .. args[2] .. "\r\n\r\n" .. body
  end
  name = args[2]
  before = head
  middle = "\r\n\r\n" .. body:sub(1, (at or #body + 1) - 1)
  after = at and body:sub(at + 12) or ""
  numbered = at ~= nil
  tag = tonumber(args[3]) * 100 + number
  count = 0
  step = 7919 * (number + 1)
  math.randomseed(tag)
end

function request()
  if fixed then return fixed end
  count = count + 1
  local user = users and string.format("user%07d@contoso.com", (count * step + tag * 131) % users) or name
  local unique = numbered and string.format("%05d%07d", tag, count) or ""
  return before .. user .. middle .. unique .. after
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %d, "bad": %d, "dropped": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
