#!/bin/sh
# Finds things in a picture with curl: sh detect.sh photo.jpg cat dog
set -eu
url=${PGCLI_URL:-http://127.0.0.1:9931}
image=$1
shift
labels=$(IFS=,; echo "$*")
exec curl --silent --show-error --fail-with-body "$url/v1/detect" --form "image=@$image" --form "labels=$labels"
