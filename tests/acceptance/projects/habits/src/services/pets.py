import json
import os

STORE = os.path.join(os.getcwd(), ".data", "pets.json")


def load():
    if not os.path.exists(STORE):
        return []
    with open(STORE) as file:
        return json.load(file)


def save(pets):
    os.makedirs(os.path.dirname(STORE), exist_ok=True)
    with open(STORE, "w") as file:
        json.dump(pets, file)
