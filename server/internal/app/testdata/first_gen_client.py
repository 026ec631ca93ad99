"""A client of the first generation, written from the wire's description alone.

usage: first_gen_client.py SERVER NAME KEY ANSWER.wav [PHOTO.jpg]

It says who it is, waits for one whisper, fetches it, answers, and sends the
answer a second time, as such clients do when they lose the first response.
"""
import json
import sys

import requests
import websocket

server, name, key, answer = sys.argv[1:5]
photo = sys.argv[5] if len(sys.argv) > 5 else None

ws = websocket.create_connection(server.replace("http", "ws", 1) + "/echo", timeout=30)
ws.send(json.dumps({key: name}))
push = json.loads(ws.recv())
got = {}
for what in ("audio_url", "image_url"):
    if push[what]:
        response = requests.get(push[what], timeout=30)
        response.raise_for_status()
        got[what] = len(response.content)

for attempt in range(2):
    files = {"audio_file": open(answer, "rb")}
    if photo:
        files["image_file"] = open(photo, "rb")
    response = requests.post(server + "/uploadWhisper", files=files, timeout=60,
                             data={"whisper_id": push["whisper_id"], "username": name})
    response.raise_for_status()
ws.close()
print(json.dumps({"push": push, "got": got, "answer": response.json()}))
