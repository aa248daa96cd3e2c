"""What a provider says, as the header fields that real ones use for it."""

import email.utils

EPOCH = 1700000000  # second 0 of the simulation, on the wall clock

# How quota, remaining and reset are written, and Retry-After with them.
SHAPES = ("ietf", "draft-6", "x", "x-epoch", "x-epoch-ms", "date")


def headers(said: dict, shape: str, now: float) -> dict[str, str]:
    fields = {}
    if not said:
        return fields
    if "retry_after" in said:
        fields["Retry-After"] = _date(now + said["retry_after"]) if shape == "date" else str(said["retry_after"])
    if "concurrency" in said:
        fields["X-Concurrency-Limit"] = str(said["concurrency"])
    if "remaining" in said:
        fields |= _quota(said, shape, now)
    elif "quota" in said:
        fields |= {"X-Rate-Limit-Limit": str(said["quota"]), "X-Rate-Limit-Interval": f"{said['window']}s"}
    if shape in ("x-epoch", "x-epoch-ms", "date"):
        fields["Date"] = _date(now)
    return fields


def _quota(said: dict, shape: str, now: float) -> dict[str, str]:
    quota, remaining, reset, window = said["quota"], said["remaining"], said["reset"], said.get("window")
    if shape == "ietf":
        policy = f'"default";q={quota}' + (f";w={round(window)}" if window else "")
        return {"RateLimit-Policy": policy, "RateLimit": f'"default";r={remaining};t={reset}'}
    if shape == "draft-6":
        limit = f"{quota}, {quota};w={round(window)}" if window else str(quota)
        return {"RateLimit-Limit": limit, "RateLimit-Remaining": str(remaining), "RateLimit-Reset": str(reset)}
    at = {"x-epoch": str(EPOCH + int(now) + reset), "x-epoch-ms": str((EPOCH + int(now) + reset) * 1000)}.get(shape, str(reset))
    return {"X-RateLimit-Limit": str(quota), "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": at}


def _date(now: float) -> str:
    return email.utils.formatdate(EPOCH + int(now), usegmt=True)
