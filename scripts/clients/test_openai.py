"""OpenAI's client for Python against pgcli serve."""

import base64
import threading
import time
import unittest

import openai
from server import PICTURE, serve, told

URI = "data:image/jpeg;base64," + base64.b64encode(PICTURE.read_bytes()).decode()


def question(prompt, picture=URI):
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": picture, "detail": "high"}}]
    return {"model": "tiny", "messages": [{"role": "user", "content": content}]}


class OpenAI(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = cls.enterClassContext(serve("--timeout", "60s"))
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0)
        cls.ask = staticmethod(cls.client.chat.completions.create)

    def test_answer_usage_and_logprobs(self):
        for prompt in "caption en", "detect cross ; circle", "answer en is there a pink star?":
            want = told(prompt)
            any_text = {"paligemma": {"any_text": True}}  # pgcli run has no grammar, which changes log-probabilities
            got = self.ask(**question(prompt), logprobs=True, top_logprobs=2, extra_body=any_text)
            choice = got.choices[0]
            self.assertEqual((choice.message.content, choice.finish_reason), (want["text"], "stop"))
            self.assertEqual(got.usage.completion_tokens, len(want["tokens"]))
            self.assertEqual(got.usage.prompt_tokens, want["timings"]["prompt_tokens"])
            for token, known in zip(choice.logprobs.content, want["tokens"], strict=True):
                self.assertAlmostEqual(token.logprob, known["logprob"], places=6)
                self.assertEqual(token.top_logprobs[0].token, token.token)
            self.assertEqual(len(choice.message.paligemma.get("objects", [])), len(want.get("objects") or []))

    def test_stream(self):
        want = told("caption en")["text"]
        chunks = list(self.ask(**question("caption en"), stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), want)
        self.assertGreater(chunks[-1].usage.completion_tokens, 5)
        with self.client.chat.completions.stream(**question("caption en")) as stream:
            self.assertIn("content.delta", {event.type for event in stream})
            self.assertEqual(stream.get_final_completion().choices[0].message.content, want)

    def test_choices_seed_stop_and_length(self):
        got = self.ask(**question("caption en"), n=3, temperature=2, seed=7, max_tokens=20)
        want = [told("caption en", "--temp", "2", "--seed", str(7 + i), "-n", "20")["text"] for i in range(3)]
        self.assertEqual([c.message.content for c in got.choices], want)
        text = told("caption en")["text"]
        choice = self.ask(**question("caption en"), stop=["ink ", "never"]).choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), (text.split("ink ")[0], "stop"))
        choice = self.ask(**question("caption en"), max_completion_tokens=2).choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), ("a yellow", "length"))

    def test_errors(self):
        for kind, param, request in (
            (openai.NotFoundError, "model", question("x") | {"model": "gpt-9"}),
            (openai.BadRequestError, "n", question("x") | {"n": 99}),
            (openai.BadRequestError, "tools", question("x") | {"tools": [{"type": "function", "function": {"name": "f"}}]}),
            (openai.BadRequestError, "response_format", question("x") | {"response_format": {"type": "json_object"}}),
            (openai.BadRequestError, "messages", question("x", "http://127.0.0.1/a.png")),
            (openai.BadRequestError, None, question("x", "data:image/png;base64,AAAA")),
        ):
            with self.subTest(param), self.assertRaises(kind) as caught:
                self.ask(**request)
            self.assertEqual(caught.exception.param, param)
            self.assertTrue(caught.exception.message)
        with self.assertRaises(openai.APITimeoutError):
            self.ask(**question("caption en"), timeout=0.001)

    def test_models(self):
        self.assertEqual([m.id for m in self.client.models.list()], ["tiny"])
        self.assertEqual(self.client.models.retrieve("tiny").object, "model")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("gpt-9")

    def test_key(self):
        with serve("--api-key", "secret") as url:
            client = openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0)
            with self.assertRaises(openai.AuthenticationError):
                client.models.list()
            self.assertEqual(len(client.with_options(api_key="secret").models.list().data), 1)

    def test_retries_while_the_queue_is_full(self):
        with serve("--parallel", "1", "--queue", "-1") as url:
            client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
            long = question("caption en") | {"temperature": 5, "max_tokens": 500, "logit_bias": {"1": -100}, "logprobs": True, "top_logprobs": 20}
            stream = client.chat.completions.create(**long, stream=True)
            next(iter(stream))
            with self.assertRaises(openai.RateLimitError) as caught:
                client.chat.completions.create(**question("caption en"))
            self.assertGreaterEqual(int(caught.exception.response.headers["Retry-After"]), 1)
            threading.Timer(0.5, stream.close).start()
            start = time.monotonic()
            answer = client.with_options(max_retries=5).chat.completions.create(**question("caption en"))
            self.assertEqual(answer.choices[0].message.content, told("caption en")["text"])
            self.assertGreater(time.monotonic() - start, 0.5)


if __name__ == "__main__":
    unittest.main()
