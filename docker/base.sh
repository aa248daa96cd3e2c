#!/bin/sh
# base.sh: has a base image for docker/Dockerfile in podman's store and prints its name. Where the usual one is not
# there and cannot be pulled, one is put together from the Debian archive that this machine itself uses.
set -eu
usual=$(sed -n 's/^ARG BASE=//p' "$(dirname "$0")/Dockerfile")
made=localhost/backoffd-base:bookworm
for name in "$usual" "$made"; do
  if podman image exists "$name"; then
    echo "$name"
    exit
  fi
done
if timeout 60 podman pull --quiet "$usual" >/dev/null 2>&1; then
  echo "$usual"
  exit
fi
echo "base image: cannot be pulled, made from this machine's Debian archive" >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$(dirname "$0")/debian_root.sh" "$folder/base.tar"
podman import --quiet --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  "$folder/base.tar" "$made" >/dev/null
echo "$made"
