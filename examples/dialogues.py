"""Writes the dialogues of chatterbot-corpus as lines of JSON, a message each.

python dialogues.py > dialogues.jsonl
"""

import importlib.metadata
import json
from pathlib import Path

import yaml

corpus = importlib.metadata.distribution("chatterbot-corpus").locate_file("chatterbot_corpus/data")
for file in sorted(Path(str(corpus)).glob("*/*.yml")):
    person = f"{file.parent.name}-{file.stem}"
    dialogues = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)["conversations"]
    for number, dialogue in enumerate(dialogues):
        for turn, text in enumerate([dialogue] if isinstance(dialogue, str) else dialogue):
            role = ("user", "assistant")[turn % 2]
            message = {"person": person, "dialogue": number, "role": role, "content": str(text)}
            print(json.dumps(message))
