"""The live list of orders: group `all`, one item an order."""

config = {
    "name": "orders",
    "schema": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "item": {"type": "string"},
            "quantity": {"type": "integer"},
            "total_cents": {"type": "integer"},
            "status": {"type": "string", "enum": ["placed", "paid", "declined", "shipped"]},
        },
        "required": ["id", "item", "quantity", "total_cents", "status"],
    },
    "baseConfig": {"storageType": "default"},
}
