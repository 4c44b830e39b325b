"""Times the matrix products alone of Gemma 2B's 18 blocks in other engines, with int4 weights.

    pip install -r scripts/peers/requirements.txt
    python scripts/peers/products.py onnxruntime|openvino [--columns 1,6,12,270] [--threads 2] [--runs 9]
    bin/pgcli bench -m model.gguf -t 2 --parallel 1,6,12 --test tg32   # ours: a whole step
    bin/pgcli bench -m model.gguf -t 2 --test pp270                    # ours: a whole prompt

A step or a prompt of pgcli has more in it than these products: norms, attention and, in a step,
the output head. The weights are random, and two blocks stand for 18: each is read once per run, and
two are larger than the processor's caches.
"""

import argparse
import statistics
import tempfile
import time

import numpy as np

WIDTH, KEYS, MLP, BLOCKS, BUILT, GROUP = 2048, 256, 16384, 18, 2, 32
SHAPES = {"q": (WIDTH, WIDTH), "k": (WIDTH, KEYS), "v": (WIDTH, KEYS), "o": (WIDTH, WIDTH),
          "gate": (WIDTH, MLP), "up": (WIDTH, MLP), "down": (MLP, WIDTH)}  # fmt: skip
RANDOM = np.random.default_rng(0)


def chain(x, product, multiply, add):
    """The products of the blocks, each of which depends on the one before; all results are used."""
    for block in range(BUILT):
        q, k, v = (product(f"{block}.{name}", x, *SHAPES[name]) for name in "qkv")
        o = product(f"{block}.o", add(q, k, v), *SHAPES["o"])
        hidden = multiply(product(f"{block}.gate", o, *SHAPES["gate"]), product(f"{block}.up", o, *SHAPES["up"]))
        x = product(f"{block}.down", hidden, *SHAPES["down"])
    return x


def onnxruntime(columns, threads):
    """A function that computes the products with MatMulNBits, activations rounded to int8."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []

    def product(name, x, k, m):
        groups = k // GROUP
        weights.append(numpy_helper.from_array(RANDOM.integers(0, 256, (m, groups, GROUP // 2), np.uint8), name + ".w"))
        weights.append(numpy_helper.from_array(RANDOM.standard_normal(m * groups, np.float32) * 0.01, name + ".s"))
        nodes.append(helper.make_node("MatMulNBits", [x, name + ".w", name + ".s"], [name], domain="com.microsoft",
                                      K=k, N=m, bits=4, block_size=GROUP, accuracy_level=4))  # fmt: skip
        return name

    def multiply(a, b):
        nodes.append(helper.make_node("Mul", [a, b], [a + "*"]))
        return a + "*"

    def add(q, k, v):
        nodes.append(helper.make_node("Add", [k, v], [k + "+"]))
        nodes.append(helper.make_node("ReduceMean", [k + "+"], [k + "m"], keepdims=1))
        nodes.append(helper.make_node("Add", [q, k + "m"], [q + "+"]))
        return q + "+"

    out = chain("x", product, multiply, add)
    shape = [columns, WIDTH]
    graph = helper.make_graph(nodes, "products", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(out, TensorProto.FLOAT, shape)], weights)  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)])
    model.ir_version = 10
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        session = ort.InferenceSession(file.name, options, providers=["CPUExecutionProvider"])
    x = RANDOM.standard_normal(shape, np.float32) * 0.1
    return lambda: session.run(None, {"x": x})


def openvino(columns, threads):
    """A function that computes the products with compressed weights, activations rounded to int8."""
    import openvino as ov
    from openvino import opset13 as op

    def product(_, x, k, m):
        packed = ov.Tensor(ov.Type.u4, ov.Shape([m, k // GROUP, GROUP]))
        packed.data[:] = RANDOM.integers(0, 256, packed.data.shape, np.uint8)
        quants = op.subtract(op.convert(op.constant(packed), "f16"), op.constant(np.full((1, 1, 1), 8, np.float16)))
        scales = op.constant((RANDOM.standard_normal((m, k // GROUP, 1)) * 0.01).astype(np.float16))
        weights = op.reshape(op.multiply(quants, scales), np.array([m, k], np.int64), False)
        return op.matmul(x, op.convert(weights, "f32"), False, True)

    def add(q, k, v):
        return op.add(q, op.reduce_mean(op.add(k, v), op.constant(np.array([1], np.int64)), True))

    x = op.parameter([columns, WIDTH], np.float32)
    model = ov.Model([op.result(chain(x, product, op.multiply, add))], [x], "products")
    request = ov.Core().compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(GROUP), "PERFORMANCE_HINT": "LATENCY"
    }).create_infer_request()  # fmt: skip
    data = RANDOM.standard_normal((columns, WIDTH), np.float32) * 0.1
    return lambda: request.infer([data])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", choices=["onnxruntime", "openvino"])
    parser.add_argument("--columns", default="1,6,12,270")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    for columns in map(int, args.columns.split(",")):
        compute = {"onnxruntime": onnxruntime, "openvino": openvino}[args.engine](columns, args.threads)
        compute()  # warms up
        times = []
        for _ in range(args.runs):
            start = time.perf_counter()
            compute()
            times.append(time.perf_counter() - start)
        print(f"{args.engine}, int4, {columns} columns: {1000 * statistics.median(times) * BLOCKS / BUILT:.0f} ms for {BLOCKS} blocks")


if __name__ == "__main__":
    main()
