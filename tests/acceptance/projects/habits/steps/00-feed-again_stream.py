config = {"name": "feed", "schema": None, "baseConfig": {"storageType": "default"}}
