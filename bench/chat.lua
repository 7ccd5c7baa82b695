-- wrk: chats; TRACKLIGHT_BENCH_PATH is where, TRACKLIGHT_BENCH_MODEL what "model" says.
local body = string.format('{"model":"%s","messages":[{"role":"user","content":"What is the weather?"}]}',
  os.getenv("TRACKLIGHT_BENCH_MODEL"))
local request_text
function init()
  request_text = wrk.format("POST", os.getenv("TRACKLIGHT_BENCH_PATH"), { ["Content-Type"] = "application/json" }, body)
end
function request()
  return request_text
end
