"""llama.cpp's libraries, called through ctypes. Scripts that compare with llama.cpp import this module.

    sys.path.insert(0, "scripts/engines")
    import llamacpp

    lib = llamacpp.Library(".engines/linux-x64")  # the folder that scripts/engines/fetch.sh fills
    model = lib.load_model("text.gguf")
"""

import ctypes
import pathlib


class Params(ctypes.Structure):
    """Any of llama.cpp's parameter structs, as opaque bytes.

    llama.cpp's own functions make the default parameters, and they are passed back by value.
    A struct of this size is passed on the stack, and the callee reads as many bytes as its
    own struct has, so the rest does no harm.
    """

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]


class Batch(ctypes.Structure):
    """struct llama_batch"""

    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.c_void_p), ("embd", ctypes.c_void_p), ("pos", ctypes.c_void_p),
                ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p), ("logits", ctypes.c_void_p)]


POINTER, INTEGER, FLAG, TEXT, SIZE = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_char_p, ctypes.c_size_t
INTEGERS, FLOATS = ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(ctypes.c_float)

PROTOTYPES = {  # name: result, arguments
    "llama_model_default_params": (Params, []),
    "llama_context_default_params": (Params, []),
    "llama_model_quantize_default_params": (Params, []),
    "llama_model_load_from_file": (POINTER, [TEXT, Params]),
    "llama_model_free": (None, [POINTER]),
    "llama_model_desc": (INTEGER, [POINTER, TEXT, SIZE]),
    "llama_model_quantize": (ctypes.c_uint32, [TEXT, TEXT, ctypes.POINTER(Params)]),
    "llama_model_get_vocab": (POINTER, [POINTER]),
    "llama_vocab_n_tokens": (INTEGER, [POINTER]),
    "llama_tokenize": (INTEGER, [POINTER, TEXT, INTEGER, INTEGERS, INTEGER, FLAG, FLAG]),
    "llama_init_from_model": (POINTER, [POINTER, Params]),
    "llama_n_ctx": (ctypes.c_uint32, [POINTER]),
    "llama_set_n_threads": (None, [POINTER, INTEGER, INTEGER]),
    "llama_n_threads": (INTEGER, [POINTER]),
    "llama_n_threads_batch": (INTEGER, [POINTER]),
    "llama_get_memory": (POINTER, [POINTER]),
    "llama_memory_clear": (None, [POINTER, FLAG]),
    "llama_memory_seq_pos_max": (INTEGER, [POINTER, INTEGER]),
    "llama_batch_get_one": (Batch, [POINTER, INTEGER]),
    "llama_decode": (INTEGER, [POINTER, Batch]),
    "llama_get_logits_ith": (FLOATS, [POINTER, INTEGER]),
}

# llama.h: enum llama_ftype
FTYPES = {
    "f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7, "q5_0": 8, "q2_k": 10, "q3_k_m": 12, "q4_k_s": 14, "q4_k_m": 15,
    "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq4_nl": 25, "iq4_xs": 30, "bf16": 32,
}  # fmt: skip


class Library:
    """llama.cpp with the CPU plug-in that it chooses itself, from the libraries in a folder.

    Every function in PROTOTYPES is an attribute. version is ggml's; messages keeps llama.cpp's log.
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder).resolve()

        def load(pattern):
            path = next(folder.glob(pattern), None)
            if path is None:
                raise SystemExit(f"{folder} has no {pattern}; scripts/engines/fetch.sh fetches it")
            return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)

        base = load("libggml-base*.so*")
        load("libggml.*so*").ggml_backend_load_all_from_path(str(folder).encode())
        lib = load("libllama.*so*")
        for name, (result, arguments) in PROTOTYPES.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        base.ggml_version.restype = base.ggml_commit.restype = TEXT
        self.version = f"ggml {base.ggml_version().decode()} ({base.ggml_commit().decode()})"
        self.messages = []
        log = ctypes.CFUNCTYPE(None, ctypes.c_int, TEXT, POINTER)
        self.log = log(lambda level, text, _: self.messages.append(text.decode(errors="replace")))  # must live as long as the library
        lib.llama_log_set(self.log, None)

    def fail(self, message):
        raise SystemExit(f"llama.cpp {message}:\n" + "".join(self.messages[-30:]))

    def load_model(self, path):
        """The model in a GGUF file. The caller frees it with llama_model_free."""
        model = self.llama_model_load_from_file(str(path).encode(), self.llama_model_default_params())
        if not model:
            self.fail(f"does not load {path}: want the text half that pgcli convert --split-mmproj writes")
        return model

    def tokenize(self, vocab, text):
        """Token ids of a text, without <bos> and with special tokens as plain text."""
        data = text.encode()
        out = (ctypes.c_int32 * (len(data) + 16))()
        n = self.llama_tokenize(vocab, data, len(data), out, len(out), False, False)
        return list(out[:n])

    def quantize(self, source, target, mix):
        """Writes the file source to target in a mix of types, a key of FTYPES."""
        params = self.llama_model_quantize_default_params()
        # struct llama_model_quantize_params { int32_t nthread; enum llama_ftype ftype; ...
        ctypes.cast(ctypes.byref(params), ctypes.POINTER(ctypes.c_int32))[1] = FTYPES[mix]
        if self.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) != 0:
            self.fail(f"does not quantize {source} to {mix}")


def plugin():
    """File name of the CPU plug-in that this process has loaded."""
    paths = {line.split()[-1] for line in open("/proc/self/maps") if "/libggml-cpu" in line}
    if len(paths) != 1:
        raise SystemExit(f"{len(paths)} CPU plug-ins of ggml are loaded, want 1: {sorted(paths)}")
    return pathlib.Path(paths.pop()).name
