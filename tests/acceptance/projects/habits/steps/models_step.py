from typing import Optional

try:
    from pydantic import BaseModel, Field

    class Item(BaseModel):
        name: str
        price: float = Field(gt=0)

    class Order(BaseModel):
        email: str
        items: list[Item]
        note: Optional[str] = None

    schema = Order.model_json_schema()
except ImportError:
    schema = {"type": "object", "properties": {"email": {"type": "string"}}}

config = {
    "type": "api",
    "name": "CreateOrder",
    "path": "/orders/",
    "method": "POST",
    "emits": ["order.created"],
    "bodySchema": schema,
    "responseSchema": {201: schema, 400: {"type": "object"}},
}


async def handler(req, context):
    order = Order(**req.get("body"))
    await context.emit({"topic": "order.created", "data": order.model_dump()})
    context.logger.info("order", order)
    return {"status": 201, "body": order}
