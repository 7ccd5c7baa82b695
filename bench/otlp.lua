-- wrk: exports the protobuf in the file TRACKLIGHT_BENCH_BODY, each time with another trace id in the place of 16 "T".
local file = assert(io.open(os.getenv("TRACKLIGHT_BENCH_BODY"), "rb"))
local template = file:read("*a")
file:close()
local headers = { ["Content-Type"] = "application/x-protobuf", ["x-mlflow-experiment-id"] = "0" }
function setup(thread)
  thread:set("seed", math.random(1, 2000000000))
end
local started = false
function request()
  if not started then
    math.randomseed(seed)
    started = true
  end
  local id = {}
  for i = 1, 16 do
    id[i] = string.char(math.random(1, 255))
  end
  id = table.concat(id)
  local body = template:gsub(("T"):rep(16), function() return id end)
  return wrk.format("POST", "/v1/traces", headers, body)
end
