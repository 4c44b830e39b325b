"""Asks about a picture with OpenAI's client: python chat.py photo.jpg "caption en" """

import base64
import os
import sys

import openai

path, prompt = sys.argv[1:]
client = openai.OpenAI(base_url=os.environ.get("PGCLI_URL", "http://127.0.0.1:9931") + "/v1", api_key="none")
with open(path, "rb") as f:
    picture = "data:image/jpeg;base64," + base64.b64encode(f.read()).decode()
model = client.models.list().data[0].id
content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": picture}}]
chunks = client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}], stream=True)
for chunk in chunks:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
