"""Goldens of internal/metrics, made by other people's programs.

    pip install --no-deps -r scripts/metrics/requirements.txt
    python scripts/metrics/golden.py [DIR]      # writes golden.json to DIR, testdata/metrics by default

VQA accuracy      the challenge's vqaEval.py, in the copy of salesforce-lavis. It normalizes the
                  people's answers less thoroughly than the published rules say, so its own two
                  functions normalize them here first
ANLS              package anls
CIDEr-D           pycocoevalcap, on words cut as package internal/metrics documents
average precision scikit-learn
divergence        scipy
IoU of boxes      counted on a grid of pixels; boxes are matched by taking the largest entry of a
                  table again and again
"""

import importlib.util
import json
import pathlib
import re
import sys

import numpy as np
import scipy.special
from anls import anls_score
from pycocoevalcap.cider.cider_scorer import CiderScorer
from sklearn.metrics import average_precision_score

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "testdata/metrics"
rng = np.random.default_rng(20261125)


def load_vqa():
    """The class VQAEval, from vqaEval.py alone: importing the whole package would need all its dependencies."""
    package = pathlib.Path(importlib.util.find_spec("lavis").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("vqa_eval", package / "common/vqa_tools/vqa_eval.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VQAEval


class Answers:
    """Answers by question, in the form that VQAEval reads."""

    def __init__(self, qa):
        self.qa = qa

    def getQuesIds(self):
        return list(self.qa)


EVAL = load_vqa()(Answers({}), Answers({}))


def spell(text):
    text = text.replace("\n", " ").replace("\t", " ").strip()
    return EVAL.processDigitArticle(EVAL.processPunctuation(text))


def normal():
    texts = ["", " ", "Yes", "the two dogs", "A man, a plan", "100,978 people", "3.14", "No.", "e.g. this", "u.s.a.", "...", "1..2", ".5", "5.",
             "ten o'clock", "10:30", "it's", "dogs' bowls", "red/green", "red / green", "red-green", "(left)", "what?!", "a_b", "none", "None of the above",
             "the", "an", "t-shirt, jeans", "1,2-3/4", "x,y", "tab\there", "line\nbreak", "\"quoted\"", "50%", "$5", "a#b", "naïve café", "ÉCOLE", "٣,٤", "no . dot",
             "<loc0001>", "2+2=4", "me@here", "`code`", "{x}", "[y]", "back\\slash", "semi;colon", "eleven", "Ten", "zero"]
    texts += sorted(EVAL.contractions) + sorted(set(EVAL.contractions.values()))
    alphabet = list("ab1 2.,?-'/ A") + ["the ", "two ", "dont "]
    texts += ["".join(rng.choice(alphabet, rng.integers(1, 12))) for _ in range(150)]
    return [{"text": t, "normal": spell(t)} for t in texts]


def accuracy(answer, people):
    qa = {"answers": [{"answer": spell(p), "answer_id": i} for i, p in enumerate(people)], "question_type": "", "answer_type": ""}
    e = load_vqa()(Answers({0: qa}), Answers({0: {"answer": answer}}), n=12)
    e.evaluate()
    return e.accuracy["overall"] / 100


def vqa():
    pool = ["yes", "no", "2", "two", "Two.", "the dog", "a dog", "dog", "3"]
    cases = [("2", ["two"] * 10), ("yes", ["no"] * 10), ("dog", ["a dog", "the dog"] + ["cat"] * 8), ("dog", ["dog"] * 3 + ["cat"] * 7)]
    cases += [(str(rng.choice(pool)), [str(v) for v in rng.choice(pool, n)]) for n in (4, 5, 10, 10, 10, 10, 10, 10) for _ in range(6)]
    return [{"answer": a, "people": p, "score": accuracy(a, p)} for a, p in cases]


def anls():
    cases = [("", [""]), ("", ["a"]), ("Hello", ["hello"]), ("a  b", [" a b "]), ("abcd", ["abxy"]), ("abcd", ["abcx"]), ("abcde", ["abxyz", "abcxy"]),
             ("Straße", ["strasse"]), ("日本語", ["日本"]), ("12.50", ["$12.50", "12,50"])]
    letters = list("abC ")
    for _ in range(80):
        answer = "".join(rng.choice(letters, rng.integers(0, 12)))
        cases.append((answer, ["".join(rng.choice(letters, rng.integers(0, 12))) for _ in range(rng.integers(1, 4))]))
    return [{"answer": a, "expected": e, "score": anls_score(a, e, 0.5)} for a, e in cases]


def words(caption):
    """A caption in lower case, cut at spaces, each word without the punctuation around it."""
    parts = (re.sub(r"^[\W_]+|[\W_]+$", "", w) for w in caption.lower().split())
    return " ".join(p for p in parts if p)


def cider():
    nouns, colors, places = ["dog", "cat", "t-shirt", "Boat"], ["red", "blue", "small", "big"], ["on grass.", "at night", "in the sea", "by a house"]

    def caption():
        s = f"A {rng.choice(colors)} {rng.choice(nouns)}"
        if rng.random() < 0.5:
            s += f", and a {rng.choice(colors)} {rng.choice(nouns)}"
        return f"{s} {rng.choice(places)}"

    items = [{"answer": caption(), "expected": [caption() for _ in range(rng.integers(1, 6))]} for _ in range(30)]
    items[0]["answer"] = items[0]["expected"][0]
    items[1]["answer"] = ""
    items[2]["answer"] = "dog"
    items[3]["answer"] = " ".join([items[3]["expected"][0]] * 3)  # repeats a caption three times
    items[4]["answer"] = "Don't -- stop !"
    items[5]["expected"] = ["x"]
    scorer = CiderScorer()
    for it in items:
        scorer += (words(it["answer"]), [words(e) for e in it["expected"]])
    _, scores = scorer.compute_score()
    return [it | {"score": float(s)} for it, s in zip(items, scores)]


def canvas(box, size):
    """The pixels inside a box of whole numbers, bool [size, size]."""
    out = np.zeros((size, size), bool)
    out[box[1]:box[3], box[0]:box[2]] = True
    return out


def iou(a, b):
    return float((a & b).sum() / (a | b).sum()) if (a & b).any() else 0.0


def match():
    out = []
    for _ in range(60):
        def things(n):
            corners = [(rng.integers(0, 12, 2), rng.integers(1, 9, 2)) for _ in range(n)]
            return [{"label": str(rng.choice(["a", "b"])), "box": [int(v) for v in (*p, *(p + s))]} for p, s in corners]

        found, truth = things(rng.integers(0, 5)), things(rng.integers(0, 5))
        if found and truth:
            found[0] = dict(truth[0])  # an exact one
        table = np.zeros((len(found), len(truth)))
        for i, f in enumerate(found):
            for j, t in enumerate(truth):
                if f["label"] == t["label"]:
                    table[i, j] = iou(canvas(f["box"], 24), canvas(t["box"], 24))
        ious, partner = [0.0] * len(truth), [-1] * len(truth)
        while table.size and table.max() > 0:
            i, j = np.unravel_index(table.argmax(), table.shape)  # the first of equal entries
            ious[j], partner[j] = float(table[i, j]), int(i)
            table[i], table[:, j] = 0, 0
        out.append({"found": found, "truth": truth, "ious": ious, "partner": partner})
    return out


def masks():
    """Masks of 8-bit opacity: one of the whole picture and one of a window in it."""
    out = []
    for k in range(12):
        whole = rng.integers(0, 256, (9, 7), dtype=np.uint8)
        x0, y0, x1, y1 = (0, 0, 7, 9) if k == 0 else (*rng.integers(0, 4, 2), *rng.integers(4, 7, 2))
        part = rng.integers(0, 256, (y1 - y0, x1 - x0), dtype=np.uint8)
        if k == 1:
            part[:] = 127
        if k == 2:
            part[:], whole[:] = 128, 128
        pasted = np.zeros_like(whole)
        pasted[y0:y1, x0:x1] = part
        out.append({"whole": whole.tolist(), "part": part.tolist(), "at": [int(x0), int(y0)], "iou": iou(pasted >= 128, whole >= 128)})
    return out


def ranking():
    out = []
    for n, levels in ((1, 5), (2, 2), (9, 4), (40, 1000), (41, 6), (200, 30)):
        scores, right = rng.integers(0, levels, n) / levels, rng.random(n) < 0.6
        right[0] = True
        truth = int(right.sum() + rng.integers(0, 5))
        order = np.argsort(-scores, kind="stable")
        upper, lower = right[order[:n // 2]], right[order[n // 2:]]
        out.append({"scores": scores.tolist(), "right": right.tolist(), "truth": truth,
                    "upper": float(upper.mean()) if len(upper) else 0.0, "lower": float(lower.mean()),
                    "ap": float(average_precision_score(right, scores) * right.sum() / truth)})
    return out


def divergence():
    out = []
    for n, scale, noise in ((2, 1, 0.5), (50, 3, 0.1), (50, 30, 5), (300, 1, 1e-3), (300, 8, 2)):
        a = np.float32(rng.normal(0, scale, n))
        b = np.float32(a + rng.normal(0, noise, n))
        p, q = (scipy.special.log_softmax(v.astype(np.float64)) for v in (a, b))
        out.append({"a": a.tolist(), "b": b.tolist(), "kl": float(scipy.special.rel_entr(np.exp(p), np.exp(q)).sum()),
                    "top": [int(a.argmax()), int(b.argmax())]})
    return out


def quantiles():
    out = []
    for n in (1, 2, 7, 100, 333):
        v = rng.exponential(1, n)
        out.append({"values": v.tolist(), "shares": [0, 0.5, 0.99, 1], "want": np.quantile(v, [0, 0.5, 0.99, 1]).tolist(), "mean": float(v.mean())})
    return out


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TESTDATA
    out.mkdir(parents=True, exist_ok=True)
    stdout, sys.stdout = sys.stdout, open("/dev/null", "w")  # VQAEval prints its progress
    golden = {f.__name__: f() for f in (normal, vqa, anls, cider, match, masks, ranking, divergence, quantiles)}
    sys.stdout = stdout
    lines = [f"{json.dumps(k)}: [\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in v) + "\n]" for k, v in golden.items()]
    (out / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
