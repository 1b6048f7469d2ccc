from steps.models_step import Order, schema

config = {
    "type": "event",
    "name": "CreateOrder",
    "subscribes": ["order.created"],
    "emits": [],
    "input": schema,
}


async def handler(input_data, context):
    order = Order(**input_data)
    await context.state.set("seen", "order", {"total": sum(item.price for item in order.items)})
