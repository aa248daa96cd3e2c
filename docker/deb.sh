#!/bin/sh
# deb.sh BUILD: makes the Debian package in BUILD/deb, from what docker/debian describes and `make install` installs.
# The version is the program's, the dates are those of the last commit.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/deb"
out=$(cd "$1/deb" && pwd)
version=$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' "$source/admin/version.h")
SOURCE_DATE_EPOCH=$(git -C "$source" log -1 --format=%ct 2>/dev/null || stat -c %Y "$source/CHANGELOG.md")
BUILD=$(dirname "$out")
export SOURCE_DATE_EPOCH BUILD SOURCE="$source"

rm -rf "$out"
mkdir "$out"
mkdir "$out/backoffd"
cp -r "$source/docker/debian" "$out/backoffd/debian"
cat >"$out/backoffd/debian/changelog" <<END
backoffd ($version) unstable; urgency=medium

  * As NEWS.md has it.

 -- $(sed -n 's/^Maintainer: //p' "$source/docker/debian/control")  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
cd "$out/backoffd"
dpkg-buildpackage --build=binary --no-sign >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
rm -r "$out/backoffd"
ls "$out"/*.deb
