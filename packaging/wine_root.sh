#!/bin/sh
# Runs a Windows program under the Wine 10 of Debian 13, in the folder that this is called in.
#
#   packaging/wine_root.sh PROGRAM ARGUMENTS...      as root; needs debootstrap, unshare
#
# Wine 8, of Debian 12, lacks bcryptprimitives.dll, without which no Go program of today starts, and
# cannot remove folders as Go does. WINE_ROOT is where the Debian and Wine's own files lie, 2 GB: the
# first call makes it. MIRROR is where it comes from.
set -eu
fail() {
	echo "wine_root.sh: $*" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || fail "chroot and debootstrap need root"
root=${WINE_ROOT:-$(cd "$(dirname "$0")/.." && pwd)/build/wine/root}
if [ ! -d "$root" ]; then
	command -v debootstrap >/dev/null || fail "debootstrap not found: apt-get install debootstrap"
	mkdir -p "$root.new"
	debootstrap --variant=minbase --include=wine64 trixie "$root.new" ${MIRROR:+"$MIRROR"} >"$root.log" 2>&1 ||
		fail "debootstrap failed: see $root.log"
	mv "$root.new" "$root"
fi

# Wine's drive Z: is the root of files, so what the program reads has the same path in there: the
# temporary folder, where go test keeps it, the folders of the module and of modules it needs.
export WINE_ROOT="$root" WINEDEBUG=-all WINEPREFIX=/wine HOME=/root XDG_RUNTIME_DIR=/run
modules=$(go env GOMODCACHE)
source=$(cd "$(dirname "$0")/.." && pwd)
exec unshare --mount sh -c '
	modules=$1 source=$2 folder=$3
	shift 3
	for mount in /proc /dev /tmp "$modules" "$source"; do
		mkdir -p "$WINE_ROOT$mount" && mount --rbind "$mount" "$WINE_ROOT$mount"
	done
	exec chroot "$WINE_ROOT" sh -c "cd \"\$0\" && exec /usr/lib/wine/wine64 \"\$@\"" "$folder" "$@"' sh "$modules" "$source" "$PWD" "$@"
