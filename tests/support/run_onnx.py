#!/usr/bin/env python3
"""run_onnx.py DIR: every DIR/NAME.onnx passes onnx.checker in full, and onnxruntime gives DIR/NAME.logits for DIR/NAME.input:
within 1e-4 relative (L2 over the batch, each class's mean removed), with the same top-5; image by image too. Needs onnx,
onnxruntime and numpy."""
import glob
import os
import sys

import numpy as np
import onnx
import onnxruntime

failed = 0
files = sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx")))
for path in files:
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    assert shape[0] == "batch", shape
    images = np.fromfile(path[:-5] + ".input", np.float32).reshape([-1] + shape[1:])
    want = np.fromfile(path[:-5] + ".logits", np.float32).reshape(len(images), -1)
    (got,) = session.run(None, {"images": images})
    single = np.concatenate([session.run(None, {"images": images[i : i + 1]})[0] for i in range(len(images))])
    errors = [np.linalg.norm(centred(x) - centred(want)) / np.linalg.norm(centred(want))
              for centred in (lambda a: a - a.mean(0),) for x in (got, single)]
    top = (np.argsort(-got, 1)[:, :5] == np.argsort(-want, 1)[:, :5]).all()
    properties = session.get_modelmeta().custom_metadata_map
    good = max(errors) < 1e-4 and top and got.shape == want.shape and "classes" in properties and "preprocessing" in properties
    failed += not good
    print(f"{'ok' if good else 'NOT'} {os.path.basename(path)}: relative error {errors[0]:.2g}, one by one {errors[1]:.2g}, "
          f"top-5 {'the same' if top else 'DIFFERENT'}")
assert files, "no files"
sys.exit(1 if failed else 0)
