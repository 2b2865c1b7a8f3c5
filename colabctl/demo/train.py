"""Trains one classifier on one data set: the program of the demo's sweep."""

import csv
import os
from pathlib import Path

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

MODELS = {
    "random_forest": RandomForestClassifier,
    "svm": lambda random_state, **space: make_pipeline(StandardScaler(), SVC(**space)),
    "logistic_regression": lambda random_state, **space: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=300, **space)
    ),
}


def read(dataset):
    """Read a data set from the project's raw data: features, and the class in the last column."""
    file = Path(os.environ["COLABCTL_ROOT"]) / "data" / "raw" / f"{dataset}.csv"
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    return [[float(cell) for cell in row[:-1]] for row in rows], [row[-1] for row in rows]


def train(params, task):
    """Return the cross-validated accuracy of params["model"] on params["dataset"]."""
    space = {key: value for key, value in params.items() if key not in ("model", "dataset")}
    features, classes = read(params["dataset"])
    model = MODELS[params["model"]](random_state=0, **space)
    scores = cross_val_score(model, features, classes, cv=3)
    return {"accuracy": scores.mean(), "spread": scores.std()}
