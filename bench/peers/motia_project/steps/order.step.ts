const bodySchema = {
  type: 'object',
  properties: { item: { type: 'string', minLength: 1 }, quantity: { type: 'integer', minimum: 1 } },
  required: ['item', 'quantity'],
}
export const config = {
  name: 'Order', type: 'api', path: '/orders', method: 'POST', bodySchema,
  emits: ['bench.ordered'], flows: [],
}

export const handler = async (req: any, { emit, state, traceId }: any) => {
  const at_s = Number(process.hrtime.bigint()) / 1e9
  await state.set('orders', traceId, req.body)
  await emit({ topic: 'bench.ordered', data: { at_s, id: traceId } })
  return { status: 200, body: { id: traceId } }
}
