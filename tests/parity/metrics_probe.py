"""Linear and k-NN probes of scikit-learn and NumPy on scikit-learn's digits (1,797 images of 8 x 8, UCI, CC BY 4.0).

Writes the fixture and prints one JSON document; both recorded files stand where the Rust test reads them.

    python metrics_probe.py ../../metrics/tests/data/digits.npy > metrics_probe.json
"""

import json
import sys

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, top_k_accuracy_score
from sklearn.preprocessing import StandardScaler

TRAIN = 1200


def linear(train, train_labels, test, test_labels, c):
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    model = LogisticRegression(C=c, tol=1e-8, max_iter=100_000).fit(train, train_labels)
    train_loss = log_loss(train_labels, model.predict_proba(train))
    result = {
        "accuracy": 100 * accuracy_score(test_labels, model.predict(test)),
        "mean-per-class accuracy": 100 * balanced_accuracy_score(test_labels, model.predict(test)),
        "loss": log_loss(test_labels, model.predict_proba(test)),
        "train loss": train_loss,
        "train objective": c * len(train) * train_loss + (model.coef_**2).sum() / 2,
    }
    if len(model.classes_) > 5:
        result["top-5"] = 100 * top_k_accuracy_score(test_labels, model.predict_proba(test), k=5)
    return {key: float(value) for key, value in result.items()}


def nearest_neighbours(train, train_labels, test, test_labels, k, similarity, temperature):
    if similarity == "cosine":
        train, test = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, test))
        similarities = test @ train.T
    else:
        similarities = -np.sqrt(((test[:, None] - train[None]) ** 2).sum(axis=2))
    predictions = []
    for row in similarities:
        neighbours = np.argsort(-row, kind="stable")[:k]
        weights = np.ones(k) if temperature is None else np.exp(row[neighbours] / temperature)
        predictions.append(np.bincount(train_labels[neighbours], weights, minlength=10).argmax())
    return 100 * float(accuracy_score(test_labels, predictions))


def main():
    digits = load_digits()
    data, labels = digits.data, digits.target
    np.save(sys.argv[1], np.column_stack([data, labels]).astype(np.uint8))
    train, test, train_labels, test_labels = data[:TRAIN], data[TRAIN:], labels[:TRAIN], labels[TRAIN:]
    linear_cases = []
    for task, relabel in (("ten", lambda y: y), ("two", lambda y: y // 5), ("three", lambda y: y // 4)):
        for c in (0.001, 0.1, 1.0, 100.0):
            scores = linear(train, relabel(train_labels), test, relabel(test_labels), c)
            linear_cases.append({"task": task, "C": c, "scores": scores})
    knn_cases = [
        {
            "k": k,
            "similarity": similarity,
            "temperature": temperature,
            "accuracy": nearest_neighbours(train, train_labels, test, test_labels, k, similarity, temperature),
        }
        for k in (1, 5, 20)
        for similarity in ("cosine", "euclidean")
        for temperature in (None, 0.07)
    ]
    versions = {"python": sys.version.split()[0], "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    json.dump({"versions": versions, "train": TRAIN, "linear": linear_cases, "knn": knn_cases}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
