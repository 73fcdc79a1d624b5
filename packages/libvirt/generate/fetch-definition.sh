#!/bin/sh
# Fetch libvirt's protocol definition from Debian's source package into DIR (first argument).
# The files are LGPL and stay out of this repository; only what is generated from them is kept.
# Needs dpkg-dev and xz-utils. Leaves the machine's own apt set-up alone.
set -eu
mkdir -p "$1"
D=$(cd "$1" && pwd)
[ -f "$D/remote/remote_protocol.x" ] && exit 0
mkdir -p "$D/lists/partial" "$D/parts"
for f in /etc/apt/sources.list.d/*.sources; do
  [ -f "$f" ] || continue
  awk -v RS= '/Types:[^\n]*deb/ && /debian/ { gsub(/Types:[^\n]*/,"Types: deb-src"); print; print "" }' "$f"
done > "$D/parts/src.sources"
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -f "$f" ] || continue
  sed -n 's/^deb /deb-src /p' "$f"
done > "$D/parts/src.list"
A="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$D/parts -o Dir::State::lists=$D/lists -o APT::Sandbox::User=root"
apt-get $A -qq update
# The release that is installed here, so that the constants of libvirt-dev and the protocol agree.
V=$(dpkg-query -W -f '${source:Version}' libvirt0 2>/dev/null || true)
[ -n "$V" ] || V=$(apt-cache $A showsrc libvirt | awk '/^Version:/{print $2; exit}')
(cd "$D" && apt-get $A -qq source --download-only "libvirt=$V")
tar -C "$D" --strip-components=2 --wildcards -xf "$D"/libvirt_*.orig.tar.xz '*/src/remote/*_protocol.x' '*/src/rpc/vir*protocol.x'
