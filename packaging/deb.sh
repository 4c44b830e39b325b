#!/bin/sh
# Installs a deb in a clean Debian root, runs the program in it, removes the package and compares
# the files with those before.
#
#   packaging/deb.sh FILE.deb DIR      as root; needs debootstrap
#
# MAINTAINER, if it is set, is the one that the package must name. SUITE (bookworm) is the Debian, MIRROR where it comes from. The root's file system stays in DIR/clean,
# so that a second run does not fetch it again.
set -eu
fail() {
	echo "deb.sh: $*" >&2
	exit 1
}
[ -f "$1" ] || fail "no file $1: make release-snapshot makes it"
[ "$(id -u)" = 0 ] || fail "chroot and debootstrap need root"
command -v debootstrap >/dev/null || fail "debootstrap not found: apt-get install debootstrap"
maintainer=$(dpkg-deb --field "$1" Maintainer)
[ "$maintainer" = "${MAINTAINER:-$maintainer}" ] || fail "$1 names the maintainer \"$maintainer\", want \"$MAINTAINER\": was it made with MAINTAINER set?"
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$2"
dir=$(cd "$2" && pwd)
root=$dir/root

if [ ! -d "$dir/clean" ]; then
	rm -rf "$dir/new"
	debootstrap --variant=minbase "${SUITE:-bookworm}" "$dir/new" ${MIRROR:+"$MIRROR"} >"$dir/debootstrap.log" ||
		fail "debootstrap failed: see $dir/debootstrap.log"
	mv "$dir/new" "$dir/clean"
fi
rm -rf "$root"
cp -a "$dir/clean" "$root"
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT TERM

# files lists all files with their types and sizes, without dpkg's own database and logs.
files() {
	(cd "$root" && find . -path ./var/lib/dpkg -prune -o -path ./var/log -prune -o -path ./tmp -prune -o -printf '%p %y %m %s %l\n' |
		sed -E 's/^(.* d [0-7]+) [0-9]+ /\1 /' | sort)
}
files >"$dir/before"

cp "$1" "$root/tmp/pgcli.deb"
cp "$source/cmd/pgcli/demo/scene-08.jpg" "$root/tmp/scene.jpg"
chroot "$root" dpkg -i /tmp/pgcli.deb
files >"$dir/installed"
chroot "$root" dpkg -L pgcli
chroot "$root" dpkg --verify pgcli
chroot "$root" pgcli version
chroot "$root" pgcli detect /tmp/scene.jpg heart | tee "$dir/answer"
[ "$(grep -c '^heart' "$dir/answer")" = 2 ] || fail "pgcli detect found not two hearts in cmd/pgcli/demo/scene-08.jpg"
chroot "$root" bash -c '. /usr/share/bash-completion/completions/pgcli && complete -p pgcli' || fail "bash cannot read the completion"
gzip -dc "$root/usr/share/man/man1/pgcli.1.gz" | grep -q '^.TH PGCLI 1' || fail "the manual page does not begin with .TH PGCLI 1"

chroot "$root" dpkg --purge pgcli
files >"$dir/after"
cmp -s "$dir/before" "$dir/installed" && fail "the package installed nothing"
diff "$dir/before" "$dir/after" || fail "the package left files behind, or took some along"
echo "$(basename "$1"): installed, run and removed in a clean Debian ${SUITE:-bookworm}; nothing is left"
