config = {"name": "feed", "schema": {"type": "object"}, "baseConfig": {"storageType": "default"}}
