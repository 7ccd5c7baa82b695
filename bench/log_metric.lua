-- wrk: single-metric logging to the runs named in TRACKLIGHT_BENCH_RUNS (comma-separated), steps counted up.
local runs = {}
for id in (os.getenv("TRACKLIGHT_BENCH_RUNS") or ""):gmatch("[^,]+") do
  runs[#runs + 1] = id
end
local step = 0
local offset = 0
function setup(thread)
  thread:set("offset", math.random(0, 1000000000))
end
function request()
  step = step + 1
  local id = runs[step % #runs + 1]
  local body = string.format('{"run_id":"%s","key":"loss","value":%.6f,"timestamp":%d,"step":%d}',
    id, 1 / step, 1700000000000 + offset + step, step)
  return wrk.format("POST", "/api/2.0/mlflow/runs/log-metric", { ["Content-Type"] = "application/json" }, body)
end
