#!/bin/sh
# build.sh [STAGE]: builds the image backoffd:VERSION with docker where its engine runs, else with podman; or an earlier
# stage of docker/Dockerfile alone, so that the image is built sooner later.
# Its times are those of the last commit, so that podman makes the same layers of the same commit.
set -eu
cd "$(dirname "$0")/.."
stage=${1:-runtime}
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
version=$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' admin/version.h)
set -- --build-arg VERSION="$version" --build-arg REVISION="$revision" --build-arg SOURCE_DATE_EPOCH="$epoch" \
  --target "$stage" -f docker/Dockerfile .
[ "$stage" != runtime ] || set -- -t "backoffd:$version" "$@"

if docker info >/dev/null 2>&1; then
  exec docker build "$@"
fi
command -v podman >/dev/null || { echo "neither docker's engine nor podman: make deps-container" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then
  export CONTAINERS_CONF="$PWD/docker/containers.conf"
fi
base=$(docker/base.sh)
# Health checks are of docker's format; chroot is the isolation that needs no privileges of the engine.
exec podman build --format docker --isolation chroot --layers --pull=never --timestamp "$epoch" \
  --build-arg BASE="$base" "$@"
