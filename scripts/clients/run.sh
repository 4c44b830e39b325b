#!/bin/sh
# Runs bin/pgcli against real clients: make test-clients. Needs Python 3.11, node and npm;
# installs the pinned packages into build/clients.
set -eu
cd "$(dirname "$0")/../.."
clients=$PWD/scripts/clients build=$PWD/build/clients
mkdir -p "$build"
if ! cmp -s "$clients/requirements.txt" "$build/requirements.txt"; then
	"${PYTHON:-python3}" -m venv "$build/venv"
	"$build/venv/bin/pip" install --quiet --no-deps --requirement "$clients/requirements.txt"
	cp "$clients/requirements.txt" "$build"
fi
cp "$clients"/package.json "$clients"/package-lock.json "$clients"/*.mjs examples/*.mjs "$build"
npm ci --silent --prefix "$build"
"$build/venv/bin/python" -W ignore -m unittest discover --start-directory "$clients" --verbose
PGCLI=$PWD/bin/pgcli PICTURE=$PWD/cmd/pgcli/demo/scene-05.jpg EXAMPLE=$build/chat.mjs node --test "$build"/*.test.mjs
