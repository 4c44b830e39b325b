"""ollama's client for Python against pgcli serve."""

import unittest

import ollama
from server import PICTURE, serve, told


class Ollama(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = ollama.Client(host=cls.enterClassContext(serve()))
        cls.want = told("caption en")

    def message(self):
        return {"role": "user", "content": "caption en", "images": [PICTURE.read_bytes()]}

    def test_generate_and_chat(self):
        for got, text in (
            ((g := self.client.generate("tiny", "caption en", images=[str(PICTURE)])), g.response),
            ((c := self.client.chat("tiny:latest", [self.message()])), c.message.content),
        ):
            self.assertEqual((text, got.done, got.done_reason), (self.want["text"], True, "stop"))
            self.assertEqual(got.eval_count, len(self.want["tokens"]))
            self.assertEqual(got.prompt_eval_count, self.want["timings"]["prompt_tokens"])

    def test_stream(self):
        parts = list(self.client.generate("tiny", "caption en", images=[PICTURE.read_bytes()], stream=True))
        self.assertEqual("".join(p.response for p in parts), self.want["text"])
        self.assertEqual([p.done for p in parts], [False] * (len(parts) - 1) + [True])
        parts = list(self.client.chat("tiny", [{"role": "system", "content": "x"}, self.message()], stream=True))
        self.assertEqual("".join(p.message.content for p in parts), self.want["text"])

    def test_options(self):
        got = self.client.generate("tiny", "caption en", images=[PICTURE.read_bytes()], options={"num_predict": 2}, keep_alive="5m", think=False)
        self.assertEqual((got.response, got.done_reason), ("a yellow", "length"))
        got = self.client.generate("tiny", "caption en", images=[PICTURE.read_bytes()], logprobs=True, top_logprobs=2)
        for token, known in zip(got.logprobs, self.want["tokens"], strict=True):
            self.assertAlmostEqual(token.logprob, known["logprob"], places=6)

    def test_models(self):
        for models in self.client.list().models, self.client.ps().models:
            self.assertEqual([m.model for m in models], ["tiny"])
            self.assertEqual((models[0].details.parameter_size, models[0].details.quantization_level), ("6.75M", "Q8_0"))
        shown = self.client.show("tiny")
        self.assertEqual(shown.capabilities, ["completion", "vision"])
        self.assertEqual(shown.modelinfo["general.parameter_count"], 6747265)

    def test_errors(self):
        for status, call in (
            (404, lambda: self.client.generate("llama3", "x")),
            (404, lambda: self.client.pull("tiny")),
            (400, lambda: self.client.generate("tiny", "x", format="json")),
            (400, lambda: self.client.chat("tiny", [self.message()], think=True)),
            (400, lambda: list(self.client.generate("tiny", "x", images=[b"no picture"], stream=True))),
        ):
            with self.assertRaises(ollama.ResponseError) as caught:
                call()
            self.assertEqual(caught.exception.status_code, status)
            self.assertIsInstance(caught.exception.error, str)


if __name__ == "__main__":
    unittest.main()
