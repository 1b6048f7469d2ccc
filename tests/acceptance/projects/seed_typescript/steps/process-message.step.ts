import { EventConfig, Handlers } from 'motia';

export const config: EventConfig = {
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

export const handler: Handlers['ProcessMessage'] = async (input, { emit, state, traceId }) => {
  const seen = { step: 'ProcessMessage', input, trace: traceId }
  await state.set('seen', `process ${input.text}`, seen)
  await emit({ topic: 'message.processed', data: input })
};
