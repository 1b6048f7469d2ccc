const bodySchema = {
  type: 'object',
  properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer', minimum: 0 } },
  required: ['name', 'age'],
  additionalProperties: false,
}
export const config = {
  name: 'Users', type: 'api', path: '/users', method: 'POST', bodySchema, emits: [], flows: [],
}

export const handler = async (req: any) => ({ status: 200, body: { name: req.body.name } })
