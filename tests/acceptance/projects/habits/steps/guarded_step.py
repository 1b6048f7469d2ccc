from middlewares.auth import attach_supabase, auth_required, create_timing_middleware

config = {
    "type": "api",
    "name": "Guarded Endpoint!",
    "path": "/guarded",
    "method": "GET",
    "emits": [],
    "flows": [],
    "middleware": [create_timing_middleware("Guarded"), attach_supabase, auth_required],
}


async def handler(req, context):
    return {
        "status": 200,
        "body": {
            "user": req["user"],
            "rows": req["supabase"].query("pets"),
            "order": req["order"],
            "body": req["body"],
        },
    }
