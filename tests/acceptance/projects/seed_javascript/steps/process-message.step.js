const config = {
  name: 'ProcessMessage',
  type: 'event', // ← Event-driven
  subscribes: ['message.sent'], // ← Listen to events
  emits: ['message.processed'],
  flows: ['messaging'],
  input: {
    type: 'object',
    properties: { text: { type: 'string' }, trace: { type: 'string' } },
    required: ['text', 'trace'],
  },
};

const handler = async (input, { emit, state, traceId }) => {
  const seen = { step: 'ProcessMessage', input, trace: traceId }
  await state.set('seen', `process ${input.text}`, seen)
  await emit({ topic: 'message.processed', data: input })
};

module.exports = { config, handler };
