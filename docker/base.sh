#!/bin/sh
# base.sh: has the base image of docker/Dockerfile in podman's store. Where it is not there and cannot be pulled, it is
# put together from the Debian archive that this machine itself uses.
set -eu
name=docker.io/library/debian:bookworm-slim
if podman image exists "$name" || podman pull -q "$name" >/dev/null 2>&1; then
  exit 0
fi
echo "base image: cannot be pulled, made from this machine's Debian archive" >&2

for sources in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  [ -e "$sources" ] && break
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Retries|http::Proxy|https::Proxy) ' >"$folder/apt.conf" || true
# In memory where there is some: most of the time goes into writing small files.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
mmdebstrap --quiet --variant=minbase --aptopt="$folder/apt.conf" \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  bookworm "$folder/base.tar" "$sources" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
podman import --quiet --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  "$folder/base.tar" "$name" >/dev/null
