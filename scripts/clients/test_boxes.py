"""supervision, huggingface_hub and Label Studio's SDK read what pgcli serve answers."""

import base64
import unittest

import huggingface_hub
import numpy as np
import requests
import supervision as sv
from label_studio_sdk.label_interface import LabelInterface
from server import PICTURE, pgcli, serve

CONFIG = """<View><Image name="img" value="$photo"/>
<RectangleLabels name="box" toName="img"><Label value="Cross" predicted_values="cross"/><Label value="Circle"/></RectangleLabels>
<PolygonLabels name="line" toName="img"><Label value="Moon"/></PolygonLabels>
<TextArea name="text" toName="img" model_prompt="caption en"/>
<Choices name="star" toName="img" model_prompt="answer en is there a pink star?"><Choice value="Yes"/><Choice value="No"/></Choices></View>"""


class Boxes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = cls.enterClassContext(serve())
        cls.found = pgcli("detect", PICTURE, "cross", "circle")["objects"]
        cls.boxes = [[o["pixels"][k] for k in ("x0", "y0", "x1", "y1")] for o in cls.found]

    def test_supervision(self):
        fields = {"labels": "cross,circle", "format": "roboflow"}
        answer = requests.post(self.url + "/v1/detect", files={"image": PICTURE.read_bytes()}, data=fields)
        got = sv.Detections.from_inference(answer.json())
        self.assertEqual(list(got["class_name"]), [o["label"] for o in self.found])
        self.assertEqual(list(got.class_id), [["cross", "circle"].index(o["label"]) for o in self.found])
        np.testing.assert_allclose(got.confidence, [o["score"] for o in self.found], rtol=1e-6)
        np.testing.assert_allclose(got.xyxy, self.boxes, atol=1)

    def test_supervision_finds_nothing(self):
        fields = {"labels": "cross", "format": "roboflow", "threshold": 1}
        answer = requests.post(self.url + "/v1/detect", files={"image": PICTURE.read_bytes()}, data=fields)
        self.assertEqual(len(sv.Detections.from_inference(answer.json())), 0)

    def test_supervision_masks(self):
        counted = {}
        for form in "rle", "polygon":
            fields = {"labels": "cross,moon", "format": "roboflow", "masks": form}
            answer = requests.post(self.url + "/v1/segment", files={"image": PICTURE.read_bytes()}, data=fields)
            got = sv.Detections.from_inference(answer.json())
            self.assertEqual(got.mask.shape, (2, 336, 336))
            for box, mask in zip(got.xyxy, got.mask):
                y, x = np.nonzero(mask)
                self.assertTrue(box[0] - 2 <= x.min() and x.max() <= box[2] + 2 and box[1] - 2 <= y.min() and y.max() <= box[3] + 2)
            counted[form] = got.area
        np.testing.assert_allclose(counted["rle"], counted["polygon"], rtol=0.05)

    def test_hugging_face(self):
        client = huggingface_hub.InferenceClient(model=self.url + "/v1/detect?labels=cross,circle&format=hf")
        for picture in PICTURE.read_bytes(), str(PICTURE):
            got = client.object_detection(picture, threshold=0.1)
            self.assertEqual([o.label for o in got], [o["label"] for o in self.found])
            self.assertEqual([[o.box.xmin, o.box.ymin, o.box.xmax, o.box.ymax] for o in got], self.boxes)
            np.testing.assert_allclose([o.score for o in got], [o["score"] for o in self.found], rtol=1e-6)
        client = huggingface_hub.InferenceClient(model=self.url + "/v1/segment?labels=moon&format=hf&masks=png")
        [moon] = client.image_segmentation(PICTURE.read_bytes())
        self.assertEqual((moon.label, moon.mask.size), ("moon", (336, 336)))

    def test_hugging_face_chat(self):
        client = huggingface_hub.InferenceClient(base_url=self.url + "/v1", api_key="none")
        uri = "data:image/jpeg;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
        content = [{"type": "text", "text": "caption en"}, {"type": "image_url", "image_url": {"url": uri}}]
        got = client.chat_completion([{"role": "user", "content": content}], model="tiny")
        self.assertIn("yellow cross", got.choices[0].message.content)

    def test_label_studio(self):
        """The requests have the fields of Label Studio 1.23.2's MLApi (label_studio/ml/api_connector.py)."""
        session = requests.Session()
        session.headers["User-Agent"] = "heartex/1.23.2"
        self.assertEqual(session.get(self.url + "/health").json()["status"], "ok")
        setup = {"project": "1.1795935045", "schema": CONFIG, "hostname": "http://localhost:8080", "access_token": "x", "extra_params": None}
        self.assertEqual(session.post(self.url + "/setup", json=setup).json(), {"model_version": "tiny"})
        interface = LabelInterface(CONFIG)
        uri = "data:image/jpeg;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
        task = {"id": 7, "data": {"photo": uri}, "project": 1, "predictions": [], "annotations": [], "meta": {}}
        request = {"tasks": [task], "project": "1.1795935045", "label_config": CONFIG, "params": {"login": None, "password": None, "context": None}}
        answer = session.post(self.url + "/predict", json=request)
        [prediction] = answer.json()["results"]
        self.assertEqual(interface.validate_prediction(prediction, return_errors=True), [])
        boxes = [r for r in prediction["result"] if r["type"] == "rectanglelabels"]
        self.assertEqual(len(boxes), len(self.found))
        self.assertEqual([r["type"] for r in prediction["result"][len(boxes) :]], ["polygonlabels", "textarea", "choices"])
        for r, o in zip(boxes, self.found):
            self.assertAlmostEqual(r["value"]["x"], 100 * o["box"]["x0"])
            self.assertEqual(r["value"]["rectanglelabels"], [o["label"].capitalize()])
        self.assertEqual(session.post(self.url + "/webhook", json={"action": "START_TRAINING", "project": {"id": 1}}).status_code, 201)


if __name__ == "__main__":
    unittest.main()
