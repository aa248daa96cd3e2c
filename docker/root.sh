#!/bin/sh
# root.sh PROGRAM FOLDER: puts together what the image consists of: the program, the names of its user, the public roots
# and the licences of everything that is linked into it. The same for the same input: every time is SOURCE_DATE_EPOCH.
set -eu
program=$1
root=$2
linked="ca-certificates libc-ares-dev libc6-dev libcli11-dev libevent-dev libfmt-dev libidn2-dev libpsl-dev
libspdlog-dev libssl-dev libstdc++-12-dev libunistring-dev node-llhttp prometheus-cpp-dev rapidjson-dev"

install -D "$program" "$root/usr/local/bin/backoffd"
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'backoffd:x:65532:65532:backoffd:/nonexistent:/nonexistent' >"$root/etc/passwd"
echo 'backoffd:x:65532:' >"$root/etc/group"

licences=$root/usr/share/doc/backoffd
install -D -m 644 /root/LICENSE "$licences/LICENSE"
for package in $linked; do
  cp -L "/usr/share/doc/$package/copyright" "$licences/$package"
done
cp -RL /usr/share/common-licenses "$licences/common-licenses"

# Root's own, or they would be made with the owner of what is put into them.
mkdir -p /state "$root/run" "$root/var/lib"
find "$root" /state -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
