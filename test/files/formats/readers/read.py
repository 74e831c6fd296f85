"""Prints as JSON what Python reads: the files of a folder as json, map and yaml, and each *.env by both ways of dotenv."""

import json
import logging
import pathlib
import sys

import dotenv
import yaml

# What it cannot parse it says in the log; here that is seen by what it has read.
logging.disable()
folder = pathlib.Path(sys.argv[1])
variables = {}
for path in folder.glob("*.env"):
    variables[path.stem] = {
        "plain": dotenv.dotenv_values(path, interpolate=False),
        "interpolated": dotenv.dotenv_values(path),
    }
print(
    json.dumps(
        {
            "json": {entry["name"]: entry["value"] for entry in json.loads((folder / "json").read_bytes())},
            "map": json.loads((folder / "map").read_bytes()),
            "yaml": yaml.safe_load((folder / "yaml").read_bytes()),
            "dotenv": variables,
        }
    )
)
