"""Upload a recording and a picture, start a whisper through all boxes, wait for its end."""
import base64, hashlib, json, os, sys, urllib.request

server, token, project, sound, picture = sys.argv[1:6]


def call(method, path, body=None, **headers):
    headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(server + "/api/v1" + path, body, headers, method=method)
    return urllib.request.urlopen(request)


def upload(role, file):
    data = open(file, "rb").read()
    facts = {"role": role, "sha256": hashlib.sha256(data).hexdigest()}
    meta = ",".join(k + " " + base64.b64encode(v.encode()).decode() for k, v in facts.items())
    head = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": meta}
    answer = call("POST", "/uploads/", data, **head, **{"Content-Type": "application/offset+octet-stream"})
    return answer.headers["Location"].split("/")[-1]


boxes = [box["id"] for box in json.load(call("GET", "/boxes?limit=200"))["items"] if box["presence"] != "revoked"]
start = {"title": "From a script", "audio": upload("audio", sound), "image": upload("image", picture), "boxes": boxes}
stream = call("GET", f"/projects/{project}/events?since=0")
key = {"Content-Type": "application/json", "Idempotency-Key": os.urandom(16).hex()}
whisper = json.load(call("POST", f"/projects/{project}/whispers", json.dumps(start).encode(), **key))["whispers"][0]["id"]
for line in stream:
    event = json.loads(line[6:]) if line.startswith(b"data: {") else {}
    if event.get("whisper") == whisper:
        print(event["seq"], event["type"], flush=True)
        if event["type"] in ("complete", "ended"):
            break
