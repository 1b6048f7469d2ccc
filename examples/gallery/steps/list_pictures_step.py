"""All pictures as a table, a line at a time."""

config = {
    "name": "ListPictures",
    "type": "api",
    "path": "/pictures.csv",
    "method": "GET",
    "emits": [],
}


async def handler(req, context):
    async def lines():
        yield "title,by,size"
        for about in await context.state.get_group("pictures"):
            title = about["title"].replace('"', '""')
            yield f'\n"{title}",{about["by"]},{about["size"]}'

    return {"status": 200, "headers": {"content-type": "text/csv"}, "body": lines()}
