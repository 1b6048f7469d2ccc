def config = { type: "api" }
