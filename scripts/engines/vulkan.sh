#!/bin/sh
# Tests GPU code without a GPU: a third-party ggml, loaded as a shared library, computes on
# its device Vulkan0, which is lavapipe, Mesa's Vulkan on the CPU.
#
#   scripts/engines/vulkan.sh        or make test-vulkan
#
# The tests compare operations with their definitions, and a block of a transformer and the
# embedded model's answers and logits with the CPU's. VK_DRIVER_FILES names another driver's
# file. To test a GPU of your own, set the variables at the end by hand.
set -eu
cd "$(dirname "$0")/../.."

fail() {
	echo "vulkan.sh: $*" >&2
	exit 1
}

oldest=25 # tried: 25.0.7. 22.3.6 frees memory twice once a graph's buffers are gone.
driver=${VK_DRIVER_FILES:-$(find /usr/share/vulkan/icd.d -name 'lvp_icd*.json' 2>/dev/null | head -n 1)}
[ -n "$driver" ] || fail "no lavapipe: apt-get install mesa-vulkan-drivers"
[ -f "$driver" ] || fail "no driver file $driver"
library=$(sed -n 's/.*"library_path": *"\(.*\)".*/\1/p' "$driver")
case $library in
/*) ;;
*) library=$(ldconfig -p | awk -v name="$library" '$1 == name { print $NF; exit }') ;;
esac
mesa=$(grep -aoE -m 1 'Mesa [0-9]+\.[0-9.]+' "$library" 2>/dev/null | head -n 1 | cut -d ' ' -f 2)
[ "${mesa%%.*}" -ge $oldest ] 2>/dev/null ||
	fail "lavapipe is from Mesa ${mesa:-unknown}, want $oldest or newer; Debian 12 has it in backports: apt-get install -t bookworm-backports mesa-vulkan-drivers"
ldconfig -p | grep -q 'libvulkan\.so\.1' || fail "no Vulkan loader: apt-get install libvulkan1"

scripts/engines/fetch.sh --vulkan

# Without these ggml skips devices that are not GPUs, and computes in half precision, which loses too much here.
export VK_DRIVER_FILES="$driver" GGML_VK_VISIBLE_DEVICES=0 GGML_VK_DISABLE_F16=1
export PALIGEMMA_TEST_ENGINE="$PWD/.engines/linux-x64-vulkan" PALIGEMMA_TEST_DEVICE=Vulkan0
go test -count=1 -run '^Test(Device|Math|Matrix|Layout|AttentionInGroups|Reuse|Cache|Inputs|Weights)$' ./internal/nn
go test -count=1 -run '^TestDevice$' -v .
