"""Answers every question under prompt.txt and writes out.json for the judge.

The answering model is PROMPT_MODEL at PROMPT_URL, any server that speaks OpenAI's
chat completions. A key that it needs stands in the untracked file answerer.key;
README.md says how.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

URL = os.environ.get("PROMPT_URL")
MODEL = os.environ.get("PROMPT_MODEL", "qwen3:8b")


def read(name):
    with open(name, encoding="utf-8") as file:
        return file.read()


def answer(system, question):
    body = {
        "model": MODEL,
        "temperature": 0,
        "seed": 1,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": question}],
    }
    headers = {"Content-Type": "application/json"}
    if os.path.exists("answerer.key"):
        headers["Authorization"] = "Bearer " + read("answerer.key").strip()
    request = urllib.request.Request(URL + "/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]


def main():
    if not URL:
        sys.exit("PROMPT_URL is not set: it names the server that answers, see README.md")
    questions = json.loads(read("questions.json"))
    system = read("prompt.txt") + "\n" + read("notes.md")
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda q: answer(system, q["question"]), questions))
    except urllib.error.HTTPError as error:
        sys.exit(f"{URL}: {error.code} {error.read(500).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"{URL} does not answer ({error}); PROMPT_URL names another server")
    items = [
        {"id": q["id"], "bucket": q["bucket"], "text": f"Question: {q['question']}\nAnswer: {a}"}
        for q, a in zip(questions, answers)
    ]
    with open("out.json", "w", encoding="utf-8") as out:
        json.dump(items, out)
    print("words:", sum(len(a.split()) for a in answers) / len(answers))


main()
