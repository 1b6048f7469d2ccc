const config = {
  name: 'SendMessage',
  type: 'api', // ← How it triggers
  path: '/messages', // ← path
  method: 'POST', // ← method
  emits: ['message.sent'],
  flows: ['messaging'],
  bodySchema: {
    type: 'object',
    properties: { text: { type: 'string', minLength: 1 } },
    required: ['text'],
  },
};

const handler = async (req, { emit, traceId }) => {
  await emit({ topic: 'message.sent', data: { text: req.body.text, trace: traceId } })
  return { status: 200, body: { trace: traceId, same: traceId } }
};

module.exports = { config, handler };
