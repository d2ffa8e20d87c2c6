// The lesson's three points and the twenty students: x hours, y passed.
// Made by tests/make_learn_logistic.py.
globalThis.torchlogit ??= {};
torchlogit.data ??= {};
torchlogit.data.points = {"lesson": [{"x": 1.0, "y": 0}, {"x": 2.0, "y": 0}, {"x": 3.0, "y": 1}], "students": [{"x": 0.5, "y": 0}, {"x": 0.75, "y": 0}, {"x": 1.0, "y": 0}, {"x": 1.25, "y": 0}, {"x": 1.5, "y": 0}, {"x": 1.75, "y": 0}, {"x": 1.75, "y": 1}, {"x": 2.0, "y": 0}, {"x": 2.25, "y": 1}, {"x": 2.5, "y": 0}, {"x": 2.75, "y": 1}, {"x": 3.0, "y": 0}, {"x": 3.25, "y": 1}, {"x": 3.5, "y": 0}, {"x": 4.0, "y": 1}, {"x": 4.25, "y": 1}, {"x": 4.5, "y": 1}, {"x": 4.75, "y": 1}, {"x": 5.0, "y": 1}, {"x": 5.5, "y": 1}]};
