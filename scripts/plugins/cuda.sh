#!/bin/sh
# Fetches NVIDIA's CUDA compiler, runtime and cuBLAS from PyPI (1 GB unpacked): enough to
# build libggml-cuda.so where NVIDIA's own packages are not installed. It needs no GPU.
#
#   scripts/plugins/cuda.sh [DIR]         DIR defaults to .engines/cuda in the repository
#
# The script prints the commands that use the result.
set -eu

fail() {
	echo "cuda.sh: $*" >&2
	exit 1
}

command -v python3 >/dev/null 2>&1 || fail "python3 not found: apt-get install python3"
python3 -m pip --version >/dev/null 2>&1 || fail "pip not found: apt-get install python3-pip"
repo=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-$repo/.engines/cuda}
mkdir -p "$dir" 2>/dev/null || fail "cannot create folder $dir"
dir=$(cd "$dir" && pwd)

# All of one CUDA release, 13.5. cuBLAS and CCCL have version numbers of their own.
python3 -m pip install --quiet --no-deps --only-binary :all: --upgrade \
	--root-user-action ignore --target "$dir" \
	nvidia-cuda-nvcc==13.5.37 nvidia-cuda-crt==13.5.37 nvidia-nvvm==13.5.37 \
	nvidia-cuda-runtime==13.5.37 nvidia-cuda-cccl==13.3.5.0.6 nvidia-cublas==13.10.0.20 ||
	fail "pip could not fetch the CUDA packages"

# The packages hold only names with a version, for running programs. Linking needs names without.
root=$dir/nvidia/cu13
for lib in cudart cublas cublasLt; do
	ln -sf "lib$lib.so.13" "$root/lib/lib$lib.so"
done
"$root/bin/nvcc" --version | grep -q 'release 13.5' || fail "$root/bin/nvcc does not run"

cat <<END
CUDACXX=$root/bin/nvcc cmake -S $repo -B build -DPALIGEMMA_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=86
cmake --build build --parallel 2
LD_LIBRARY_PATH=$root/lib    for running, unless CUDA's libraries are installed
END
