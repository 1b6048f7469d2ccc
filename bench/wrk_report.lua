-- For bench/load.py: send METHOD and BODY, and end with one line of JSON, bench.load.Load.

-- bench.rows.QUANTILES, in percent.
local percents = { 1, 10, 25, 50, 75, 90, 95, 99, 99.9 }

function init(arguments)
  wrk.method = arguments[1]
  if arguments[2] and #arguments[2] > 0 then
    wrk.body = arguments[2]
    wrk.headers["Content-Type"] = "application/json"
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  local quantiles = {}
  for index, percent in ipairs(percents) do
    quantiles[index] = string.format("%.6f", latency:percentile(percent) / 1e3)
  end
  io.write(string.format(
    '{"count":%d,"failed":%d,"elapsed_s":%.6f,"p50_ms":%.6f,"p99_ms":%.6f,"quantiles_ms":[%s]}\n',
    summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    summary.duration / 1e6,
    latency:percentile(50.0) / 1e3,
    latency:percentile(99.0) / 1e3,
    table.concat(quantiles, ",")
  ))
end
