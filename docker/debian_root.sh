#!/bin/sh
# debian_root.sh TARGET [OPTION...]: a minimal Debian root in TARGET (a folder or a .tar) from the archive that this machine
# itself uses, without manuals and translations. The options are further ones of mmdebstrap.
set -eu
target=$1
shift
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
  "$@" bookworm "$target" "$sources" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
