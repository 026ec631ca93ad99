"""An idle client of the first generation's kind (docs/first-generation.md): it
keeps a connection open and waits for whispers.

usage: idle_client.py ADDRESS NAME
"""
import json
import sys

import requests  # such clients fetch and send with it
import websocket

hello = json.dumps({"username": sys.argv[2]})
client = websocket.WebSocketApp(sys.argv[1], on_open=lambda ws: ws.send(hello))
client.run_forever(ping_interval=20, reconnect=5)
