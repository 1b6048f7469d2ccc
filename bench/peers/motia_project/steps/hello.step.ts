export const config = { name: 'Hello', type: 'api', path: '/hello', method: 'GET', emits: [], flows: [] }

export const handler = async () => ({ status: 200, body: { message: 'hello' } })
