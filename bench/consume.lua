-- Calls of one application for its people, one after another: wrk -s bench/consume.lua URL -- USERS KEY
local calls, place = {}, 0

function init(arguments)
    wrk.headers["content-type"] = "application/json"
    wrk.headers["authorization"] = "Bearer " .. arguments[2]
    for user in io.lines(arguments[1]) do
        local body = '{"user_id":"' .. user .. '","resource_type":"dicom_processing","cost":1}'
        calls[#calls + 1] = wrk.format("POST", "/quota/consume", nil, body)
    end
end

function request()
    place = place % #calls + 1
    return calls[place]
end

function done(summary, latency)
    local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
    io.write(string.format("DONE %d %d %d %d %d\n", summary.requests, summary.duration, bad,
        latency:percentile(50), latency:percentile(99)))
end
