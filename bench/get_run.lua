-- The load of runs/get, for wrk: one run, with the credentials of TRACKLIGHT_BENCH_AUTHORIZATION if it is set.

local run = os.getenv("TRACKLIGHT_BENCH_RUNS")
local credentials = os.getenv("TRACKLIGHT_BENCH_AUTHORIZATION")

function init(args)
    if credentials then
        wrk.headers["Authorization"] = credentials
    end
    wrk.path = "/api/2.0/mlflow/runs/get?run_id=" .. run
end
