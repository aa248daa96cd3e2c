#!/bin/sh
# base.sh: has the base image of docker/Dockerfile in podman's store. Where it is not there and cannot be pulled, it is
# put together from the Debian archive that this machine itself uses.
set -eu
name=docker.io/library/debian:bookworm-slim
if podman image exists "$name" || podman pull -q "$name" >/dev/null 2>&1; then
  exit 0
fi
echo "base image: cannot be pulled, made from this machine's Debian archive" >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$(dirname "$0")/debian_root.sh" "$folder/base.tar"
podman import --quiet --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  "$folder/base.tar" "$name" >/dev/null
