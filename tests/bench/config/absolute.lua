-- wrk as the client of a forward proxy: ARGUMENTS are the absolute-form target and the Host field.
-- Setting wrk.path before wrk formats its one request keeps that request constant, so no Lua runs for each of them.
function init(arguments)
    wrk.path = arguments[1]
    wrk.headers["Host"] = arguments[2]
end

function done(summary, latency, requests)
    io.write(string.format(
        'RESULT {"requests": %d, "seconds": %.6f, "status_errors": %d, "socket_errors": %d, "p50_us": %d, "p99_us": %d}\n',
        summary.requests, summary.duration / 1e6, summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
