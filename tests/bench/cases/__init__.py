"""The rows of the table, in the order they are run and printed."""

from . import bulk, idle, latency, newconn, sleeper, small, start, syscalls, tls_bulk, tls_handshake, tls_small, tunnel

ALL = (small.CASE, syscalls.CASE, newconn.CASE, newconn.CURL_CASE, latency.CASE, latency.ONE_CORE_CASE, bulk.CASE, tunnel.CASE, tls_handshake.CASE,
       tls_small.CASE, tls_bulk.CASE, idle.CASE, idle.TUNNEL_CASE, start.CASE, sleeper.CASE)
BY_NAME = {case.name: case for case in ALL}
